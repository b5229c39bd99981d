from __future__ import annotations

import threading
import time

import pytest

from tests.patience import PATIENCE_S
from tests.worker.site import Site, make_spec
from worker import client
from worker.client import App, Away, Gone, Reporter
from worker.contract import MAX_LOG_CHUNK_CHARS, Blame, Kind, Step, Stream
from worker.errors import Stop, Stopped


@pytest.fixture
def stops() -> list[Stop]:
    return []


@pytest.fixture
def reporter(site: Site, stops: list[Stop]) -> Reporter:
    return Reporter(App(site.url), make_spec(), stops.append)


def test_claim_is_a_batch_of_its_own(site: Site, reporter: Reporter) -> None:
    claim = reporter.claim("fake")
    assert set(claim.downloads) == set(site.inputs)
    assert site.batches[0] == 1
    assert (site.events[0].kind, site.events[0].engine) == (Kind.STARTED, "fake")
    assert site.events[0].text  # tells this claim from another worker's
    reporter.silence()
    reporter.close(1)


def test_events_arrive_in_order_and_once(site: Site, reporter: Reporter) -> None:
    reporter.claim()
    site.answers = [500, 503, 200, 502]
    for number in range(200):
        reporter.log(Stream.SCORING_STDOUT, f"{number}\n")
        if number % 50 == 0:
            reporter.note(f"note {number}")
    reporter.finished({"a": 1.0}, {}, 0.5)
    assert reporter.close(PATIENCE_S)
    assert site.log("scoring_stdout") == "".join(f"{n}\n" for n in range(200))
    assert [event.seq for event in site.events] == list(range(1, len(site.events) + 1))
    assert site.last().container_s == 0.5


def test_long_text_is_cut_into_chunks(site: Site, reporter: Reporter) -> None:
    reporter.claim()
    text = "é\n" * MAX_LOG_CHUNK_CHARS
    reporter.log(Stream.SCORING_STDOUT, text)
    reporter.failed("x", Blame.ORGANIZER)
    reporter.close(PATIENCE_S)
    assert site.log("scoring_stdout") == text
    assert max(len(event.text) for event in site.events) <= MAX_LOG_CHUNK_CHARS


def test_text_that_a_database_refuses_is_mended(site: Site, reporter: Reporter) -> None:
    reporter.claim()
    reporter.log(Stream.SCORING_STDOUT, "nul \x00 and a literal \\u0000")
    reporter.note("half a pair \ud800")
    reporter.failed("x", Blame.ORGANIZER)
    assert reporter.close(PATIENCE_S)
    assert site.log("scoring_stdout") == "nul \ufffd and a literal \\u0000"
    assert "half a pair" in site.notes()


def test_nothing_is_said_after_the_end(site: Site, reporter: Reporter) -> None:
    reporter.claim()
    reporter.failed("the reason", Blame.ORGANIZER)
    reporter.log(Stream.SCORING_STDOUT, "late")
    reporter.note("late")
    reporter.finished({}, {}, 0)
    reporter.close(PATIENCE_S)
    assert site.kinds() == [Kind.STARTED, Kind.FAILED]


def test_cancel_is_heard_while_nothing_is_said(
    site: Site, reporter: Reporter, stops: list[Stop]
) -> None:
    reporter.claim()
    site.cancel_at = Kind.STARTED
    end = time.monotonic() + PATIENCE_S
    while not stops and time.monotonic() < end:
        time.sleep(0.02)
    assert stops == [Stop.CANCELLED]
    reporter.cancelled()
    reporter.close(PATIENCE_S)
    assert site.last().kind == Kind.CANCELLED


def test_cancelled_attempt_that_is_not_listened_to_ends_anyway(
    site: Site, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter.claim()
    site.cancel_at = Kind.STARTED
    monkeypatch.setattr(site, "events", _Deaf(site.events))
    reporter.cancelled()
    assert reporter.close(PATIENCE_S)


class _Deaf(list):  # type: ignore[type-arg]
    """Events that take no new one."""

    def append(self, _: object) -> None:
        return


def test_disowned_attempt_falls_silent(site: Site, reporter: Reporter, stops: list[Stop]) -> None:
    reporter.claim()
    site.answers = [409]
    reporter.note("x")
    assert reporter.close(PATIENCE_S)
    assert stops == [Stop.SUPERSEDED]
    assert site.kinds() == [Kind.STARTED]


@pytest.mark.parametrize("status", [404, 409, 422])
def test_claim_that_is_refused_stops(site: Site, reporter: Reporter, status: int) -> None:
    site.answers = [status]
    with pytest.raises(Stopped) as caught:
        reporter.claim()
    assert caught.value.reason == Stop.SUPERSEDED
    reporter.close(1)


def test_claim_of_a_cancelled_run_stops(site: Site, reporter: Reporter) -> None:
    site.cancel_at = Kind.STARTED
    with pytest.raises(Stopped) as caught:
        reporter.claim()
    assert caught.value.reason == Stop.CANCELLED
    reporter.silence()
    reporter.close(1)


def test_app_that_stays_away_is_given_up(site: Site, reporter: Reporter) -> None:
    reporter.claim()
    site.answers = [503] * 1000
    reporter.failed("x", Blame.ORGANIZER)
    assert not reporter.close(0.3)


def test_any_thread_may_speak(site: Site, reporter: Reporter) -> None:
    reporter.claim()

    def speak() -> None:
        for _ in range(20):
            reporter.note("x")

    threads = [threading.Thread(target=speak) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporter.finished({}, {}, 0)
    reporter.close(PATIENCE_S)
    assert [event.seq for event in site.events] == list(range(1, 163))


def test_steps_carry_how_long_the_one_before_took(site: Site, reporter: Reporter) -> None:
    reporter.claim()
    reporter.step(Step.FETCH)
    reporter.step(Step.SCORE, engine="docker", image_digest="sha256:1")
    reporter.finished({}, {}, 0)
    reporter.close(PATIENCE_S)
    assert (site.events[2].engine, site.events[2].image_digest) == ("docker", "sha256:1")
    assert site.events[2].seconds >= 0


def test_steps_wait_for_each_other_and_travel_together(
    site: Site, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LINGER_S", 3600)
    monkeypatch.setattr(client, "BEAT_S", 3600)
    reporter.claim()
    for step in (Step.FETCH, Step.UNPACK, Step.INGEST, Step.SCORE):
        reporter.step(step)
    reporter.finished({}, {}, 0)  # the end waits for nobody
    assert reporter.close(PATIENCE_S)
    assert site.batches == [1, 5]


@pytest.mark.parametrize("status", [301, 403, 404])
def test_refusal_that_the_app_did_not_say_ends_no_attempt(
    site: Site, reporter: Reporter, stops: list[Stop], status: int
) -> None:
    reporter.claim()
    site.proxy_answers = [status, status]
    reporter.finished({"a": 1.0}, {}, 0)
    assert reporter.close(PATIENCE_S)
    assert site.kinds() == [Kind.STARTED, Kind.FINISHED]
    assert not stops


def test_answers_are_told_apart(site: Site) -> None:
    app = App(site.url)
    site.answers = [500, 429, 404, 422]
    for kind in (Away, Away, Gone, Gone):
        with pytest.raises(kind):
            app.post("/api/worker/heartbeat", "t", b"{}")
    app.close()
    with pytest.raises(Away):
        App("http://127.0.0.1:1").post("/x", "t", b"{}")

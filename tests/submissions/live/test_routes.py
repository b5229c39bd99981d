from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, event, func, select, update

from app.accounts.models import User
from app.competitions.models import Competition, Participant, Phase
from app.platform import tokens
from app.platform.db import db, unit_of_work
from app.queues.models import Machine
from app.submissions.live import series
from app.submissions.models import Attempt, LogChunk, Run, RunChart, RunOutput, State, Submission
from tests import factories
from tests.actors import log_in
from tests.factories import NOW

HTMX = {"HX-Request": "true"}


class Clock:
    """The time that the routes are told."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("routes", "live.routes"):
        monkeypatch.setattr(f"app.submissions.{module}.now", clock)
    return clock


@pytest.fixture
def submission(phase: Phase, pavel: User, client: FlaskClient, clock: Clock) -> Submission:
    """Pavel's submission, running; Pavel is logged in."""
    submission = factories.make_submission(phase, pavel, state=State.RUNNING)
    for run in runs_of(submission):
        make_attempt(run, 1)
    log_in(client, pavel)
    return submission


def runs_of(submission: Submission) -> list[Run]:
    statement = select(Run).where(Run.submission_id == submission.id).order_by(Run.order)
    return list(db.session.scalars(statement))


def make_attempt(run: Run, number: int) -> None:
    token = tokens.digest(f"{run.id}-{number}")
    with unit_of_work():
        db.session.add(
            Attempt(run_id=run.id, number=number, token_hash=token, output_prefix="p",
                    last_seq=1, created_at=NOW)
        )  # fmt: skip
        db.session.execute(update(Run).where(Run.id == run.id).values(attempt=number))


def say(run: Run, stream: str, text: str) -> None:
    """Let the attempt that counts say something."""
    with unit_of_work():
        attempt = db.session.scalars(
            select(Attempt).where(Attempt.run_id == run.id).order_by(Attempt.number.desc())
        ).first()
        assert attempt is not None
        attempt.last_seq += 1
        db.session.add(
            LogChunk(run_id=run.id, attempt=attempt.number, seq=attempt.last_seq, stream=stream,
                     text=text)
        )  # fmt: skip


def move(submission: Submission, to: str) -> None:
    with unit_of_work():
        db.session.execute(update(Run).where(Run.submission_id == submission.id).values(state=to))
        db.session.execute(
            update(Submission).where(Submission.id == submission.id).values(state=to)
        )


def address(client: FlaskClient, submission: Submission, query: str = "") -> str:
    page = client.get(f"/submissions/{submission.id}{query}").text
    found = re.search(r'data-live="([^"]+)"', page)
    assert found, page
    return unescape(found[1])


def ask(client: FlaskClient, path: str) -> Any:
    return client.get(path, headers=HTMX)


def test_nothing_new_is_answered_with_nothing_and_where_to_ask_next(
    client: FlaskClient, submission: Submission
) -> None:
    answer = ask(client, address(client, submission))
    assert (answer.status_code, answer.text) == (204, "")
    again = ask(client, answer.headers["Live-Next"])
    assert again.status_code == 204
    assert 500 <= int(again.headers["Live-Wait"]) <= 1200


def test_empty_log_leaves_the_page_when_everything_is_over(
    client: FlaskClient, submission: Submission
) -> None:
    gone = '<div id="log" hx-swap-oob="delete">'
    path = address(client, submission)
    say(runs_of(submission)[0], "prediction_stdout", "spoken")
    move(submission, State.FINISHED)
    assert gone not in ask(client, path).text
    with unit_of_work():
        db.session.execute(delete(LogChunk))
    answer = ask(client, path)
    assert answer.status_code == 286
    assert gone in answer.text
    assert 'id="log"' not in client.get(f"/submissions/{submission.id}").text


def test_what_waits_for_its_organizer_is_seldom_asked_about(
    client: FlaskClient, submission: Submission
) -> None:
    move(submission, State.HELD)
    assert 'data-wait="10000"' in client.get(f"/submissions/{submission.id}").text
    path = address(client, submission)
    assert ask(client, path).headers["Live-Wait"] == "10000"
    move(submission, State.RUNNING)
    assert int(ask(client, path).headers["Live-Wait"]) <= 1200


def test_page_begins_with_the_log_of_the_run_that_is_under_way(
    client: FlaskClient, submission: Submission
) -> None:
    first, second = runs_of(submission)
    say(first, "prediction_stdout", "of the first\n")
    say(second, "prediction_stdout", "of the second\n")
    with unit_of_work():
        db.session.execute(update(Run).where(Run.id == first.id).values(state=State.FINISHED))
    page = f"/submissions/{submission.id}"
    assert "of the second" in client.get(page).text
    assert "of the first" in client.get(f"{page}?run={first.id}").text


def test_new_lines_come_once_and_go_to_the_end(client: FlaskClient, submission: Submission) -> None:
    run = runs_of(submission)[0]
    say(run, "prediction_stdout", "one\n")
    path = address(client, submission)
    say(run, "prediction_stdout", "two <b>\n")
    answer = ask(client, path)
    assert f'hx-swap-oob="beforeend:#log-{run.id}-text">two &lt;b&gt;\n' in answer.text
    assert "one" not in answer.text
    assert "submission-" not in answer.text  # the state has not changed
    assert ask(client, answer.headers["Live-Next"]).status_code == 204


def test_state_comes_when_it_changed(client: FlaskClient, submission: Submission) -> None:
    path = address(client, submission)
    with unit_of_work():
        db.session.execute(update(Run).values(step="score"))
    answer = ask(client, path)
    assert f'id="submission-{submission.id}" hx-swap-oob="true"' in answer.text
    assert ask(client, answer.headers["Live-Next"]).status_code == 204


def test_end_is_told_once_and_then_no_more_is_asked(
    client: FlaskClient, submission: Submission
) -> None:
    path = address(client, submission)
    say(runs_of(submission)[0], "prediction_stdout", "last words\n")
    move(submission, State.FINISHED)
    answer = ask(client, path)
    assert answer.status_code == 286
    assert "last words" in answer.text
    assert "Finished" in answer.text
    assert "Live-Next" not in answer.headers
    assert "data-live=" not in client.get(f"/submissions/{submission.id}").text


def test_new_attempt_takes_the_place_of_the_old_ones_log(
    client: FlaskClient, submission: Submission
) -> None:
    run = runs_of(submission)[0]
    say(run, "prediction_stdout", "old\n")
    path = address(client, submission)
    make_attempt(run, 2)
    say(run, "prediction_stdout", "new\n")
    answer = ask(client, path)
    assert f'hx-swap-oob="innerHTML:#log-{run.id}-text">' in answer.text
    assert "new\n" in answer.text
    assert "old" not in answer.text


def test_page_of_one_voice_is_told_of_no_other(client: FlaskClient, submission: Submission) -> None:
    run = runs_of(submission)[0]
    say(run, "prediction_stdout", "mine\n")
    path = address(client, submission, f"?run={run.id}&stream=prediction")
    say(run, "prediction_ingestion_stdout", "theirs\n")
    answer = ask(client, path)
    assert "theirs" not in answer.text
    say(run, "prediction_stderr", "mine again\n")
    assert "mine again" in ask(client, answer.headers["Live-Next"]).text


def test_lines_of_scoring_are_not_told_to_who_may_not_read_them(
    client: FlaskClient, submission: Submission
) -> None:
    path = address(client, submission)
    run = runs_of(submission)[0]
    say(run, "scoring_stdout", "truth\n")
    say(run, "prediction_stdout", "mine\n")
    for query in ("", "&stream=scoring"):
        answer = ask(client, path + query)
        assert "truth" not in answer.text
    assert "mine" in ask(client, path).text


def test_ticket_needs_no_session_until_it_is_over(
    client: FlaskClient, submission: Submission, clock: Clock
) -> None:
    path = address(client, submission)
    say(runs_of(submission)[0], "prediction_stdout", "still\n")
    client.delete_cookie("sid")
    assert "still" in ask(client, path).text
    clock.advance(60)
    answer = ask(client, path)
    assert "still" not in answer.text
    assert "/log-in" in answer.headers["HX-Redirect"]


def test_ticket_is_renewed_for_who_may_still_see(
    client: FlaskClient, submission: Submission, clock: Clock
) -> None:
    path = address(client, submission)
    clock.advance(61)
    answer = ask(client, path)
    assert answer.status_code == 204
    client.delete_cookie("sid")
    assert ask(client, answer.headers["Live-Next"]).status_code == 204


def test_withdrawn_access_ends_with_the_ticket(
    client: FlaskClient, submission: Submission, clock: Clock
) -> None:
    run = runs_of(submission)[0]
    say(run, "prediction_stdout", "secret\n")
    path = address(client, submission)
    with unit_of_work():
        db.session.execute(delete(Participant))
        db.session.execute(update(Submission).values(owner_id=factories.make_user("petra").id))
    clock.advance(61)
    answer = ask(client, path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize("change", [("ticket=", "ticket=x"), ("/submissions/", "/submissions/9")])
def test_ticket_opens_no_other_page(
    client: FlaskClient, submission: Submission, change: tuple[str, str]
) -> None:
    path = address(client, submission).replace(*change, 1)
    client.delete_cookie("sid")
    assert "/log-in" in ask(client, path).headers["HX-Redirect"]


def test_plain_browser_is_sent_to_the_page(client: FlaskClient, submission: Submission) -> None:
    answer = client.get(address(client, submission))
    assert (answer.status_code, answer.headers["Location"]) == (
        303, f"/submissions/{submission.id}",
    )  # fmt: skip


def test_waiting_page_learns_of_its_place_now_and_then(
    client: FlaskClient, submission: Submission, clock: Clock
) -> None:
    move(submission, State.QUEUED)
    path = address(client, submission)
    with unit_of_work():
        db.session.execute(update(Machine).values(last_seen_at=NOW - timedelta(hours=1)))
    assert ask(client, path).status_code == 204
    clock.advance(3)
    answer = ask(client, path)
    assert "starts when one is online again" in answer.text
    assert ask(client, answer.headers["Live-Next"]).status_code == 204


def statements(doing: Callable[[], object]) -> list[str]:
    seen: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        doing()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return seen


def test_poll_costs_one_statement_and_two_with_new_lines(
    client: FlaskClient, submission: Submission
) -> None:
    path = address(client, submission)
    assert len(statements(lambda: ask(client, path))) == 1
    say(runs_of(submission)[0], "prediction_stdout", "new\n")
    assert len(statements(lambda: ask(client, path))) == 2


def test_poll_saves_nothing(client: FlaskClient, submission: Submission) -> None:
    before = db.session.scalar(select(func.count()).select_from(LogChunk))
    ask(client, address(client, submission))
    assert db.session.scalar(select(func.count()).select_from(LogChunk)) == before


def test_download_is_of_a_voice_a_stream_or_all(
    client: FlaskClient, submission: Submission, competition: Competition
) -> None:
    run = runs_of(submission)[0]
    for stream, text in (
        ("prediction_ingestion_stdout", "fit"), ("prediction_stderr", "\x1b[31moh\n"),
        ("scoring_stdout", "truth\n"),
    ):  # fmt: skip
        say(run, stream, text)
    path = f"/runs/{run.id}/log.txt"
    assert client.get(path).text == "fit\n\x1b[31moh\n"
    assert client.get(f"{path}?stream=prediction").text == "\x1b[31moh\n"
    assert client.get(f"{path}?stream=prediction_ingestion_stdout").text == "fit"
    assert client.get(f"{path}?stream=scoring").status_code == 404


def test_log_in_colour_tells_errors_apart(client: FlaskClient, submission: Submission) -> None:
    say(runs_of(submission)[0], "prediction_stderr", "\x1b[31moh <no>\x1b[0m\n")
    page = client.get(f"/submissions/{submission.id}").text
    assert '<span class="log__errors"><span class="ansi-red">oh &lt;no&gt;</span>\n</span>' in page


def test_very_long_log_shows_its_end_and_says_so(
    client: FlaskClient, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.submissions.live.page.MAX_CHARS", 10)
    run = runs_of(submission)[0]
    for number in range(5):
        say(run, "prediction_stdout", f"line {number}\n")
    page = client.get(f"/submissions/{submission.id}").text
    assert "line 4" in page
    assert "line 3" not in page
    assert "its beginning is left out here" in page


def draw(run: Run, version: int, **plots: list[list[float]]) -> None:
    with unit_of_work():
        db.session.merge(
            RunChart(
                run_id=run.id, attempt=run.attempt, version=version, usage={}, peak_memory_bytes=0,
                plots={name: {"": series.extended(None, [(x, y) for x, y in points])}
                       for name, points in plots.items()},
            )
        )  # fmt: skip


def test_graph_comes_when_there_are_new_points(client: FlaskClient, submission: Submission) -> None:
    run = runs_of(submission)[0]
    path = address(client, submission)
    draw(run, 1, prediction_stdout=[[1, 0.5], [2, 0.25]])
    answer = ask(client, path)
    assert answer.headers["HX-Retarget"] == f"#charts-{run.id}"
    assert answer.headers["HX-Reswap"] == "outerHTML"
    assert "<svg" in answer.text
    assert "0.25" in answer.text  # in the table behind it
    assert ask(client, answer.headers["Live-Next"]).status_code == 204
    assert "chart__line" in client.get(f"/submissions/{submission.id}").text


def test_graph_of_scoring_is_for_who_may_read_its_log(
    client: FlaskClient, submission: Submission
) -> None:
    draw(runs_of(submission)[0], 1, scoring_stdout=[[1, 0.5]])
    assert "<figure" not in client.get(f"/submissions/{submission.id}").text
    log_in(client, db.session.scalars(select(User).where(User.username == "olga")).one())
    assert "<figure" in client.get(f"/submissions/{submission.id}").text


@pytest.fixture
def rewritten(submission: Submission) -> Run:
    """A run under way that has stored detailed results."""
    with unit_of_work():
        db.session.execute(update(Competition).values(enable_detailed_results=True))
    run = runs_of(submission)[0]
    store_results(run, "first")
    return run


def store_results(run: Run, sha256: str) -> None:
    with unit_of_work():
        db.session.merge(
            RunOutput(run_id=run.id, kind="detailed_results", attempt=run.attempt, bucket="runs",
                      object_key="x", size_bytes=1, sha256=sha256)
        )  # fmt: skip


def test_frame_of_detailed_results_is_renewed_when_they_were_rewritten(
    client: FlaskClient, rewritten: Run, submission: Submission
) -> None:
    page = client.get(f"/runs/{rewritten.id}/detailed-results").text
    found = re.search(r'hx-get="([^"]+seen=first)" hx-trigger="every 2s"', page)
    assert found, page
    assert ask(client, found[1]).status_code == 204
    store_results(rewritten, "second")
    answer = ask(client, found[1])
    assert 'sandbox="allow-scripts"' in answer.text
    assert "seen=second" in answer.text
    move(submission, State.FINISHED)
    answer = ask(client, found[1])
    assert answer.status_code == 286
    assert "hx-get" not in answer.text
    assert "hx-get" not in client.get(f"/runs/{rewritten.id}/detailed-results").text


def test_newest_results_are_for_who_may_see_the_page_around_them(
    client: FlaskClient, rewritten: Run
) -> None:
    path = f"/runs/{rewritten.id}/detailed-results/newest"
    assert client.get(path).status_code == 303
    with unit_of_work():
        db.session.execute(
            update(Competition).values(show_detailed_results_in_submission_panel=False)
        )
    assert ask(client, path).status_code == 404


def test_last_words_of_a_failed_program_are_quoted_to_who_may_read_them(
    client: FlaskClient, submission: Submission
) -> None:
    path = address(client, submission)
    for run in runs_of(submission):
        lines = "".join(f"line {number}\n" for number in range(60))
        say(run, "scoring_stdout", "not these\n")
        say(run, "scoring_stderr", lines)
        say(run, "scoring_stderr", "KeyError: <patient 17>\n")
    move(submission, State.FAILED)
    with unit_of_work():
        db.session.execute(update(Run).values(step="score", reason="It ended with code 1."))
        db.session.execute(update(Submission).values(reason="It ended.", blame="organizer"))
    assert "patient 17" not in ask(client, path).text
    pavels = client.get(f"/submissions/{submission.id}").text
    assert "patient 17" not in pavels
    assert "This is the organizer&#39;s to mend" in pavels
    assert "is for the organizer alone to read" in pavels
    log_in(client, db.session.scalars(select(User).where(User.username == "olga")).one())
    olgas = client.get(f"/submissions/{submission.id}").text
    quoted = olgas[olgas.index("last-words") :]
    assert "KeyError: &lt;patient 17&gt;" in quoted
    assert "line 11\n" in quoted[: quoted.index("</pre>")]
    assert "line 10\n" not in quoted[: quoted.index("</pre>")]
    assert "This is yours to mend, as the organizer" in olgas
    assert "is for the organizer alone to read" not in olgas

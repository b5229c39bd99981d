from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform.db import db, unit_of_work
from app.queues.models import Machine
from app.submissions.models import State, Submission
from tests import factories
from tests.actors import log_in
from tests.factories import NOW


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)
    for module in ("submissions.routes", "submissions.organizing.routes"):
        monkeypatch.setattr(f"app.{module}.now", lambda: NOW)


@pytest.fixture
def olga(client: FlaskClient, competition: Competition) -> FlaskClient:
    log_in(client, db.session.get_one(User, competition.owner_id))
    return client


def key_of(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def reruns() -> int:
    statement = select(func.count()).where(Submission.rerun_of_id.is_not(None))
    return db.session.scalar(statement) or 0


def test_organizer_chooses_submissions_is_told_how_many_and_runs_them_again(
    olga: FlaskClient, phase: Phase, pavel: User
) -> None:
    made = [factories.make_submission(phase, pavel) for _ in range(2)]
    listed = olga.get(f"/benchmarks/{phase.competition_id}/submissions/all").text
    assert f'name="id" type="checkbox" value="{made[0].id}"' in listed
    query = "&".join(f"id={one.id}" for one in made)
    page = olga.get(f"/benchmarks/{phase.competition_id}/reruns?{query}").text
    assert "2 submissions are run again" in page
    form = {"id": [one.id for one in made], "key": key_of(page), "task": ""}
    for _click in range(2):
        answer = olga.post(f"/benchmarks/{phase.competition_id}/reruns", data=form)
        assert answer.status_code == 303
    assert reruns() == 2
    assert "2 re-runs are queued." in olga.get(answer.headers["Location"]).text


def test_whole_phase_says_what_it_leaves_out(olga: FlaskClient, phase: Phase, pavel: User) -> None:
    factories.make_submission(phase, pavel)
    factories.make_submission(phase, pavel, state=State.RUNNING)
    page = olga.get(f"/phases/{phase.id}/reruns").text
    assert "1 submission is run again" in page
    assert "1 is left out because it is not over yet." in page
    olga.post(f"/phases/{phase.id}/reruns", data={"key": key_of(page)})
    assert reruns() == 1


def test_nothing_to_run_again_offers_no_button(olga: FlaskClient, phase: Phase) -> None:
    page = olga.get(f"/phases/{phase.id}/reruns").text
    assert "There is nothing to run again" in page
    assert 'name="key"' not in page


def test_no_choice_is_answered_in_words(olga: FlaskClient, phase: Phase) -> None:
    listing = f"/benchmarks/{phase.competition_id}/submissions/all"
    answer = olga.get(f"/benchmarks/{phase.competition_id}/reruns")
    assert (answer.status_code, answer.location) == (303, listing)
    assert "Choose at least one submission." in olga.get(listing).text


@pytest.mark.parametrize("task", ["999999", "x", "99999999999999999999"])
def test_task_that_is_not_listed_is_refused(
    olga: FlaskClient, phase: Phase, pavel: User, task: str
) -> None:
    one = factories.make_submission(phase, pavel)
    form = {"id": one.id, "key": "click", "task": task}
    answer = olga.post(f"/benchmarks/{phase.competition_id}/reruns", data=form)
    assert answer.status_code == 422
    assert reruns() == 0


def test_page_of_a_rerun_leads_to_its_original_and_back(
    olga: FlaskClient, phase: Phase, pavel: User
) -> None:
    original = factories.make_submission(phase, pavel)
    again = factories.make_submission(phase, pavel, rerun_of_id=original.id)
    assert f"Original, submission {original.id}" in olga.get(f"/submissions/{again.id}").text
    assert f"Re-run {again.id}" in olga.get(f"/submissions/{original.id}").text


def test_waiting_submissions_are_started_one_by_one_and_all_at_once(
    olga: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    with unit_of_work():
        db.session.get_one(Competition, competition.id).auto_run_submissions = False
    first, *_ = [factories.make_submission(phase, pavel, state=State.HELD) for _ in range(3)]
    url = f"/benchmarks/{competition.id}/submissions/held"
    assert "Start all 3" in olga.get(url).text
    olga.post(url, data={"which": "chosen", "id": first.id})
    assert "Start all 2" in olga.get(url).text
    assert olga.post(url, data={"which": "chosen"}).status_code == 422
    olga.post(url, data={"which": "all"})
    assert "No submission waits for you" in olga.get(url).text


def test_organizer_moves_on_to_the_next_phase_and_is_told_how_many(
    olga: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    final = factories.make_phase(competition, name="Final")
    factories.make_submission(phase, pavel, on_board=True)
    listed = olga.get(f"/benchmarks/{competition.id}/phases/manage").text
    assert "Move on to Final" in listed
    page = olga.get(f"/phases/{phase.id}/migration").text
    assert "1 submission on the leaderboard of" in page
    for _click in range(2):
        assert olga.post(f"/phases/{phase.id}/migration").status_code == 303
    moved = db.session.scalars(select(Submission).where(Submission.phase_id == final.id)).all()
    assert len(moved) == 1
    assert "There is nothing to move on" in olga.get(f"/phases/{phase.id}/migration").text
    assert "In the phase before" in olga.get(f"/submissions/{moved[0].id}").text
    assert olga.get(f"/phases/{final.id}/migration").status_code == 409


def test_list_warns_when_no_machine_of_the_queue_is_alive(
    olga: FlaskClient, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/benchmarks/{phase.competition_id}/submissions/all"
    assert "is online." not in olga.get(url).text
    monkeypatch.setattr("app.submissions.routes.now", lambda: NOW + timedelta(hours=2))
    page = olga.get(url).text
    assert "No machine of the queue" in page
    assert "The last one was heard" in page


def test_organizer_moves_what_waits_elsewhere_after_being_told_how_much(
    olga: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    factories.make_submission(phase, pavel, state=State.QUEUED)
    listing = f"/benchmarks/{competition.id}/submissions/all"
    url = f"/benchmarks/{competition.id}/submissions/move"
    assert "Move 2 runs" not in olga.get(listing).text
    assert "Nothing waits elsewhere" in olga.get(url).text
    other = factories.make_queue(is_default=False, is_public=True, name="Other")
    with unit_of_work():
        db.session.get_one(Competition, competition.id).queue_id = other.id
    listed = olga.get(listing).text
    assert "2 runs wait on a queue that new submissions do not go to any more." in listed
    assert f'href="{url}"' in listed
    asked = olga.get(url).text
    assert "Move 2 waiting runs?" in asked
    assert "to “Other”" in asked
    answer = olga.post(url)
    assert (answer.status_code, answer.location) == (303, listing)
    assert "2 runs are moved." in olga.get(listing).text
    assert "0 runs are moved." in olga.get(olga.post(url).location).text


def test_list_says_that_nobody_comes_back_once_the_last_machine_was_shown_out(
    olga: FlaskClient, phase: Phase, pavel: User
) -> None:
    with unit_of_work():
        db.session.execute(update(Machine).values(revoked_at=NOW, last_seen_at=NOW))
    made = factories.make_submission(phase, pavel, state=State.QUEUED)
    listed = olga.get(f"/benchmarks/{phase.competition_id}/submissions/all").text
    assert "No machine serves the queue" in listed
    assert "none comes back by itself" in listed
    shown = olga.get(f"/submissions/{made.id}").text
    assert "No machine serves its queue." in shown
    assert f"/benchmarks/{phase.competition_id}/submissions/move" in shown


def test_server_status_shows_runs_in_each_state(
    olga: FlaskClient, phase: Phase, pavel: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.submissions.activity.routes.now", lambda: NOW)
    for state in (State.QUEUED, State.RUNNING, State.FAILED):
        factories.make_submission(phase, pavel, state=state)
    for shown in ("waiting", "running", "ended", "nonsense"):
        answer = olga.get(f"/status?show={shown}")
        assert answer.status_code == 200
        assert "Run " in answer.text
        assert "gpu1" in answer.text


def test_participants_find_none_of_these_pages(
    client: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    log_in(client, pavel)
    for path in (
        f"/phases/{phase.id}/reruns",
        f"/benchmarks/{competition.id}/reruns?id=1",
        f"/benchmarks/{competition.id}/submissions/held",
        f"/benchmarks/{competition.id}/submissions/move",
        f"/phases/{phase.id}/migration",
    ):
        assert client.get(path).status_code == 403
        assert client.post(path, data={"key": "click"}).status_code == 403

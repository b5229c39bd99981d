from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform.db import db, unit_of_work
from app.queues.models import Machine
from app.submissions.models import State, Submission
from tests import factories
from tests.actors import browser, log_in
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


def test_tasks_of_one_name_are_told_apart_where_a_trial_chooses_one(
    olga: FlaskClient, phase: Phase, pavel: User
) -> None:
    one = factories.make_submission(phase, pavel)
    owner = db.session.scalars(select(User).where(User.username == "olga")).one()
    here, *others = [factories.make_task(owner, name="Twin") for _ in range(3)]
    final = factories.make_phase(phase.competition, name="Final", tasks=[here])
    page = olga.get(f"/benchmarks/{phase.competition_id}/reruns?id={one.id}").text
    assert f">Trial on Twin of {final.name}</option>" in page
    for other in others:
        assert f">Trial on Twin of 14 Jan 2027, {other.key[:8]}</option>" in page


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
    assert olga.post(url, data={"which": "chosen"}).location == url
    assert "Choose at least one submission." in olga.get(url).text
    olga.post(url, data={"which": "all"})
    assert "No submission waits for you" in olga.get(url).text


def test_organizer_moves_on_to_the_next_phase_and_is_told_how_many(
    olga: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    final = factories.make_phase(competition, name="Final")
    factories.make_submission(phase, pavel, on_board=True)
    listing = f"/benchmarks/{competition.id}/phases/manage"
    assert "Migrate 1 to Final" in olga.get(listing).text
    page = olga.get(f"/phases/{phase.id}/migration").text
    assert "1 submission on the leaderboard of" in page
    for _click in range(2):
        assert olga.post(f"/phases/{phase.id}/migration").status_code == 303
    moved = db.session.scalars(select(Submission).where(Submission.phase_id == final.id)).all()
    assert len(moved) == 1
    listed = olga.get(listing).text
    assert "Nothing was left to migrate." in listed
    assert re.search(r"<button[^>]* disabled[^>]*>Migrate to Final</button>", listed)
    assert "1 submission was migrated to Final before. Nothing is new" in listed
    nothing = olga.get(f"/phases/{phase.id}/migration").text
    assert "There is nothing to migrate" in nothing
    assert "1 was migrated before" in nothing
    assert "In the phase before" in olga.get(f"/submissions/{moved[0].id}").text
    assert olga.get(f"/phases/{final.id}/migration").status_code == 409


def test_second_migration_offers_only_what_is_new(
    olga: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    factories.make_phase(competition, name="Final")
    factories.make_submission(phase, pavel, on_board=True)
    olga.post(f"/phases/{phase.id}/migration")
    for _more in range(2):
        factories.make_submission(phase, pavel, on_board=True)
    listed = olga.get(f"/benchmarks/{competition.id}/phases/manage").text
    assert "Migrate 2 to Final" in listed
    assert "2 are new on the leaderboard." in listed
    page = olga.get(f"/phases/{phase.id}/migration").text
    assert "2 submissions on the leaderboard of" in page
    assert "1 was migrated before and is not migrated again." in page


@pytest.mark.parametrize(
    ("starts", "ends", "sentence"),
    [(1, 2, "Final is not open yet."), (-2, -1, "Final is over."), (-1, 1, "")],
)
def test_migration_to_a_phase_that_is_not_open_is_warned_of(
    olga: FlaskClient, phase: Phase, pavel: User, starts: int, ends: int, sentence: str
) -> None:
    start, end = NOW + timedelta(days=starts), NOW + timedelta(days=ends)
    competition = db.session.get_one(Competition, phase.competition_id)
    factories.make_phase(competition, name="Final", starts_at=start, ends_at=end)
    factories.make_submission(phase, pavel, on_board=True)
    page = olga.get(f"/phases/{phase.id}/migration").text
    assert ("notice--warn" in page) == bool(sentence)
    assert sentence in page


def test_phase_whose_board_is_empty_offers_no_migration_and_says_why(
    olga: FlaskClient, phase: Phase, competition: Competition
) -> None:
    factories.make_phase(competition, name="Final")
    listed = olga.get(f"/benchmarks/{competition.id}/phases/manage").text
    assert re.search(r"<button[^>]* disabled[^>]*>Migrate to Final</button>", listed)
    assert "there is nothing to migrate" in listed


def test_migrated_submissions_are_marked_for_their_owner_and_the_organizer(
    olga: FlaskClient, app: Flask, phase: Phase, pavel: User, competition: Competition
) -> None:
    factories.make_phase(competition, name="Final")
    factories.make_submission(phase, pavel, on_board=True)
    mark = f"Migrated from {phase.name}"
    for path in ("submissions", "submissions/all"):
        assert mark not in olga.get(f"/benchmarks/{competition.id}/{path}").text
    olga.post(f"/phases/{phase.id}/migration")
    assert olga.get(f"/benchmarks/{competition.id}/submissions/all").text.count(mark) == 1
    own = browser(app, pavel).get(f"/benchmarks/{competition.id}/submissions").text
    assert own.count(mark) == 1


def test_dates_far_ahead_are_shown_as_they_are_stored(
    olga: FlaskClient, competition: Competition
) -> None:
    far = datetime(2130, 1, 1, 9, 30, tzinfo=UTC)
    factories.make_phase(competition, starts_at=far, ends_at=far + timedelta(days=1))
    listed = olga.get(f"/benchmarks/{competition.id}/phases/manage").text
    assert "no date yet (stored: 2130-01-01 09:30 UTC)" in listed
    assert "open end (stored: 2130-01-02 09:30 UTC)" in listed


def test_pages_below_manage_lead_back_to_it(
    olga: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    one = factories.make_submission(phase, pavel)
    factories.make_phase(competition)
    for path in (
        f"/benchmarks/{competition.id}/submissions/all",
        f"/benchmarks/{competition.id}/submissions/held",
        f"/benchmarks/{competition.id}/phases/manage",
        f"/benchmarks/{competition.id}/unpublish",
        f"/benchmarks/{competition.id}/reruns?id={one.id}",
        f"/phases/{phase.id}/migration",
        f"/submissions/{one.id}",
    ):
        crumbs = olga.get(path).text.partition('class="breadcrumb"')[2].partition("</nav>")[0]
        assert f'href="/benchmarks/{competition.id}/manage"' in crumbs


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


@pytest.mark.parametrize(
    ("shown", "sentence"),
    [
        ("waiting", "No run is waiting"),
        ("running", "No run is under way"),
        ("ended", "No run has ended yet"),
    ],
)
def test_server_status_says_which_list_is_empty(
    olga: FlaskClient, phase: Phase, shown: str, sentence: str
) -> None:
    assert sentence in olga.get(f"/status?show={shown}").text


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

"""A page whose reader has chosen no run goes on to the log of the one that is under way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.accounts.models import User
from app.competitions.models import Phase
from app.platform.db import db, unit_of_work
from app.submissions.models import Run, State, Submission
from tests import factories
from tests.actors import log_in
from tests.factories import NOW
from tests.submissions.live.test_routes import address, ask, make_attempt, runs_of, say


@pytest.fixture
def submission(
    phase: Phase, pavel: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> Submission:
    """Pavel's submission of two runs, of which the first is under way; Pavel is logged in."""
    for module in ("routes", "live.routes"):
        monkeypatch.setattr(f"app.submissions.{module}.now", lambda: NOW)
    submission = factories.make_submission(phase, pavel, state=State.RUNNING)
    for run in runs_of(submission):
        make_attempt(run, 1)
        say(run, "prediction_stdout", f"words of run {run.order}\n")
    log_in(client, pavel)
    become(submission, State.RUNNING, State.QUEUED)
    return submission


def become(submission: Submission, *states: State) -> None:
    with unit_of_work():
        for place, (run, state) in enumerate(zip(runs_of(submission), states, strict=True)):
            started = NOW + timedelta(minutes=place) if state != State.QUEUED else None
            ended = NOW if state == State.FINISHED else None
            values = {"state": state, "started_at": started, "ended_at": ended}
            db.session.execute(update(Run).where(Run.id == run.id).values(values))


def test_log_goes_on_to_the_run_that_is_under_way(
    client: FlaskClient, submission: Submission
) -> None:
    second = runs_of(submission)[1]
    path = address(client, submission)
    become(submission, State.FINISHED, State.QUEUED)
    answer = ask(client, path)  # the next one has not begun
    assert "HX-Retarget" not in answer.headers or "log" not in answer.headers["HX-Retarget"]
    become(submission, State.FINISHED, State.RUNNING)
    answer = ask(client, answer.headers["Live-Next"])
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#log", "outerHTML")
    assert "words of run 1" in answer.text
    assert "words of run 0" not in answer.text
    assert f'id="log-{second.id}"' in answer.text
    assert 'hx-swap-oob="true"' in answer.text
    assert ask(client, answer.headers["Live-Next"]).status_code == 204
    say(second, "prediction_stdout", "more of it\n")
    answer = ask(client, answer.headers["Live-Next"])
    assert f"#log-{second.id}-text" in answer.text
    assert "more of it" in answer.text


@pytest.mark.parametrize("chosen", ["?run={first}", "?run={first}&stream=prediction"])
def test_log_stays_where_its_reader_went(
    client: FlaskClient, submission: Submission, chosen: str
) -> None:
    first = runs_of(submission)[0]
    query = chosen.format(first=first.id)
    path = address(client, submission, query)
    become(submission, State.FINISHED, State.RUNNING)
    answer = ask(client, path)
    assert "words of run 1" not in answer.text
    assert "HX-Retarget" not in answer.headers
    page = client.get(f"/submissions/{submission.id}{query}").text
    assert "words of run 0" in page
    assert "words of run 1" not in page


def test_run_at_work_goes_before_one_that_only_prepares(
    client: FlaskClient, submission: Submission
) -> None:
    first, second = runs_of(submission)
    path = address(client, submission)
    become(submission, State.RUNNING, State.RUNNING)
    with unit_of_work():
        db.session.execute(update(Run).where(Run.id == first.id).values(step="fetch"))
        db.session.execute(update(Run).where(Run.id == second.id).values(step="score"))
    assert "words of run 1" in ask(client, path).text
    assert "words of run 1" in client.get(f"/submissions/{submission.id}").text


def test_page_that_is_loaded_again_shows_what_it_followed(
    client: FlaskClient, submission: Submission
) -> None:
    for states in ((State.FINISHED, State.RUNNING), (State.FINISHED, State.FINISHED)):
        become(submission, *states)
        page = client.get(f"/submissions/{submission.id}").text
        assert "words of run 1" in page, states
        assert "words of run 0" not in page, states


def test_page_follows_no_further_than_its_reader_may_see(
    client: FlaskClient, submission: Submission
) -> None:
    path = address(client, submission)
    become(submission, State.FINISHED, State.RUNNING)
    log_in(client, factories.make_user("nosy"))
    answer = ask(client, path)
    assert answer.status_code == 404
    assert "words" not in answer.text

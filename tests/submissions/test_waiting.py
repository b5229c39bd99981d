from __future__ import annotations

from datetime import timedelta

import pytest
from flask import current_app
from flask.testing import FlaskClient
from sqlalchemy import update

from app.accounts.models import User
from app.competitions.models import Competition, Participant, Phase
from app.platform.db import db, unit_of_work
from app.queues.models import ComputeQueue, Machine
from app.submissions import queries, waiting
from app.submissions.models import Run, State, Submission
from tests import factories
from tests.actors import log_in
from tests.factories import NOW
from tests.leaderboards.boards import counted
from tests.submissions.conftest import viewer_of


@pytest.fixture
def one_task(competition: Competition) -> Phase:
    return factories.make_phase(competition, tasks=1)


def queued(phase: Phase, owner: User, minute: int = 0, **more: object) -> Submission:
    values = {"state": State.QUEUED, "created_at": NOW + timedelta(minutes=minute), **more}
    return factories.make_submission(phase, owner, **values)  # type: ignore[arg-type]


def outlook(submission: Submission) -> waiting.Outlook | None:
    """Ask as if nothing had been asked lately."""
    db.session.rollback()
    current_app.extensions.pop("plumbline.memo", None)
    return waiting.outlook(queries.get(submission.id, viewer_of("olga")), now=NOW)


def history(phase: Phase, owner: User, count: int, minutes: int) -> None:
    for _ in range(count):
        done = factories.make_submission(phase, owner)
        with unit_of_work():
            runs = update(Run).where(Run.submission_id == done.id)
            db.session.execute(
                runs.values(started_at=NOW, ended_at=NOW + timedelta(minutes=minutes))
            )


def test_place_follows_the_fair_order_and_not_the_time_alone(one_task: Phase, pavel: User) -> None:
    pile = [queued(one_task, pavel, minute) for minute in range(3)]
    other = queued(one_task, factories.make_user(), 10)
    found = [outlook(one) for one in (*pile, other)]
    assert [one.place for one in found if one] == [1, 3, 4, 2]


def test_start_is_not_known_without_a_history_and_estimated_with_one(
    one_task: Phase, pavel: User
) -> None:
    queued(one_task, pavel)
    with unit_of_work():
        db.session.execute(update(Run).values(state=State.RUNNING))
    second, third = queued(one_task, pavel, 1), queued(one_task, pavel, 2)
    found = outlook(second)
    assert found is not None
    assert (found.online, found.free, found.starts_in_min) == (1, 0, None)
    history(one_task, pavel, 3, minutes=4)
    expected = [outlook(one) for one in (second, third)]
    assert [one.starts_in_min for one in expected if one] == [4, 8]


def test_free_machine_means_within_a_minute(one_task: Phase, pavel: User) -> None:
    found = outlook(queued(one_task, pavel))
    assert found is not None
    assert (found.place, found.free, found.starts_in_min) == (1, 1, 0)


def test_queue_without_a_machine_says_since_when(
    one_task: Phase, pavel: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.submissions.routes.now", lambda: NOW)
    with unit_of_work():
        db.session.execute(update(Machine).values(last_seen_at=NOW - timedelta(hours=2)))
    submission = queued(one_task, pavel)
    found = outlook(submission)
    assert found is not None
    assert (found.online, found.starts_in_min) == (0, None)
    assert found.last_seen_at == NOW - timedelta(hours=2)
    log_in(client, pavel)
    page = client.get(f"/submissions/{submission.id}").text
    assert "No machine of its queue is online." in page
    assert "The last one was heard" in page


def test_person_at_the_limit_of_the_queue_has_no_place(
    one_task: Phase, pavel: User, queue: ComputeQueue
) -> None:
    queued(one_task, pavel)
    with unit_of_work():
        db.session.execute(update(Run).values(state=State.RUNNING))
        db.session.get_one(ComputeQueue, queue.id).max_running_per_person = 1
    found = outlook(queued(one_task, pavel, 1))
    assert found is not None
    assert found.place is None
    assert not found.is_on_its_way


def test_run_on_its_way_says_so(one_task: Phase, pavel: User) -> None:
    found = outlook(queued(one_task, pavel, state=State.SENT))
    assert found is not None
    assert found.is_on_its_way
    assert found.place is None


def test_nothing_is_said_once_it_waits_no_more(one_task: Phase, pavel: User) -> None:
    for state in (State.HELD, State.RUNNING, State.FINISHED):
        assert outlook(queued(one_task, pavel, state=state)) is None


def test_many_pages_cost_one_look_at_the_queue(one_task: Phase, pavel: User) -> None:
    made = [queued(one_task, pavel, minute).id for minute in range(5)]
    loaded = [queries.get(one, viewer_of("olga")) for one in made]
    with counted() as first:
        waiting.outlook(loaded[0], now=NOW)
    with counted() as others:
        for one in loaded:
            waiting.outlook(one, now=NOW + timedelta(seconds=1))
    assert 0 < len(first) <= 8
    assert len(others) == 0
    with counted() as later:
        waiting.outlook(loaded[0], now=NOW + timedelta(seconds=2))
    assert len(later) >= len(first) - 1  # the queue itself is known already


# Before anything is submitted -------------------------------------------------------------------


def ahead(phase: Phase, owner: User) -> waiting.Ahead:
    db.session.rollback()
    current_app.extensions.pop("plumbline.memo", None)
    competition = db.session.get_one(Competition, phase.competition_id)
    return waiting.ahead(competition, owner.id, now=NOW)


def test_before_submitting_the_last_place_is_estimated(one_task: Phase, pavel: User) -> None:
    assert ahead(one_task, pavel).starts_in_min == 0
    history(one_task, pavel, 3, minutes=4)
    for minute in range(2):
        queued(one_task, pavel, minute)
    assert ahead(one_task, pavel).starts_in_min == 8


def test_before_submitting_the_queue_that_one_is_sent_to_counts(
    one_task: Phase, pavel: User
) -> None:
    own = factories.make_queue(is_default=False, is_public=True)
    with unit_of_work():
        db.session.execute(update(Participant).values(queue_id=own.id))
    assert (ahead(one_task, pavel).machines, ahead(one_task, pavel).online) == (0, 0)
    assert ahead(one_task, factories.make_user()).machines == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"revoked_at": NOW}, "No machine runs submissions at the moment"),
        ({"last_seen_at": None}, "are still being set up"),
        ({"last_seen_at": NOW - timedelta(hours=1)}, "No machine is online at the moment"),
        ({}, "expected to start within a minute"),
    ],
)
def test_page_to_submit_says_first_what_the_submission_would_wait_for(
    one_task: Phase, pavel: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch,
    values: dict[str, object], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("app.submissions.routes.now", lambda: NOW)
    if values:
        with unit_of_work():
            db.session.execute(update(Machine).values(**values))
    log_in(client, pavel)
    assert sentence in client.get(f"/benchmarks/{one_task.competition_id}/submit").text

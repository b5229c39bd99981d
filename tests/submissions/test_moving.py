from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from app.accounts.models import User
from app.competitions import queries as competitions
from app.competitions.models import Competition, Participant, Phase
from app.errors import Conflict, Forbidden
from app.platform import tokens
from app.platform.db import db, unit_of_work
from app.queues.models import ComputeQueue
from app.submissions import dispatch, events, moving
from app.submissions.models import Attempt, Run, State, Submission
from app.submissions.moving import Misplaced
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.submissions.conftest import viewer_of
from worker.contract import Kind, RunEvent


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


@pytest.fixture
def other(queue: ComputeQueue) -> ComputeQueue:
    """The queue that the benchmark is given once things wait on the default one."""
    return factories.make_queue(is_default=False, is_public=True, name="Other")


def give(competition: Competition, queue: ComputeQueue | None) -> None:
    with unit_of_work():
        row = db.session.get_one(Competition, competition.id)
        row.queue_id = queue.id if queue else None


def loaded(competition: Competition) -> Competition:
    db.session.rollback()
    return competitions.get(competition.id, viewer_of("olga"))


def move(competition: Competition, who: str = "olga") -> int:
    with unit_of_work():
        return moving.move(viewer_of(who), loaded(competition), now=NOW)


def on(queue: ComputeQueue) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(Run.queue_id == queue.id)) or 0


def test_what_waits_goes_to_the_queue_of_the_benchmark_and_what_runs_or_ended_stays(
    phase: Phase, pavel: User, competition: Competition, queue: ComputeQueue, other: ComputeQueue
) -> None:
    for state in (State.QUEUED, State.HELD, State.RUNNING, State.FINISHED, State.CANCELLED):
        factories.make_submission(phase, pavel, state=state)
    assert moving.misplaced(loaded(competition)) == []
    give(competition, other)
    assert moving.misplaced(loaded(competition)) == [Misplaced(queue.name, "Other", 4)]
    assert move(competition) == 4
    assert (on(queue), on(other)) == (6, 4)
    states = select(Run.state).where(Run.queue_id == other.id).distinct()
    assert set(db.session.scalars(states)) == {State.QUEUED, State.HELD}
    assert moving.misplaced(loaded(competition)) == []
    assert move(competition) == 0


def test_person_who_is_sent_to_another_queue_keeps_it(
    phase: Phase, pavel: User, competition: Competition, queue: ComputeQueue, other: ComputeQueue
) -> None:
    petra = factories.make_user("petra")
    factories.make_participant(competition, petra)
    for who in (pavel, petra):
        factories.make_submission(phase, who, state=State.QUEUED)
    own = factories.make_queue(is_default=False, is_public=True, name="Own")
    with unit_of_work():
        db.session.execute(
            update(Participant).where(Participant.user_id == petra.id).values(queue_id=own.id)
        )
    give(competition, other)
    assert moving.misplaced(loaded(competition)) == [
        Misplaced(queue.name, "Other", 2), Misplaced(queue.name, "Own", 2),
    ]  # fmt: skip
    assert move(competition) == 4
    assert (on(queue), on(other), on(own)) == (0, 2, 2)


def test_run_that_was_sent_is_taken_back_and_its_late_claim_is_refused(
    competition: Competition, pavel: User, queue: ComputeQueue, other: ComputeQueue,
    carrier: FakeCarrier,
) -> None:  # fmt: skip
    phase = factories.make_phase(competition, tasks=1)
    made = factories.make_submission(phase, pavel, state=State.QUEUED)
    assert dispatch.dispatch(now=NOW) == 1
    spec = carrier.runs[0][2]
    give(competition, other)
    assert move(competition) == 1
    db.session.rollback()
    run = db.session.scalars(select(Run).where(Run.submission_id == made.id)).one()
    assert (run.state, run.queue_id) == (State.QUEUED, other.id)
    attempt = db.session.scalars(select(Attempt).where(Attempt.run_id == run.id)).one()
    assert (attempt.outcome, attempt.is_failure) == (moving.MOVED, False)
    assert db.session.get_one(Submission, made.id).state == State.QUEUED
    assert tokens.matches(str(spec["token"]), attempt.token_hash)
    with pytest.raises(Conflict):
        events.receive(run.id, str(spec["token"]), 1, [RunEvent(seq=1, kind=Kind.STARTED)], now=NOW)


def test_run_that_was_moved_meanwhile_is_not_sent_to_the_queue_it_left(
    competition: Competition, pavel: User, queue: ComputeQueue, other: ComputeQueue,
    carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    phase = factories.make_phase(competition, tasks=1)
    made = factories.make_submission(phase, pavel, state=State.QUEUED)
    run_id = db.session.scalars(select(Run.id).where(Run.submission_id == made.id)).one()
    with unit_of_work():
        # As a dispatcher sees it that read the order before the runs were moved.
        monkeypatch.setattr("app.submissions.scheduling.next_runs", lambda _q, _room: [run_id])
        db.session.get_one(Run, run_id).queue_id = other.id
        db.session.flush()
        lines = dispatch._release(queue.id, NOW)
    assert lines == []
    assert carrier.runs == []


def test_only_runs_of_this_benchmark_move_and_only_its_organizer_moves_them(
    phase: Phase, pavel: User, competition: Competition, queue: ComputeQueue, other: ComputeQueue
) -> None:
    elsewhere = factories.make_phase(factories.make_competition())
    factories.make_submission(elsewhere, pavel, state=State.QUEUED)
    factories.make_submission(phase, pavel, state=State.QUEUED)
    give(competition, other)
    with pytest.raises(Forbidden):
        move(competition, "pavel")
    assert on(other) == 0
    assert move(competition) == 2
    assert on(queue) == 1


def test_queue_that_was_taken_from_the_benchmark_gives_its_runs_to_the_default_one(
    phase: Phase, pavel: User, competition: Competition, queue: ComputeQueue, other: ComputeQueue
) -> None:
    factories.make_submission(phase, pavel, state=State.QUEUED)
    with unit_of_work():
        db.session.execute(update(Run).values(queue_id=other.id))
    assert move(competition) == 2
    assert on(queue) == 2

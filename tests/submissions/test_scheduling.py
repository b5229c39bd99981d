from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text, update

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform.db import db, is_postgresql, unit_of_work
from app.queues.models import ComputeQueue
from app.submissions import dispatch, scheduling
from app.submissions.models import Run, State, Submission
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.leaderboards.boards import counted
from tests.submissions.test_services import submit


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


def waiting(phase: Phase, owner: User, count: int = 1, *, minute: int = 0) -> list[int]:
    """Make waiting submissions of one run each; returns their ids."""
    moment = NOW + timedelta(minutes=minute)
    return [
        factories.make_submission(phase, owner, state=State.QUEUED, created_at=moment).id
        for _ in range(count)
    ]


def phase_of(competition: Competition) -> Phase:
    return factories.make_phase(competition, tasks=1)


def order(queue: ComputeQueue) -> list[int]:
    """Return the submissions in the order in which their runs would go."""
    db.session.rollback()
    ids = db.session.scalars(scheduling.in_order(db.session.get_one(ComputeQueue, queue.id))).all()
    return [db.session.get_one(Run, run_id).submission_id for run_id in ids]


def start(submission_id: int) -> None:
    with unit_of_work():
        runs = update(Run).where(Run.submission_id == submission_id)
        db.session.execute(runs.values(state=State.RUNNING))


def test_pile_of_500_delays_anothers_first_by_less_than_one_place_a_round(
    competition: Competition, queue: ComputeQueue, pavel: User
) -> None:
    phase = phase_of(competition)
    pile = set(waiting(phase, pavel, 500))
    others = [waiting(phase, factories.make_user(), minute=n + 1)[0] for n in range(3)]
    found = order(queue)
    for nth, other in enumerate(others, start=1):
        before = [one for one in found[: found.index(other)] if one in pile]
        assert len(before) <= nth
    assert len(found) == 503


def test_benchmark_with_many_people_starves_no_other_benchmark(
    competition: Competition, queue: ComputeQueue, pavel: User
) -> None:
    crowd = phase_of(competition)
    for _ in range(30):
        waiting(crowd, factories.make_user())
    lone = phase_of(factories.make_competition())
    ours = waiting(lone, pavel, 5, minute=1)
    found = order(queue)
    assert [found.index(one) for one in ours] == [1, 3, 5, 7, 9]


def test_one_person_with_many_benchmarks_has_no_more_turns_than_anybody(
    competition: Competition, queue: ComputeQueue, pavel: User
) -> None:
    many: set[int] = set()
    for _ in range(10):
        many |= set(waiting(phase_of(factories.make_competition(pavel)), pavel))
    ours = [waiting(phase_of(competition), factories.make_user(), minute=1)[0] for _ in range(3)]
    found = order(queue)
    for nth, one in enumerate(ours, start=1):
        assert len([other for other in found[: found.index(one)] if other in many]) <= nth


def test_what_is_under_way_counts_as_turns_that_one_had(
    competition: Competition, queue: ComputeQueue, pavel: User
) -> None:
    phase = phase_of(competition)
    first, *rest = waiting(phase, pavel, 3)
    start(first)
    late = waiting(phase, factories.make_user(), minute=5)
    assert order(queue) == [*late, *rest]


def test_queue_gives_nobody_more_than_it_allows(
    competition: Competition, queue: ComputeQueue, pavel: User
) -> None:
    with unit_of_work():
        db.session.get_one(ComputeQueue, queue.id).max_running_per_person = 2
    phase = phase_of(competition)
    first, second, _third = waiting(phase, pavel, 3)
    late = waiting(phase, factories.make_user(), minute=5)
    assert order(queue) == [first, *late, second]
    start(first)
    start(second)
    assert order(queue) == late


def test_rehearsal_goes_first_but_only_one_of_an_organizer(
    competition: Competition, queue: ComputeQueue, pavel: User, carrier: FakeCarrier
) -> None:
    crowd = waiting(phase_of(competition), pavel, 3)
    draft = factories.make_competition(factories.make_user("dan"), is_published=False)
    factories.make_participant(draft, db.session.get_one(User, draft.owner_id))
    phase = phase_of(draft)
    rehearsals = [submit(phase, "dan") for _ in range(3)]
    found = order(queue)
    assert found[0] == rehearsals[0]
    assert found.index(rehearsals[1]) > found.index(crowd[0])


def test_published_benchmark_knows_no_rehearsal(competition: Competition) -> None:
    assert scheduling.priority_of(competition, competition.owner_id) == 0
    draft = Competition(owner_id=1, is_published=False)
    assert (scheduling.priority_of(draft, 1), scheduling.priority_of(draft, 2)) == (1, 0)


def test_releasing_takes_as_many_statements_however_many_wait(
    competition: Competition, queue: ComputeQueue, pavel: User, carrier: FakeCarrier
) -> None:
    phase = phase_of(competition)

    def cost() -> int:
        with counted() as statements:
            assert dispatch.dispatch(now=NOW) == 1
        return len([one for one in statements if one.startswith(("SELECT", "WITH"))])

    waiting(phase, pavel, 3)
    dispatch.dispatch(now=NOW)
    with unit_of_work():
        db.session.execute(update(Run).where(Run.state == State.SENT).values(state="finished"))
        db.session.execute(update(Submission).values(state=State.QUEUED))
    with unit_of_work():
        db.session.get_one(ComputeQueue, queue.id).max_running_per_person = 1
    few = cost()
    waiting(phase, pavel, 60)
    with unit_of_work():
        db.session.execute(update(Run).where(Run.state == State.SENT).values(state="finished"))
    assert cost() == few


def test_waiting_runs_are_found_by_an_index(
    competition: Competition, queue: ComputeQueue, pavel: User
) -> None:
    waiting(phase_of(competition), pavel, 3)
    statement = scheduling.in_order(db.session.get_one(ComputeQueue, queue.id)).limit(2)
    compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True})
    if is_postgresql():
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = db.session.execute(text(f"EXPLAIN {compiled}"))
    else:
        plan = db.session.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))
    lines = [" ".join(str(part) for part in row) for row in plan]
    assert not any("SCAN runs" in line or "Seq Scan on runs" in line for line in lines)
    if (
        not is_postgresql()
    ):  # which of its indexes PostgreSQL takes depends on what lies in the table
        assert any("ix_runs_state_queue" in line for line in lines)

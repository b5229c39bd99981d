from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.errors import Unavailable
from app.platform.db import db, unit_of_work
from app.queues.models import ComputeQueue, Machine
from app.submissions import dispatch, outcome
from app.submissions.models import Run, State
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.submissions.test_services import submit


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


@pytest.fixture
def one_task(competition: Competition) -> Phase:
    return factories.make_phase(
        competition, tasks=1, max_submissions_per_day=0, max_submissions_per_person=0
    )


def sent_runs(carrier: FakeCarrier) -> list[int]:
    return [spec["run_id"] for _, _, spec in carrier.runs]


def test_queue_gets_as_many_runs_as_it_has_free_machines_plus_one(
    one_task: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    for _ in range(5):
        submit(one_task, "pavel")
    assert dispatch.dispatch(now=NOW) == 2
    assert dispatch.dispatch(now=NOW) == 0


def test_one_persons_pile_does_not_delay_anothers_first_submission(
    one_task: Phase, pavel: User, competition: Competition, carrier: FakeCarrier
) -> None:
    for _ in range(5):
        submit(one_task, "pavel")
    petra = factories.make_user("petra")
    factories.make_participant(competition, petra)
    late = submit(one_task, "petra")
    dispatch.dispatch(now=NOW)
    run = db.session.scalars(select(Run.id).where(Run.submission_id == late)).one()
    assert run in sent_runs(carrier)


def test_redis_away_leaves_the_run_waiting_and_loses_nothing(
    one_task: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    submit(one_task, "pavel")
    carrier.down = True
    dispatch.dispatch(now=NOW)
    assert db.session.scalars(select(Run.state)).one() == State.QUEUED
    carrier.down = False
    dispatch.dispatch(now=NOW)
    assert db.session.scalars(select(Run.state)).one() == State.SENT
    assert len(carrier.runs) == 1


def test_redis_away_costs_no_attempt(one_task: Phase, pavel: User, carrier: FakeCarrier) -> None:
    carrier.down = True
    submit(one_task, "pavel")
    dispatch.dispatch(now=NOW)
    assert db.session.scalars(select(Run.attempt)).one() == 0


def test_redis_that_goes_away_while_sending_costs_one_attempt_a_round(
    one_task: Phase, pavel: User, carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(one_task, "pavel")
    carrier.down = True
    monkeypatch.setattr(carrier, "depth", lambda _queue: 0)
    dispatch.dispatch(now=NOW)
    run = db.session.scalars(select(Run)).one()
    assert (run.state, run.attempt) == (State.QUEUED, 1)


def test_message_that_redis_forgot_is_sent_again_with_another_token(
    one_task: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    submit(one_task, "pavel")
    dispatch.dispatch(now=NOW)
    first = carrier.runs.pop()[2]
    later = NOW + timedelta(seconds=121)
    assert dispatch.sweep(now=later) == 1
    dispatch.dispatch(now=later)
    again = carrier.runs.pop()[2]
    assert again["attempt"] == 2
    assert again["token"] != first["token"]


def test_message_is_left_alone_while_no_machine_is_there_to_take_it(
    one_task: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    submit(one_task, "pavel")
    dispatch.dispatch(now=NOW)
    with unit_of_work():
        db.session.scalars(select(Machine)).one().last_seen_at = NOW - timedelta(hours=1)
    assert dispatch.sweep(now=NOW + timedelta(minutes=10)) == 0


def test_message_that_still_lies_on_its_queue_is_not_sent_again(
    one_task: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    # A machine that is busy for hours leaves the next message where it is for as long.
    submit(one_task, "pavel")
    dispatch.dispatch(now=NOW)
    later = NOW + timedelta(seconds=121)
    with unit_of_work():
        db.session.scalars(select(Machine)).one().last_seen_at = later
    assert dispatch.sweep(now=later) == 0
    run = db.session.scalars(select(Run)).one()
    assert (run.state, run.attempt) == (State.SENT, 1)


def test_message_that_redis_forgot_is_sent_again_beside_others_that_lie_there(
    one_task: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    submit(one_task, "pavel")
    submit(one_task, "pavel")
    dispatch.dispatch(now=NOW)
    _, forgotten, _ = carrier.runs.pop(0)
    assert dispatch.sweep(now=NOW + timedelta(seconds=121)) == 1
    (run,) = db.session.scalars(select(Run).where(Run.state == State.QUEUED))
    assert forgotten.endswith(f"-{run.id}-1")


def test_redis_is_asked_outside_of_any_transaction(
    one_task: Phase, pavel: User, carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(one_task, "pavel")
    submit(one_task, "pavel")
    dispatch.dispatch(now=NOW)
    asked = []

    def holds(_queue: str, _job: str) -> bool:
        asked.append(db.session().in_transaction())
        return False

    monkeypatch.setattr(carrier, "holds", holds)
    assert dispatch.sweep(now=NOW + timedelta(seconds=121)) == 2
    assert asked == [False, False]


def test_run_that_was_claimed_although_redis_seemed_away_stays_with_its_machine(
    one_task: Phase, pavel: User, carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(one_task, "pavel")

    def arrives_but_does_not_say_so(*_message: object) -> None:
        with unit_of_work():
            outcome.move(db.session.scalars(select(Run)).one(), State.RUNNING)
        raise Unavailable("The answer got lost.")

    monkeypatch.setattr(carrier, "send_run", arrives_but_does_not_say_so)
    dispatch.dispatch(now=NOW)
    assert db.session.scalars(select(Run.state)).one() == State.RUNNING


def test_dispatchers_at_once_do_not_send_more_than_there_is_room_for(
    one_task: Phase, pavel: User, carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        submit(one_task, "pavel")
    depth = carrier.depth

    def and_meanwhile_another(queue: str) -> int:
        monkeypatch.setattr(carrier, "depth", depth)
        assert dispatch.dispatch(now=NOW) == 2
        return depth(queue)

    monkeypatch.setattr(carrier, "depth", and_meanwhile_another)
    assert dispatch.dispatch(now=NOW) == 0
    assert len(carrier.runs) == 2


def test_run_names_the_grants_of_its_benchmark(
    one_task: Phase, pavel: User, competition: Competition, carrier: FakeCarrier
) -> None:
    with unit_of_work():
        found = db.session.get_one(Competition, competition.id)
        found.grants_network, found.granted_memory_mib = True, 9000
    submit(one_task, "pavel")
    dispatch.dispatch(now=NOW)
    spec = carrier.runs[0][2]
    assert (spec["network"], spec["writable_root"], spec["memory_mib"]) == (True, False, 9000)


def test_queue_of_the_benchmark_is_used(
    one_task: Phase, pavel: User, competition: Competition, carrier: FakeCarrier
) -> None:
    other = factories.make_queue(qid="otherqueue", is_default=False)
    with unit_of_work():
        db.session.get_one(Competition, competition.id).queue_id = other.id
    submit(one_task, "pavel")
    dispatch.dispatch(now=NOW)
    assert [queue for queue, _, _ in carrier.runs] == ["otherqueue"]
    assert db.session.get_one(ComputeQueue, other.id).qid == "otherqueue"


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ((State.SENT, State.QUEUED), State.QUEUED),
        ((State.RUNNING, State.SENT), State.RUNNING),
        ((State.FINISHED, State.QUEUED), State.QUEUED),
        ((State.FINISHED, State.RUNNING), State.RUNNING),
    ],
)
def test_submission_runs_while_one_of_its_runs_does(
    phase: Phase, pavel: User, states: tuple[State, State], shown: State
) -> None:
    submission_id = submit(phase, "pavel")
    runs = db.session.scalars(select(Run).where(Run.submission_id == submission_id)).all()
    for run, state in zip(runs, states, strict=True):
        run.state = state
    assert outcome.refresh_state(submission_id).state == shown

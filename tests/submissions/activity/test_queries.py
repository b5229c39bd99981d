from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.queues.models import ComputeQueue, Machine
from app.submissions import outcome
from app.submissions.activity import queries as activity
from app.submissions.models import Attempt, Run, State, Submission
from tests import factories
from tests.factories import NOW
from tests.leaderboards.boards import counted
from tests.submissions.conftest import viewer_of


@pytest.fixture
def one_task(competition: Competition) -> Phase:
    return factories.make_phase(competition, tasks=1)


def run_of(submission: Submission) -> int:
    return db.session.scalars(select(Run.id).where(Run.submission_id == submission.id)).one()


def seen_by(viewer: Viewer, shown: str = "ended") -> list[int]:
    db.session.rollback()
    return [row.run.id for row in activity.activity(viewer, shown, 1, now=NOW).runs.rows]


def test_everyone_sees_their_own_organizers_theirs_and_staff_all(
    one_task: Phase, pavel: User, competition: Competition
) -> None:
    petra = factories.make_user("petra")
    factories.make_user("rita", is_staff=True)
    mine, theirs = (run_of(factories.make_submission(one_task, who)) for who in (pavel, petra))
    elsewhere = factories.make_phase(factories.make_competition(), tasks=1)
    other = run_of(factories.make_submission(elsewhere, petra))
    assert seen_by(viewer_of("pavel")) == [mine]
    assert seen_by(viewer_of("petra")) == [other, theirs]
    assert seen_by(viewer_of("olga")) == [theirs, mine]
    assert seen_by(viewer_of("rita")) == [other, theirs, mine]


def test_keeper_of_a_queue_sees_its_runs_but_not_whose_they_are(
    one_task: Phase, pavel: User, queue: ComputeQueue
) -> None:
    keeper = factories.make_user("keeper")
    with unit_of_work():
        db.session.get_one(ComputeQueue, queue.id).owner_id = keeper.id
    made = factories.make_submission(one_task, pavel)
    (row,) = activity.activity(viewer_of("keeper"), "ended", 1, now=NOW).runs.rows
    assert row.run.id == run_of(made)
    assert (row.submission_id, row.owner_name) == (None, None)
    assert row.competition is not None


def test_trial_is_not_shown_to_the_participant(one_task: Phase, pavel: User) -> None:
    original = factories.make_submission(one_task, pavel)
    factories.make_submission(one_task, pavel, rerun_of_id=original.id, is_trial=True)
    assert seen_by(viewer_of("pavel")) == [run_of(original)]


def test_figures_count_waiting_and_running_and_know_the_oldest(
    one_task: Phase, pavel: User
) -> None:
    for state, minute in (("queued", 5), ("sent", 2), ("running", 0), ("held", 0), ("finished", 0)):
        factories.make_submission(
            one_task, pavel, state=state, created_at=NOW + timedelta(minutes=minute)
        )
    figures = activity.activity(viewer_of("pavel"), "running", 1, now=NOW).figures
    assert (figures.waiting, figures.running) == (2, 1)
    assert figures.oldest_waiting_at == NOW + timedelta(minutes=2)


def test_machines_say_what_they_do_and_how_they_did(
    one_task: Phase, pavel: User, queue: ComputeQueue
) -> None:
    running = factories.make_submission(one_task, pavel, state=State.RUNNING)
    with unit_of_work():
        machine = db.session.scalars(select(Machine)).one()
        machine.details = {"worker_version": "0.4", "gpus": ["A100"]}
        run = db.session.get_one(Run, run_of(running))
        run.attempt = 4
        for number, (failed, hours, why) in enumerate(
            [
                (True, 0.5, outcome.SILENT),
                (True, 5, outcome.SILENT),
                (False, 1, "The worker was told to stop."),
                (False, None, ""),
            ],
            start=1,
        ):
            ended = None if hours is None else NOW - timedelta(hours=float(hours))
            db.session.add(
                Attempt(
                    run_id=run.id, number=number, token_hash="x", output_prefix="p",
                    created_at=NOW, machine_id=machine.id, is_failure=failed, ended_at=ended,
                    outcome=why,
                )
            )  # fmt: skip
    row = activity.activity(viewer_of("pavel"), "running", 1, now=NOW)
    (seen,) = row.machines
    assert (seen.is_online, seen.facts.worker_version, seen.facts.gpus) == (True, "0.4", ("A100",))
    assert [work.submission_id for work in seen.work] == [running.id]
    assert (seen.completed, seen.lost, seen.handed_back) == (0, 2, 1)
    assert seen.success == 0
    assert row.figures.lost_leases == 1


def test_attempt_that_ended_with_its_run_counts_for_the_machine(
    one_task: Phase, pavel: User, queue: ComputeQueue
) -> None:
    for state in (State.FINISHED, State.FAILED):
        made = factories.make_submission(one_task, pavel, state=state)
        with unit_of_work():
            run = db.session.get_one(Run, run_of(made))
            run.attempt, run.ended_at = 1, NOW - timedelta(hours=1)
            attempt_on(one_machine(), run, ended_at=run.ended_at, outcome=str(state))
    with unit_of_work():
        attempt_on(one_machine(), run, number=2, is_failure=True, ended_at=NOW, outcome="disk")
    (seen,) = activity.activity(viewer_of("pavel"), "running", 1, now=NOW).machines
    assert (seen.completed, seen.lost, seen.handed_back) == (2, 1, 0)
    assert seen.success == pytest.approx(2 / 3)


def test_machine_whose_access_ended_stays_while_it_worked_lately(
    one_task: Phase, pavel: User, queue: ComputeQueue
) -> None:
    made = factories.make_submission(one_task, pavel)
    with unit_of_work():
        machine = one_machine()
        machine.revoked_at = machine.last_seen_at = NOW
        run = db.session.get_one(Run, run_of(made))
        attempt_on(
            machine, run, is_failure=True, ended_at=NOW - timedelta(minutes=5),
            outcome=outcome.SILENT,
        )  # fmt: skip
        db.session.add(
            Machine(queue_id=queue.id, name="idle", token_hash="i", created_at=NOW, revoked_at=NOW)
        )
    row = activity.activity(viewer_of("pavel"), "running", 1, now=NOW)
    (seen,) = row.machines
    assert (seen.machine.name, seen.is_revoked, seen.is_online) == ("gpu1", True, False)
    assert (seen.lost, row.figures.lost_leases) == (1, 1)
    later = activity.activity(viewer_of("pavel"), "running", 1, now=NOW + timedelta(days=2))
    assert later.machines == []


def one_machine() -> Machine:
    return db.session.scalars(select(Machine)).one()


def attempt_on(machine: Machine, run: Run, **values: object) -> None:
    attempt = Attempt(
        run_id=run.id, machine_id=machine.id, token_hash="x", output_prefix="p", created_at=NOW,
        **{"number": 1, **values},
    )  # fmt: skip
    db.session.add(attempt)


def test_machines_of_other_peoples_queues_are_not_shown(pavel: User, queue: ComputeQueue) -> None:
    secret = factories.make_queue(is_default=False, owner_id=factories.make_user().id)
    factories.save(
        Machine(queue_id=secret.id, name="theirs", token_hash="t", created_at=NOW, last_seen_at=NOW)
    )
    names = [
        row.machine.name
        for row in activity.activity(viewer_of("pavel"), "running", 1, now=NOW).machines
    ]
    assert names == ["gpu1"]


def test_number_of_statements_depends_on_nothing(
    one_task: Phase, pavel: User, queue: ComputeQueue
) -> None:
    viewer = viewer_of("pavel")

    def cost() -> int:
        db.session.rollback()
        db.session.expire_all()
        with counted() as statements:
            activity.activity(viewer, "ended", 1, now=NOW)
        return len(statements)

    factories.make_submission(one_task, pavel)
    few = cost()
    for number in range(5):
        factories.make_submission(one_task, pavel)
        other = factories.make_competition()
        factories.make_submission(factories.make_phase(other), pavel)
        factories.save(
            Machine(queue_id=queue.id, name=f"m{number}", token_hash=f"h{number}", created_at=NOW)
        )
    assert cost() == few

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.accounts.models import User
from app.competitions.models import BoardColumn, Competition, Leaderboard, Phase
from app.errors import NotFound
from app.platform.db import db, unit_of_work
from app.policy import ANONYMOUS
from app.queues.models import ComputeQueue, Machine
from app.resources.models import StoredFile
from app.submissions import dispatch, events
from app.submissions.models import Attempt, Run, State, Submission
from app.submissions.provenance import queries as provenance
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.leaderboards.boards import counted
from tests.submissions.conftest import viewer_of
from worker.contract import Kind, RunEvent


@pytest.fixture
def ranked(competition: Competition, pavel: User) -> Phase:
    owner = db.session.get_one(User, competition.owner_id)
    task = factories.make_task(owner, programs=True, name="All features")
    board = factories.make_board(
        competition, [{"key": "auc"}, {"key": "secret", "is_hidden": True}]
    )
    return factories.make_phase(competition, tasks=[task], board=board)


@pytest.fixture
def scored(ranked: Phase, pavel: User, queue: ComputeQueue) -> Submission:
    made = factories.make_submission(
        ranked, pavel, [{"auc": 0.75, "secret": 0.1}], on_board=True
    )  # fmt: skip
    with unit_of_work():
        run = db.session.scalars(select(Run).where(Run.submission_id == made.id)).one()
        run.image, run.image_digest, run.engine = "python:3.11", "python@sha256:1234", "docker"
        run.attempt, run.started_at, run.container_s = 2, NOW, 12.5
        run.ended_at = NOW + timedelta(seconds=30)
        for number, machine in ((1, "gpu1"), (2, "gpu2")):
            attempt = Attempt(
                run_id=run.id, number=number, token_hash="x", output_prefix="p", created_at=NOW,
                machine_name=machine, worker_version="0.2", limits={"timeout_s": 60},
                outcome="The worker was told to stop." if number == 1 else "finished",
                ended_at=NOW + timedelta(seconds=10) if number == 1 else run.ended_at,
            )  # fmt: skip
            db.session.add(attempt)
        db.session.execute(
            update(StoredFile).where(StoredFile.id == made.file_id).values(sha256="abc")
        )
    return made


def test_every_score_says_where_it_comes_from(scored: Submission) -> None:
    found = provenance.of(scored.id, viewer_of("pavel"))
    assert found["file"] == {"sha256": "abc", "size_bytes": 100}
    assert (found["owner"], found["submitted_at"]) == ("pavel", "2027-01-14T09:30:00Z")
    (run,) = found["runs"]
    assert run["task"]["name"] == "All features"
    assert (run["task"]["revision"], run["task"]["current_revision"]) == (1, 1)
    assert set(run["bundles"]) == {"scoring_program", "reference_data"}
    assert run["image"] == {"name": "python:3.11", "digest": "python@sha256:1234"}
    assert (run["engine"], run["worker_version"], run["machine"]) == ("docker", "0.2", "gpu2")
    assert run["limits"] == {"timeout_s": 60}
    assert (run["started_at"], run["ended_at"]) == ("2027-01-14T09:30:00Z", "2027-01-14T09:30:30Z")
    assert [(one["how"], one["outcome"]) for one in run["attempts"]] == [
        ("handed_back", "The worker was told to stop."), ("ended", "finished"),
    ]  # fmt: skip
    assert run["scores"] == {"auc": 0.75}


def test_readers_of_the_board_get_it_without_machine_and_attempts(scored: Submission) -> None:
    (run,) = provenance.of(scored.id, ANONYMOUS)["runs"]
    assert "machine" not in run
    assert "attempts" not in run
    assert run["image"]["digest"] == "python@sha256:1234"


def test_what_stands_on_no_board_or_a_hidden_one_is_nobody_elses(
    scored: Submission, ranked: Phase
) -> None:
    with unit_of_work():
        board = update(Leaderboard).where(Leaderboard.id == ranked.leaderboard_id)
        db.session.execute(board.values(is_hidden=True))
    with pytest.raises(NotFound):
        provenance.of(scored.id, ANONYMOUS)
    with unit_of_work():
        board = update(Leaderboard).where(Leaderboard.id == ranked.leaderboard_id)
        db.session.execute(board.values(is_hidden=False))
        db.session.get_one(Submission, scored.id).on_board = False
    with pytest.raises(NotFound):
        provenance.of(scored.id, ANONYMOUS)
    with pytest.raises(NotFound):
        provenance.of(999, viewer_of("olga"))


def test_hidden_columns_are_in_no_answer(scored: Submission) -> None:
    keys = set(db.session.scalars(select(BoardColumn.key)))
    assert "secret" in keys
    assert "secret" not in repr(provenance.of(scored.id, viewer_of("pavel")))


def test_number_of_statements_does_not_depend_on_runs_and_attempts(
    competition: Competition, pavel: User, queue: ComputeQueue
) -> None:
    costs = []
    for tasks in (1, 4):
        made = factories.make_submission(factories.make_phase(competition, tasks=tasks), pavel)
        viewer, submission_id = viewer_of("pavel"), made.id
        db.session.rollback()
        with counted() as statements:
            provenance.of(submission_id, viewer)
        costs.append(len(statements))
    assert costs[0] == costs[1]


def test_attempt_keeps_its_limits_its_machine_and_the_version_of_its_worker(
    ranked: Phase, pavel: User, queue: ComputeQueue, carrier: FakeCarrier
) -> None:
    made = factories.make_submission(ranked, pavel, state=State.QUEUED)
    dispatch.dispatch(now=NOW)
    spec = carrier.runs[0][2]
    with unit_of_work():
        machine = db.session.scalars(select(Machine)).one()
        machine.details = {"worker_version": "0.3"}
        started = RunEvent(seq=1, kind=Kind.STARTED, text="claim")
        events.receive(spec["run_id"], spec["token"], 1, [started], now=NOW, machine=machine)
    (run,) = provenance.of(made.id, viewer_of("pavel"))["runs"]
    assert (run["machine"], run["worker_version"]) == ("gpu1", "0.3")
    assert run["limits"]["timeout_s"] == 600
    assert run["limits"]["memory_mib"] == 4096
    assert run["limits"]["network"] is False

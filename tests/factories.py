"""Rows for tests: each function saves what it makes and returns it.

Everything has a sensible default; a test names only what it is about. Rows are committed, so that a
request made by the test client sees them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import (
    BoardColumn,
    Competition,
    Leaderboard,
    Membership,
    Page,
    Participant,
    Phase,
    PhaseTask,
)
from app.platform.db import Base, db, unit_of_work
from app.platform.storage import PRIVATE
from app.queues.models import ComputeQueue, Machine
from app.resources.models import FileKind, StoredFile, Task, TaskRevision
from app.submissions.models import Run, RunScore, State, Submission, SubmissionNumber

NOW = datetime(2027, 1, 14, 9, 30, tzinfo=UTC)
"""The time at which the rows of a test are made, unless it says another."""

_count = itertools.count(1)


def save(*rows: Base) -> None:
    """Write rows in one transaction."""
    with unit_of_work():
        db.session.add_all(rows)


def change(row: Base, **values: Any) -> None:
    """Change a saved row; setting its attributes before :func:`save` would be forgotten."""
    with unit_of_work():
        for name, value in values.items():
            setattr(row, name, value)


def make_user(username: str = "", **overrides: Any) -> User:
    """A person; no password matches until one is set."""
    username = username or f"person{next(_count)}"
    values: dict[str, Any] = {
        "username": username,
        "email": f"{username.lower()}@example.org",
        "password_hash": "!",
        "created_at": NOW,
    }
    user = User(**{**values, **overrides})
    save(user)
    return user


def make_queue(**overrides: Any) -> ComputeQueue:
    """A compute queue; the default one unless told otherwise."""
    number = next(_count)
    values: dict[str, Any] = {
        "qid": f"queue{number:04}",
        "name": f"Queue {number}",
        "is_default": True,
        "created_at": NOW,
    }
    queue = ComputeQueue(**{**values, **overrides})
    save(queue)
    return queue


def make_machine(queue: ComputeQueue, name: str = "", **overrides: Any) -> Machine:
    """A machine whose access is set and that was never heard."""
    number = next(_count)
    values: dict[str, Any] = {
        "queue_id": queue.id,
        "name": name or f"machine{number}",
        "token_hash": f"{number:064}",
        "broker_user": f"{queue.qid}-{number}",
        "broker_hash": f"{number:064}",
        "access_set_at": NOW,
        "created_at": NOW,
    }
    machine = Machine(**{**values, **overrides})
    save(machine)
    return machine


def make_file(owner: User, **overrides: Any) -> StoredFile:
    """A stored file whose upload is complete; the bytes are the test's business."""
    number = next(_count)
    values: dict[str, Any] = {
        "owner_id": owner.id,
        "kind": FileKind.SUBMISSION,
        "name": f"File {number}",
        "file_name": f"file{number}.zip",
        "bucket": PRIVATE,
        "object_key": f"files/{number}",
        "size_bytes": 100,
        "is_complete": True,
        "created_at": NOW,
    }
    file = StoredFile(**{**values, **overrides})
    save(file)
    return file


def make_task(owner: User, *, programs: bool = False, **overrides: Any) -> Task:
    """A task with its first revision; with ``programs``, a scoring program and reference data."""
    values: dict[str, Any] = {
        "owner_id": owner.id,
        "name": f"Task {next(_count)}",
        "created_at": NOW,
    }
    revision = TaskRevision(number=1, created_at=NOW)
    if programs:
        revision.scoring_program_id = make_file(owner, kind=FileKind.SCORING_PROGRAM).id
        revision.reference_data_id = make_file(owner, kind=FileKind.REFERENCE_DATA).id
    task = Task(**{**values, **overrides}, revisions=[revision])
    save(task)
    return task


def make_competition(owner: User | None = None, **overrides: Any) -> Competition:
    """A published competition without phases or boards; see :func:`make_phase`."""
    owner = owner or make_user()
    values: dict[str, Any] = {
        "owner_id": owner.id,
        "title": f"Competition {next(_count)}",
        "docker_image": "python:3.11-slim",
        "is_published": True,
        "created_at": NOW - timedelta(days=30),
        "published_at": NOW - timedelta(days=29),
    }
    competition = Competition(**{**values, **overrides})
    save(competition)
    return competition


def make_page(competition: Competition, **overrides: Any) -> Page:
    """A text of the overview."""
    values: dict[str, Any] = {
        "competition_id": competition.id,
        "index": next(_count),
        "title": "Overview",
        "content": "What this is about.",
    }
    page = Page(**{**values, **overrides})
    save(page)
    return page


def make_board(
    competition: Competition,
    columns: Sequence[Mapping[str, Any]] = ({"key": "score"},),
    **overrides: Any,
) -> Leaderboard:
    """A board; each column needs a ``key``, its ``index`` is its position unless it says another."""
    values: dict[str, Any] = {
        "competition_id": competition.id,
        "title": "Results",
        "key": f"results{next(_count)}",
    }
    rows = [
        BoardColumn(**{"index": position, "title": column["key"], **column})
        for position, column in enumerate(columns)
    ]
    board = Leaderboard(**{**values, **overrides}, columns=rows)
    save(board)
    return board


def make_phase(
    competition: Competition,
    *,
    tasks: int | Sequence[Task] = 1,
    board: Leaderboard | None = None,
    **overrides: Any,
) -> Phase:
    """A phase that is open at :data:`NOW`, with its tasks in order and a board.

    Args:
        tasks: the tasks, or how many to make.
        board: the board; one with a single column ``score`` unless given.
    """
    board_id = (board or make_board(competition)).id
    if isinstance(tasks, int):
        owner = db.session.get_one(User, competition.owner_id)
        tasks = [make_task(owner) for _ in range(tasks)]
    number = next(_count)
    values: dict[str, Any] = {
        "competition_id": competition.id,
        "leaderboard_id": board_id,
        "index": number,
        "name": f"Phase {number}",
        "starts_at": NOW - timedelta(days=10),
        "ends_at": NOW + timedelta(days=10),
    }
    phase_tasks = [PhaseTask(task_id=task.id, order=order) for order, task in enumerate(tasks)]
    phase = Phase(**{**values, **overrides}, phase_tasks=phase_tasks)
    save(phase)
    return phase


def make_participant(
    competition: Competition, user: User, status: str = Membership.APPROVED, **overrides: Any
) -> Participant:
    """A person's membership, approved unless told otherwise."""
    values: dict[str, Any] = {
        "competition_id": competition.id,
        "user_id": user.id,
        "status": status,
        "created_at": NOW,
    }
    participant = Participant(**{**values, **overrides})
    save(participant)
    return participant


def make_submission(
    phase: Phase,
    owner: User,
    scores: Sequence[Mapping[str, float]] = (),
    *,
    state: str = State.FINISHED,
    **overrides: Any,
) -> Submission:
    """A submission with a run for each task of the phase, all in the same state.

    Args:
        scores: for each task in the phase's order, the scores of its run by column key.
    """
    file = make_file(owner)
    queue = db.session.scalar(select(ComputeQueue).limit(1)) or make_queue()
    revisions = _revisions(phase)
    columns = _columns(phase)
    with unit_of_work():
        numbers = [SubmissionNumber() for _ in range(1 + len(revisions))]
        db.session.add_all(numbers)
        db.session.flush()
        values: dict[str, Any] = {
            "id": numbers[0].id,
            "phase_id": phase.id,
            "owner_id": owner.id,
            "file_id": file.id,
            "state": state,
            "created_at": NOW,
            "ended_at": NOW + timedelta(minutes=1) if State(state).is_terminal else None,
        }
        submission = Submission(**{**values, **overrides})
        db.session.add(submission)
        for order, revision in enumerate(revisions):
            run_id = numbers[order + 1].id
            db.session.add(_run(run_id, submission, revision, queue, order))
            own = scores[order] if order < len(scores) else {}
            db.session.flush()
            db.session.add_all(
                RunScore(run_id=run_id, column_id=columns[key], value=value)
                for key, value in own.items()
            )
    return submission


def _revisions(phase: Phase) -> list[TaskRevision]:
    """Return the current revision of each task, in the phase's order."""
    found = db.session.scalars(
        select(TaskRevision)
        .join(PhaseTask, PhaseTask.task_id == TaskRevision.task_id)
        .where(PhaseTask.phase_id == phase.id)
        .order_by(PhaseTask.order, PhaseTask.task_id, TaskRevision.number)
    )
    return list({revision.task_id: revision for revision in found}.values())


def _columns(phase: Phase) -> dict[str, int]:
    statement = select(BoardColumn.key, BoardColumn.id)
    statement = statement.where(BoardColumn.leaderboard_id == phase.leaderboard_id)
    return dict(db.session.execute(statement).tuples().all())


def _run(
    run_id: int, submission: Submission, revision: TaskRevision, queue: ComputeQueue, order: int
) -> Run:
    return Run(
        id=run_id,
        submission_id=submission.id,
        task_id=revision.task_id,
        task_revision_id=revision.id,
        queue_id=queue.id,
        order=order,
        state=submission.state,
        queued_at=submission.created_at,
        ended_at=submission.ended_at,
    )

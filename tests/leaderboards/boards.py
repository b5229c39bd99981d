"""What the tests of boards do again and again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event, insert, select

from app.accounts.models import User
from app.competitions.models import BoardColumn, Competition, Phase, PhaseTask
from app.leaderboards import services
from app.leaderboards.models import Entry
from app.platform.db import Base, db, unit_of_work
from app.policy import Viewer
from app.resources.models import TaskRevision
from app.submissions.models import Run, RunScore, State, Submission, SubmissionNumber
from tests.factories import (
    NOW,
    make_board,
    make_file,
    make_phase,
    make_queue,
    make_submission,
)

AUC: dict[str, Any] = {"key": "auc", "title": "AUROC", "precision": 3}
BRIER: dict[str, Any] = {"key": "brier", "title": "Brier score", "sorting": "asc"}


def phase_with(
    competition: Competition,
    *columns: Mapping[str, Any],
    tasks: int = 1,
    rule: str = "Force_Best",
    **board: Any,
) -> Phase:
    """A phase of a competition with a board of these columns."""
    definition = make_board(competition, columns or [AUC], submission_rule=rule, **board)
    return make_phase(competition, tasks=tasks, board=definition)


def submitted(
    phase: Phase,
    owner: User,
    *scores: Mapping[str, float],
    minute: int = 0,
    state: str = State.FINISHED,
) -> Submission:
    """A submission that ended, before the board has heard of it."""
    moment = NOW + timedelta(minutes=minute)
    return make_submission(phase, owner, scores, state=state, created_at=moment)


def tell(*submissions: Submission) -> None:
    """Tell the board of each ending, in this order, each in a transaction of its own."""
    for submission in submissions:
        with unit_of_work():
            services.refresh(db.session.get_one(Submission, submission.id), now=NOW)


def entries(phase: Phase) -> list[int]:
    """The submissions on a board, in its order."""
    db.session.rollback()
    order = (Entry.sort_key, Entry.submitted_at, Entry.submission_id)
    found = db.session.scalars(
        select(Entry.submission_id).where(Entry.phase_id == phase.id).order_by(*order)
    )
    return list(found)


def overall(submission: Submission) -> dict[str, float]:
    """The overall scores of an entry."""
    db.session.rollback()
    scores: dict[str, float] = db.session.get_one(Entry, submission.id).scores["overall"]
    return scores


def marked(phase: Phase) -> set[int]:
    """The submissions that say they are on the board."""
    db.session.rollback()
    on_board = select(Submission.id).where(Submission.phase_id == phase.id, Submission.on_board)
    return set(db.session.scalars(on_board))


def viewer_of(user: User) -> Viewer:
    """A person without memberships."""
    return Viewer(user.id, user.username, user.is_staff)


def fill(phase: Phase, owners: Sequence[User], count: int) -> None:
    """Put many finished submissions on the board of a phase that shows every one."""
    columns = db.session.scalars(
        select(BoardColumn).where(BoardColumn.leaderboard_id == phase.leaderboard_id)
    ).all()
    tasks = select(TaskRevision).join(PhaseTask, PhaseTask.task_id == TaskRevision.task_id)
    revisions = db.session.scalars(tasks.where(PhaseTask.phase_id == phase.id)).all()
    file_id, queue_id = make_file(owners[0]).id, make_queue().id
    owner_ids = itertools.cycle([owner.id for owner in owners])
    numbers = [SubmissionNumber() for _ in range(count * (1 + len(revisions)))]
    with unit_of_work():
        db.session.add_all(numbers)
        db.session.flush()
        ids = iter([number.id for number in numbers])
    rows: dict[type[Base], list[dict[str, Any]]] = {Submission: [], Run: [], RunScore: []}
    for number in range(count):
        submission_id = next(ids)
        rows[Submission].append(
            {
                "id": submission_id, "phase_id": phase.id, "owner_id": next(owner_ids),
                "file_id": file_id, "state": State.FINISHED,
                "created_at": NOW + timedelta(minutes=number),
            }
        )  # fmt: skip
        for revision in revisions:
            run_id = next(ids)
            rows[Run].append(
                {
                    "id": run_id, "submission_id": submission_id, "task_id": revision.task_id,
                    "task_revision_id": revision.id, "queue_id": queue_id, "queued_at": NOW,
                    "state": State.FINISHED,
                }
            )  # fmt: skip
            rows[RunScore] += [
                {"run_id": run_id, "column_id": column.id, "value": number / (column.index + 1)}
                for column in columns
                if not column.computation
            ]
    with unit_of_work():
        for model, values in rows.items():
            db.session.execute(insert(model), values)
        services.rebuild(phase.id)


@contextmanager
def counted() -> Iterator[Sequence[str]]:
    """Collect the SQL statements that run inside."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

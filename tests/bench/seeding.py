"""Long boards, filled in bulk; their entries are made by the product itself."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from app.accounts.models import User
from app.competitions.drafts import SubmissionRule
from app.competitions.models import BoardColumn, Phase, PhaseTask
from app.leaderboards import services as leaderboards
from app.leaderboards.models import Entry
from app.platform.db import Base, db, unit_of_work
from app.platform.storage import PRIVATE, RUNS
from app.resources.models import FileKind, StoredFile, TaskRevision
from app.submissions.models import Run, RunOutput, RunScore, State, Submission, SubmissionNumber
from tests.factories import (
    NOW,
    make_board,
    make_competition,
    make_phase,
    make_queue,
    make_task,
    make_user,
)
from worker.contract import Output

_COLUMNS = (
    {"key": "auroc"},
    {"key": "sensitivity"},
    {"key": "specificity"},
    {"key": "brier", "sorting": "asc"},
    {"key": "duration", "sorting": "asc"},
)
_PORTION = 1000
_ids = itertools.count(1_000_000)
"""Far above what the databases count themselves."""


@dataclass(frozen=True)
class Seeded:
    """A board with so many rows, each of another participant."""

    phase_id: int
    rows: int
    in_the_middle: User


def seed(rows: int) -> Seeded:
    """Make a benchmark whose board has so many rows, 5 columns, and detailed results."""
    owner = make_user()
    competition = make_competition(owner, title=f"Board of {rows}", enable_detailed_results=True)
    board = make_board(competition, _COLUMNS, submission_rule=SubmissionRule.FORCE_BEST)
    phase = make_phase(competition, tasks=[make_task(owner)], board=board)
    people = [next(_ids) for _ in range(rows)]
    with unit_of_work():
        _fill(phase, people)
    with unit_of_work():
        leaderboards.rebuild(phase.id)
    return Seeded(phase.id, rows, _in_the_middle(phase.id, rows))


def _fill(phase: Phase, people: list[int]) -> None:
    queue_id = make_queue(is_default=False).id
    revision = db.session.scalars(
        select(TaskRevision)
        .join(PhaseTask, PhaseTask.task_id == TaskRevision.task_id)
        .where(PhaseTask.phase_id == phase.id)
    ).one()
    columns = list(db.session.scalars(_column_ids(phase)))
    chance = random.Random(len(people))
    rows: dict[type[Base], list[dict[str, Any]]] = {
        kind: []
        for kind in (User, StoredFile, SubmissionNumber, Submission, Run, RunScore, RunOutput)
    }
    for number, person in enumerate(people):
        submission, run, file = next(_ids), next(_ids), next(_ids)
        at = NOW - timedelta(days=5) + timedelta(seconds=number)
        rows[User].append(_user(person))
        rows[StoredFile].append(_file(file, person))
        rows[SubmissionNumber] += [{"id": submission}, {"id": run}]
        rows[Submission].append({
            "id": submission, "phase_id": phase.id, "owner_id": person, "file_id": file,
            "state": State.FINISHED, "created_at": at, "ended_at": at,
        })  # fmt: skip
        rows[Run].append({
            "id": run, "submission_id": submission, "task_id": revision.task_id, "attempt": 1,
            "task_revision_id": revision.id, "queue_id": queue_id, "state": State.FINISHED,
            "queued_at": at, "ended_at": at,
        })  # fmt: skip
        rows[RunScore] += [
            {"run_id": run, "column_id": column, "value": round(chance.random(), 4)}
            for column in columns
        ]
        rows[RunOutput].append({
            "run_id": run, "kind": Output.DETAILED_RESULTS, "attempt": 1, "bucket": RUNS,
            "object_key": f"runs/{run}", "size_bytes": 1,
        })  # fmt: skip
    for kind, of_kind in rows.items():
        for portion in _portions(of_kind):
            db.session.execute(insert(kind), portion)


def _column_ids(phase: Phase) -> Any:
    return select(BoardColumn.id).where(BoardColumn.leaderboard_id == phase.leaderboard_id)


def _user(person: int) -> dict[str, Any]:
    return {
        "id": person, "username": f"participant{person}", "password_hash": "!",
        "email": f"participant{person}@example.org", "created_at": NOW,
    }  # fmt: skip


def _file(file: int, person: int) -> dict[str, Any]:
    return {
        "id": file, "owner_id": person, "kind": FileKind.SUBMISSION, "name": "Result",
        "file_name": "result.zip", "bucket": PRIVATE, "object_key": f"files/{file}",
        "size_bytes": 100, "is_complete": True, "created_at": NOW,
    }  # fmt: skip


def _portions(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), _PORTION):
        yield rows[start : start + _PORTION]


def _in_the_middle(phase_id: int, rows: int) -> User:
    middle = select(Entry.owner_id).where(Entry.phase_id == phase_id).order_by(Entry.sort_key)
    owner_id = db.session.scalars(middle.offset(rows // 2).limit(1)).one()
    return db.session.get_one(User, owner_id)

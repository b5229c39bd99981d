"""Two people who keep ten thousand things of every kind, filled in bulk."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from app.accounts.models import User
from app.bundles.models import BundleImport, ImportState
from app.platform.db import Base, db, unit_of_work
from app.platform.storage import PRIVATE, RUNS
from app.resources.library.drafts import KINDS
from app.resources.models import FileKind, StoredFile, Task, TaskRevision, TaskShare
from app.submissions.models import Attempt, Run, RunOutput, State, Submission, SubmissionNumber
from tests.factories import NOW, make_competition, make_phase, make_queue, make_task
from worker.contract import Output

ROWS = 10_000
RARE = "zebrafish"
"""A word that four of the ten thousand have."""
_PORTION = 1_000
_WORDS = (
    "chest", "breast", "lung", "brain", "retina", "skin", "heart", "liver", "bone", "kidney",
    "mammography", "tomography", "ultrasound", "microscopy", "signal", "report", "text", "wave",
)  # fmt: skip
_FAR = 1_000_000
"""Ids of ours begin here, above what the databases count themselves; files take four portions."""


def fill(owner: User, other: User) -> None:
    """Give one person files, tasks made of them, and bundles; the other shares and submissions.

    Files and tasks are public and the tasks are shared, so that lists of others are as long.
    """
    competition = make_competition(owner, title="A benchmark")
    phase = make_phase(competition, tasks=[make_task(owner)])
    with unit_of_work():
        revision = db.session.query(TaskRevision).one()
        ran = {"task_id": revision.task_id, "task_revision_id": revision.id}
        ran |= {"queue_id": make_queue(is_default=False).id}
        rows: dict[type[Base], list[dict[str, Any]]] = {}
        for number, words in enumerate(_words()):
            at = NOW - timedelta(minutes=number)
            for kind, row in (
                *_files_and_tasks(_FAR + number, words, owner, other, at),
                *_bundles(_FAR + number, words, owner, competition.id, at),
                *_submissions(_FAR + number, other, phase.id, ran, at),
            ):
                rows.setdefault(kind, []).append(row)
        for kind in sorted(rows, key=lambda kind: _ORDER.index(kind)):
            for start in range(0, len(rows[kind]), _PORTION):
                db.session.execute(insert(kind), rows[kind][start : start + _PORTION])


_ORDER = (
    StoredFile, Task, TaskRevision, TaskShare, BundleImport, SubmissionNumber, Submission, Run,
    RunOutput, Attempt,
)  # fmt: skip
_Row = tuple[type[Base], dict[str, Any]]


def _words() -> list[str]:
    chance = random.Random(ROWS)
    rare = ROWS // 4
    return [
        " ".join([*chance.sample(_WORDS, 3), *([RARE] if number % rare == 0 else [])])
        for number in range(ROWS)
    ]


def _files_and_tasks(number: int, words: str, owner: User, other: User, at: datetime) -> list[_Row]:
    named = {"name": f"{words} {number}", "description": f"All about {words}. " * 10}
    made = {"owner_id": owner.id, "created_at": at, "is_public": True, **named}
    kind = KINDS[number % len(KINDS)]
    return [
        (StoredFile, {
            **_file(number, kind, number * 7919 % 10**9), **made,
            "came_with_bundle": number % 2 == 0, "downloads": number * 31 % 100,
        }),
        (Task, {"id": number, **made}),
        (TaskRevision, {
            "task_id": number, "number": 1, "created_at": at, "scoring_program_id": number,
        }),
        (TaskShare, {"task_id": number, "user_id": other.id}),
    ]  # fmt: skip


def _bundles(number: int, words: str, owner: User, competition_id: int, at: datetime) -> list[_Row]:
    file = number + _FAR
    return [
        (StoredFile, {
            **_file(file, FileKind.COMPETITION_BUNDLE, number * 31 % 10**6), "owner_id": owner.id,
            "created_at": at, "name": words, "file_name": f"{words}.zip", **_PLAIN,
        }),
        (BundleImport, {
            "owner_id": owner.id, "file_id": file, "created_at": at, "heard_at": at,
            "ended_at": at, "state": ImportState.FINISHED, "competition_id": competition_id,
        }),
    ]  # fmt: skip


def _submissions(
    number: int, owner: User, phase_id: int, ran: dict[str, Any], at: datetime
) -> list[_Row]:
    file, run = number + 2 * _FAR, number + _FAR
    return [
        (StoredFile, {
            **_file(file, FileKind.SUBMISSION, number * 17 % 10**6), "owner_id": owner.id,
            "created_at": at, "name": f"Result {number}", **_PLAIN,
        }),
        (SubmissionNumber, {"id": number}),
        (SubmissionNumber, {"id": run}),
        (Submission, {
            "id": number, "phase_id": phase_id, "owner_id": owner.id, "file_id": file,
            "state": State.FINISHED if number % 5 else State.FAILED, "created_at": at,
            "ended_at": at,
        }),
        (Run, {
            "id": run, "submission_id": number, **ran, "attempt": 1, "state": State.FINISHED,
            "queued_at": at, "ended_at": at,
        }),
        (RunOutput, {
            "run_id": run, "kind": Output.DETAILED_RESULTS, "attempt": 1, "bucket": RUNS,
            "object_key": f"runs/{run}", "size_bytes": number * 13 % 10**6,
        }),
        (Attempt, {
            "run_id": run, "number": 1, "token_hash": f"{run:064}", "output_prefix": f"runs/{run}",
            "created_at": at, "ended_at": at, "log_chars": 100,
        }),
    ]  # fmt: skip


_PLAIN = {"description": "", "is_public": False, "came_with_bundle": False, "downloads": 0}


def _file(number: int, kind: FileKind, size_bytes: int) -> dict[str, Any]:
    return {
        "id": number, "kind": kind, "file_name": f"{number}.zip", "bucket": PRIVATE,
        "object_key": f"files/{number}", "size_bytes": size_bytes, "is_complete": True,
    }  # fmt: skip

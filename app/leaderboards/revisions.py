"""Which entries of a board were scored on a revision of a task that is not current any more."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Select, and_, distinct, false, func, or_, select

from app.competitions.models import PhaseTask
from app.leaderboards.models import Entry
from app.platform.db import db
from app.resources.models import TaskRevision
from app.submissions.models import Run

Earlier = Mapping[int, int]
"""Number of the revision that an entry was scored on, by the id of its task."""


def current(phase_id: int) -> dict[int, int]:
    """Return the numbers of the current revisions of a phase's tasks, where that is not the first."""
    statement = (
        select(TaskRevision.task_id, func.max(TaskRevision.number))
        .join(PhaseTask, PhaseTask.task_id == TaskRevision.task_id)
        .where(PhaseTask.phase_id == phase_id)
        .group_by(TaskRevision.task_id)
        .having(func.max(TaskRevision.number) > 1)
    )
    return dict(db.session.execute(statement).tuples().all())


def count(phase_id: int, numbers: Mapping[int, int]) -> int:
    """Return how many entries of a board have a score of an earlier revision.

    Args:
        numbers: from :func:`current`; with none of them nothing is asked.
    """
    if not numbers:
        return 0
    statement = (
        select(func.count(distinct(Entry.submission_id)))
        .join(Run, Run.submission_id == Entry.submission_id)
        .join(TaskRevision, TaskRevision.id == Run.task_revision_id)
        .where(Entry.phase_id == phase_id, _is_earlier(numbers))
    )
    return db.session.scalar(statement) or 0


def earlier(ids: Select[tuple[int]], numbers: Mapping[int, int]) -> dict[int, dict[int, int]]:
    """Return the earlier revisions that entries were scored on, by submission and task."""
    if not numbers:
        return {}
    chosen = ids.subquery()
    rows = db.session.execute(
        select(Run.submission_id, Run.task_id, TaskRevision.number)
        .join(chosen, chosen.c.submission_id == Run.submission_id)
        .join(TaskRevision, TaskRevision.id == Run.task_revision_id)
        .where(_is_earlier(numbers))
    )
    found: dict[int, dict[int, int]] = {}
    for submission_id, task_id, number in rows:
        found.setdefault(submission_id, {})[task_id] = number
    return found


def _is_earlier(numbers: Mapping[int, int]) -> ColumnElement[bool]:
    return or_(
        false(),
        *(
            and_(Run.task_id == task_id, TaskRevision.number < number)
            for task_id, number in numbers.items()
        ),
    )

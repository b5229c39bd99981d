"""Lists of tasks: what somebody may see, what it takes, and what nothing uses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, distinct, exists, false, func, select, union
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.competitions.models import Competition, Phase, PhaseTask
from app.competitions.tasks import queries
from app.competitions.tasks.drafts import ROLES
from app.platform import paging, searching
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.models import StoredFile, Task, TaskRevision, TaskShare, solution_tasks

PAGE_SIZE = 50
_MAX_NAMED = 10
"""How many benchmarks of a task are looked at to name one: a public task may have thousands."""


@dataclass(frozen=True)
class Filters:
    """What a list is asked for; all of it stands in the address."""

    words: str = ""
    whose: str = "mine"
    """``mine``, ``shared`` with me, or ``public``."""
    sort: str = "-created"
    """``created``, ``name`` or ``used``, descending after a ``-``."""


@dataclass(frozen=True)
class TaskRow:
    """One line of a list."""

    task: Task
    """With its owner."""
    revision: int
    benchmarks: int
    """How many use it."""
    benchmark: Competition | None
    """The first of those that the viewer may know, if there is one."""
    size_bytes: int
    """Of all files of all its revisions, each once."""


def page(viewer: Viewer, filters: Filters, number: int) -> paging.Page[TaskRow]:
    """Return the tasks that a person asks for, in four statements."""
    words = searching.mentions(filters.words, Task.name, Task.description)
    wanted = select(Task.id).where(_whose(viewer, filters.whose), *words)
    ids, total = paging.ids(wanted.order_by(*_order(filters.sort)), number, PAGE_SIZE)
    found = db.session.execute(
        select(Task, _current_number(), _count_benchmarks())
        .where(Task.id.in_(ids))
        .options(joinedload(Task.owner))
    )
    sizes, named = _sizes(ids), _known_benchmarks(ids, viewer)
    rows = [
        TaskRow(task, revision, benchmarks, named.get(task.id), sizes.get(task.id, 0))
        for task, revision, benchmarks in found
    ]
    return paging.Page(
        paging.in_order(rows, ids, lambda row: row.task.id), number, PAGE_SIZE, total
    )


def _order(sort: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    columns: dict[str, ColumnElement[Any]] = {
        "created": Task.created_at.expression,
        "name": func.lower(Task.name),
        "used": _count_benchmarks(),
    }
    column = columns[sort.removeprefix("-")]
    if sort.startswith("-"):
        return column.desc(), Task.id.desc()
    return column.asc(), Task.id.asc()


def _sizes(task_ids: Collection[int]) -> dict[int, int]:
    parts = [
        select(TaskRevision.task_id, getattr(TaskRevision, f"{kind}_id").label("file_id")).where(
            TaskRevision.task_id.in_(task_ids)
        )
        for kind in ROLES
    ]
    named = union(*parts).subquery()  # a union holds each pair once
    found = db.session.execute(
        select(named.c.task_id, func.sum(StoredFile.size_bytes))
        .join(StoredFile, StoredFile.id == named.c.file_id)
        .group_by(named.c.task_id)
    )
    return {task_id: int(size) for task_id, size in found}


def _known_benchmarks(task_ids: Collection[int], viewer: Viewer) -> dict[int, Competition]:
    """Return a benchmark of each task that the viewer may know, looking at the first few of each."""
    uses = (
        select(PhaseTask.task_id, Phase.competition_id)
        .join(Phase, Phase.id == PhaseTask.phase_id)
        .where(PhaseTask.task_id.in_(task_ids))
        .distinct()
        .subquery()
    )
    place = func.row_number().over(partition_by=uses.c.task_id, order_by=uses.c.competition_id)
    placed = select(uses, place.label("place")).subquery()
    rows = db.session.execute(
        select(placed.c.task_id, Competition)
        .join(Competition, Competition.id == placed.c.competition_id)
        .where(placed.c.place <= _MAX_NAMED)
        .order_by(placed.c.task_id, placed.c.place)
    )
    found: dict[int, Competition] = {}
    for task_id, competition in rows:
        if task_id not in found and policy.can(viewer, Act.COMPETITION_VIEW, competition):
            found[task_id] = competition
    return found


def _whose(viewer: Viewer, whose: str) -> ColumnElement[bool]:
    if whose == "public":
        return Task.is_public.is_(True)
    if viewer.user_id is None:
        return false()
    if whose == "shared":
        return Task.id.in_(select(TaskShare.task_id).where(TaskShare.user_id == viewer.user_id))
    return Task.owner_id == viewer.user_id


def _current_number() -> ColumnElement[int]:
    numbers = select(func.max(TaskRevision.number)).where(TaskRevision.task_id == Task.id)
    return func.coalesce(numbers.scalar_subquery(), 0)


def _count_benchmarks() -> ColumnElement[int]:
    counted = (
        select(func.count(distinct(Phase.competition_id)))
        .join(PhaseTask, PhaseTask.phase_id == Phase.id)
        .where(PhaseTask.task_id == Task.id)
    )
    return counted.scalar_subquery()


def unused(user_id: int, limit: int) -> list[Task]:
    """Return a person's own tasks that nothing uses or was run on, and that they share with nobody."""
    found = db.session.scalars(
        select(Task)
        .where(
            Task.owner_id == user_id,
            Task.is_public.is_(False),
            ~exists().where(PhaseTask.task_id == Task.id),
            ~exists().where(TaskShare.task_id == Task.id),
            ~exists().where(solution_tasks.c.task_id == Task.id),
            *(Task.id.not_in(tasks()) for tasks in queries.run_on),
        )
        .order_by(Task.id)
        .limit(limit)
        .options(selectinload(Task.revisions))
    )
    return list(found)

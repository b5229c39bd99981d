"""Which files are in use: every row of any feature that names a file uses it.

Asked of the tables themselves, so that a feature that comes later cannot be forgotten and what it
names cannot be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache

from sqlalchemy import Column, ColumnElement, Select, or_, select, union_all

from app.platform.db import Base, db
from app.resources.library.places import Use
from app.resources.models import (
    FileVersion,
    PartUpload,
    Solution,
    StoredFile,
    Task,
    TaskRevision,
)

_OWN = frozenset({PartUpload.__tablename__, FileVersion.__tablename__})
"""Tables that only say more of a file."""


uses_of: list[Callable[[int], Sequence[Use]]] = []
"""Each names the places of a feature that use a file, by its id; ``create_app`` fills it."""

kept_secret_by: list[Callable[[int], Sequence[str]]] = []
"""Each names the benchmarks that keep a file from their participants."""


@cache
def columns() -> tuple[Column[int], ...]:
    """Return every column that names a file and thereby uses it."""
    return tuple(
        column
        for table in Base.metadata.sorted_tables
        if table.name not in _OWN
        for column in table.columns
        if any(key.column is StoredFile.__table__.c.id for key in column.foreign_keys)
    )


def used_ids(besides: ColumnElement[int] | None = None) -> Select[tuple[int]]:
    """Return a query for the ids of all files in use.

    Args:
        besides: a column whose uses do not count.
    """
    parts = [
        select(column.label("file_id")).where(column.is_not(None))
        for column in columns()
        if column is not besides
    ]
    return select(union_all(*parts).subquery().c.file_id)


def used_among(file_ids: Collection[int]) -> set[int]:
    """Return those of a page's files that are in use."""
    parts = [select(column).where(column.in_(file_ids)) for column in columns()]
    return set(db.session.scalars(union_all(*parts)))


def of_tasks(file_id: int) -> list[Use]:
    """Return the tasks of which a revision, the current one or another, names the file."""
    roles = (
        TaskRevision.scoring_program_id, TaskRevision.ingestion_program_id,
        TaskRevision.input_data_id, TaskRevision.reference_data_id,
    )  # fmt: skip
    of_revisions = select(TaskRevision.task_id).where(or_(*(role == file_id for role in roles)))
    rows = db.session.scalars(select(Task.name).where(Task.id.in_(of_revisions)).order_by(Task.id))
    return [Use("task", name) for name in rows]


def of_solutions(file_id: int) -> list[Use]:
    """Return the solutions whose file it is."""
    rows = db.session.scalars(select(Solution.name).where(Solution.file_id == file_id))
    return [Use("solution", name) for name in rows]


def of(file_id: int) -> list[Use]:
    """Return everywhere a file is used, as far as a feature has a name for it."""
    return [use for names in (of_tasks, of_solutions, *uses_of) for use in names(file_id)]

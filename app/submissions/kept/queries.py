"""A person's submissions to all benchmarks, with what each keeps in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, false, func, select
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from app.competitions.models import Competition, Phase
from app.platform import paging, searching
from app.platform.db import db
from app.policy import Viewer
from app.resources.models import StoredFile
from app.submissions.models import TERMINAL, Attempt, Run, RunOutput, State, Submission

PAGE_SIZE = 50
UNDER_WAY = "under_way"


@dataclass(frozen=True)
class Filters:
    """What the list is asked for; all of it stands in the address."""

    words: str = ""
    state: str = ""
    """A :class:`State` that is an end, :data:`UNDER_WAY` for the others, empty for all."""
    sort: str = "-created"
    """``created`` or ``size``, descending after a ``-``."""


@dataclass(frozen=True)
class KeptRow:
    """One line of the list."""

    submission: Submission
    """With file, phase and competition."""
    output_bytes: int
    log_bytes: int

    @property
    def size_bytes(self) -> int:
        """How much room all of it takes."""
        return self.submission.file.size_bytes + self.output_bytes + self.log_bytes


def listing(viewer: Viewer, filters: Filters, page: int) -> paging.Page[KeptRow]:
    """Return what a person submitted, in two statements; re-runs are their organizer's affair."""
    wanted = (
        select(Submission.id)
        .join(Submission.phase)
        .join(Phase.competition)
        .join(Submission.file)
        .where(_own(viewer), *_chosen(filters))
    )
    ids, total = paging.ids(_sorted(wanted, viewer, filters.sort), page, PAGE_SIZE)
    found = db.session.execute(
        select(Submission, _outputs(), _logs())
        .where(Submission.id.in_(ids))
        .options(
            joinedload(Submission.file),
            joinedload(Submission.phase).joinedload(Phase.competition),
        )
    )
    rows = (KeptRow(one, int(outputs), int(logs)) for one, outputs, logs in found)
    shown = paging.in_order(rows, ids, lambda row: row.submission.id)
    return paging.Page(shown, page, PAGE_SIZE, total)


def _own(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.user_id is None:
        return false()
    return (Submission.owner_id == viewer.user_id) & Submission.rerun_of_id.is_(None)


def _chosen(filters: Filters) -> list[ColumnElement[bool]]:
    texts = (Competition.title, Phase.name, StoredFile.file_name)
    wanted = searching.mentions(filters.words, *texts)
    if filters.state == UNDER_WAY:
        wanted.append(Submission.state.not_in([state.value for state in TERMINAL]))
    elif filters.state:
        wanted.append(Submission.state == State(filters.state))
    return wanted


def _sorted(wanted: Select[tuple[int]], viewer: Viewer, sort: str) -> Select[tuple[int]]:
    column: ColumnElement[Any] = Submission.created_at.expression
    if sort.removeprefix("-") == "size":
        column = StoredFile.size_bytes.expression
        for size in (RunOutput.size_bytes, Attempt.log_chars):
            sizes = _sizes(viewer, size)
            wanted = wanted.outerjoin(sizes, sizes.c.submission_id == Submission.id)
            column = column + func.coalesce(sizes.c.size_bytes, 0)
    if sort.startswith("-"):
        return wanted.order_by(column.desc(), Submission.id.desc())
    return wanted.order_by(column.asc(), Submission.id.asc())


def _sizes(viewer: Viewer, size: InstrumentedAttribute[int]) -> Subquery:
    """Add up a size of runs for every submission at once: one by one takes long for thousands."""
    return (
        select(Submission.id.label("submission_id"), func.sum(size).label("size_bytes"))
        .join(Run, Run.submission_id == Submission.id)
        .join(size.class_, size.class_.run_id == Run.id)
        .where(_own(viewer))
        .group_by(Submission.id)
        .subquery()
    )


def _outputs() -> ColumnElement[int]:
    kept = (
        select(func.sum(RunOutput.size_bytes))
        .join(Run, Run.id == RunOutput.run_id)
        .where(Run.submission_id == Submission.id)
        .correlate(Submission)
    )
    return func.coalesce(kept.scalar_subquery(), 0)


def _logs() -> ColumnElement[int]:
    kept = (
        select(func.sum(Attempt.log_chars))
        .join(Run, Run.id == Attempt.run_id)
        .where(Run.submission_id == Submission.id)
        .correlate(Submission)
    )
    return func.coalesce(kept.scalar_subquery(), 0)

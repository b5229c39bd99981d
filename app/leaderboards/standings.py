"""What a reader sees of a board: columns, rows, numbers as text."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.competitions.drafts import Sorting, SubmissionRule
from app.competitions.models import BoardColumn, Leaderboard, Phase
from app.platform.paging import Page

FIXED_BELOW = 1e12
"""From here on a number is shown with an exponent: 300 digits are no reading matter."""


@dataclass(frozen=True)
class ColumnRow:
    """A visible column."""

    key: str
    index: int
    title: str
    is_descending: bool
    is_primary: bool
    computation: str
    precision: int
    group: str = ""
    """Title over it and its neighbours of the same group."""

    def show(self, scores: Mapping[str, float]) -> str:
        """Return the score in this column's precision; empty when there is none."""
        value = scores.get(self.key)
        return "" if value is None else self.text(value)

    def text(self, value: float) -> str:
        """Write a number in this column's precision."""
        return number(value, self.precision)


@dataclass(frozen=True)
class Standing:
    """One submission on a board; hidden columns are not in it."""

    rank: int
    submission_id: int
    username: str
    name: str
    submitted_at: datetime
    overall: Mapping[str, float]
    tasks: Mapping[int, Mapping[str, float]]
    answers: Mapping[str, Any]
    """To the fact-sheet questions that stand on boards, by key."""
    details: Mapping[int, int]
    """Ids of the runs whose detailed results may be opened, by task id."""
    is_own: bool = False
    earlier: Mapping[int, int] = field(default_factory=dict)
    """Number of the revision it was scored on, by task id, where that is not the current one."""
    restored_from: str = ""
    """The site that measured it, where that is not this one."""


@dataclass(frozen=True)
class Pinned:
    """The reader's own best entry, when it stands on another page."""

    standing: Standing
    page: int


@dataclass(frozen=True)
class Definition:
    """What a board is, whatever stands on it."""

    phase: Phase = field(repr=False)
    title: str
    rule: SubmissionRule
    columns: Sequence[ColumnRow]
    """The primary one first, unless it is hidden."""
    hidden_keys: frozenset[str] = field(repr=False)
    """Keys of the columns that readers do not see."""
    tasks: Mapping[int, str]
    """Names by id, in the phase's order."""
    questions: Mapping[str, str]
    """Titles of the fact-sheet questions that stand here, by key."""
    has_details: bool
    """Whether rows link to detailed results."""
    current: Mapping[int, int] = field(default_factory=dict)
    """Number of the current revision, by task id, where that is not the first."""
    earlier: int = 0
    """How many entries were scored on an earlier revision of a task."""

    @classmethod
    def of(cls, phase: Phase, board: Leaderboard) -> Definition:
        """Read it off a phase with competition and tasks, and its board with columns."""
        competition = phase.competition
        return cls(
            phase=phase,
            title=board.title,
            rule=phase.rule,
            columns=visible_columns(board),
            hidden_keys=frozenset(column.key for column in board.columns if column.is_hidden),
            tasks={item.task_id: item.task.name for item in phase.phase_tasks},
            questions={
                question["key"]: question["title"]
                for question in competition.fact_sheet
                if question["is_on_leaderboard"]
            },
            has_details=competition.enable_detailed_results
            and competition.show_detailed_results_in_leaderboard,
        )

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The titles over the columns, from left to right, each over how many; none without any."""
        if not any(column.group for column in self.columns):
            return []
        runs = itertools.groupby(self.columns, key=lambda column: column.group)
        return [(title, len(list(columns))) for title, columns in runs]

    @property
    def primary(self) -> ColumnRow | None:
        """The column that ranks, unless it is hidden."""
        return next((column for column in self.columns if column.is_primary), None)


@dataclass(frozen=True)
class BoardRow:
    """A page of a board, or all of it."""

    about: Definition
    page: Page[Standing]
    pinned: Pinned | None = None
    scale: tuple[float, float] | None = None
    """Lowest and highest primary score of the whole board; None while there is none to show."""

    @property
    def version(self) -> str:
        """Text that changes whenever something changes that this reader sees of the board."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:24]


def visible_columns(board: Leaderboard) -> list[ColumnRow]:
    """Return the columns that readers see, the primary one first."""
    shown = [column for column in board.columns if not column.is_hidden]
    shown.sort(key=lambda column: (column.index != board.primary_index, column.index))
    return [_column(column, board) for column in shown]


def _column(column: BoardColumn, board: Leaderboard) -> ColumnRow:
    return ColumnRow(
        key=column.key,
        index=column.index,
        title=column.title,
        is_descending=column.sorting == Sorting.DESC,
        is_primary=column.index == board.primary_index,
        computation=column.computation,
        precision=column.precision,
        group=column.group,
    )


def number(value: float, precision: int) -> str:
    """Write a score with a fixed number of decimals; huge ones with an exponent.

    >>> number(0.125, 2), number(-0.001, 2), number(3e15, 2)
    ('0.12', '0.00', '3.00e+15')
    """
    if abs(value) >= FIXED_BELOW:
        return f"{value:.{precision}e}"
    return f"{round(value, precision) + 0.0:.{precision}f}"

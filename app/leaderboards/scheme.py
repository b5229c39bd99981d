"""How a board computes and compares: its columns, without the words that people read."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter

from app.competitions.drafts import Computation, Sorting
from app.competitions.models import Leaderboard


@dataclass(frozen=True)
class Column:
    """What of a board's column decides about scores and order."""

    key: str
    index: int
    is_descending: bool = True
    """Larger is better."""
    computation: Computation | None = None
    sources: tuple[int, ...] = ()
    """Indexes of the columns that a computation reads."""
    weights: tuple[float, ...] = ()
    """One for each of ``sources``; empty means equal ones."""
    is_hidden: bool = False


@dataclass(frozen=True)
class Scheme:
    """All columns of a board, and the index of the one that ranks."""

    columns: tuple[Column, ...]
    primary_index: int = 0

    @classmethod
    def of(cls, board: Leaderboard) -> Scheme:
        """Read it off a board whose columns are loaded."""
        columns = tuple(
            Column(
                key=column.key,
                index=column.index,
                is_descending=column.sorting == Sorting.DESC,
                computation=Computation(column.computation) if column.computation else None,
                sources=tuple(column.computation_indexes),
                weights=tuple(column.computation_weights),
                is_hidden=column.is_hidden,
            )
            for column in board.columns
        )
        return cls(columns, board.primary_index)

    @cached_property
    def comparing(self) -> tuple[Column, ...]:
        """The columns that rank: the primary one, hidden or not, then the visible others."""
        by_index = sorted(self.columns, key=lambda column: column.index)
        primary = [column for column in by_index if column.index == self.primary_index]
        rest = [column for column in by_index if column not in primary and not column.is_hidden]
        return (*primary, *rest)

    @cached_property
    def in_order(self) -> tuple[Column, ...]:
        """All columns, each after the ones that it is computed from."""
        by_index = {column.index: column for column in self.columns}
        graph = {
            column.index: [index for index in column.sources if index in by_index]
            for column in self.columns
        }
        return tuple(by_index[index] for index in TopologicalSorter(graph).static_order())

    def sources_of(self, column: Column) -> list[tuple[Column, float]]:
        """Return the columns that a computed column reads, each with its weight."""
        weights = dict(zip(column.sources, column.weights or itertools.repeat(1.0), strict=False))
        return [(other, weights[other.index]) for other in self.columns if other.index in weights]

    @property
    def compares_entries(self) -> bool:
        """Whether a score depends on who else stands on the board."""
        return any(one.computation and one.computation.is_ranking for one in self.columns)

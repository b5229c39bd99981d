"""Measured scores to the scores of a board: overall ones, and computed columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.competitions.drafts import Computation
from app.leaderboards.ranking import fractional_ranks
from app.leaderboards.scheme import Column, Scheme

Scores = dict[str, float]
"""Finite numbers by column key; a score that does not exist has no key."""

Measured = Mapping[int, Mapping[str, float]]
"""What the runs of one submission scored, by task id and column key."""


@dataclass
class Projection:
    """The scores of one submission as a board sees them, computed columns included."""

    tasks: dict[int, Scores]
    """By task id."""
    overall: Scores = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the form in which an entry keeps them."""
        tasks = {str(task_id): scores for task_id, scores in self.tasks.items()}
        return {"overall": self.overall, "tasks": tasks}


def project(
    measured: Sequence[Measured], task_ids: Sequence[int], scheme: Scheme
) -> list[Projection]:
    """Complete measured scores by the overall ones and the computed columns.

    A plain column's overall score is the arithmetic mean over the tasks and exists only where every
    task has one. A computed column pools the scores of its source columns, of one task or of all;
    missing ones are left out. Scores under other keys, or of tasks that the phase no longer has,
    are dropped.

    Args:
        measured: one item for each submission. With a column of mean ranks these must be all that
            are ranked against each other.
        task_ids: the tasks of the phase.

    Returns:
        One projection for each submission, in their order.
    """
    entries = [Projection({task_id: {} for task_id in task_ids}) for _ in measured]
    for column in scheme.in_order:
        sources = scheme.sources_of(column)
        if column.computation is Computation.AVG_RANK:
            _rank(entries, task_ids, column, sources)
        elif column.computation is not None:
            for entry in entries:
                _compute(entry, column.key, column.computation, sources)
        else:
            for entry, scores in zip(entries, measured, strict=True):
                _take(entry, column.key, scores)
    return entries


def combine(computation: Computation, values: Sequence[float]) -> float | None:
    """Compute avg, sum, min or max; None of nothing, or where the result is too large a number."""
    if not values:
        return None
    if computation is Computation.MIN:
        return min(values)
    if computation is Computation.MAX:
        return max(values)
    try:
        total = math.fsum(values)
    except OverflowError:
        return None
    return total / len(values) if computation is Computation.AVG else total


def _take(entry: Projection, key: str, measured: Measured) -> None:
    for task_id, scores in entry.tasks.items():
        _put(scores, key, measured.get(task_id, {}).get(key))
    values = [scores[key] for scores in entry.tasks.values() if key in scores]
    if len(values) == len(entry.tasks):
        _put(entry.overall, key, combine(Computation.AVG, values))


def _compute(
    entry: Projection, key: str, computation: Computation, sources: Sequence[Column]
) -> None:
    pool: list[float] = []
    for scores in entry.tasks.values():
        values = [scores[source.key] for source in sources if source.key in scores]
        _put(scores, key, combine(computation, values))
        pool += values
    _put(entry.overall, key, combine(computation, pool))


def _rank(
    entries: Sequence[Projection],
    task_ids: Sequence[int],
    column: Column,
    sources: Sequence[Column],
) -> None:
    _mean_ranks([entry.overall for entry in entries], column.key, sources)
    for task_id in task_ids:
        _mean_ranks([entry.tasks[task_id] for entry in entries], column.key, sources)


def _mean_ranks(rows: Sequence[Scores], key: str, sources: Sequence[Column]) -> None:
    """Write each row's mean rank over the source columns.

    A row without a score in one source stands last there, so that leaving a score out never helps;
    a row without any has no mean rank.
    """
    ranks = [
        fractional_ranks([row.get(source.key) for row in rows], descending=source.is_descending)
        for source in sources
    ]
    for position, row in enumerate(rows):
        if any(source.key in row for source in sources):
            _put(row, key, combine(Computation.AVG, [column[position] for column in ranks]))


def _put(scores: Scores, key: str, value: float | None) -> None:
    if value is not None:
        scores[key] = value

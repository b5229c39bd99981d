"""Measured scores to the scores of a board: overall ones, and computed columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.competitions.drafts import Computation
from app.leaderboards.ranking import combined_ranks, weighted_mean
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
        measured: one item for each submission. With a column made of ranks these must be all that
            are ranked against each other.
        task_ids: the tasks of the phase.

    Returns:
        One projection for each submission, in their order.
    """
    entries = [Projection({task_id: {} for task_id in task_ids}) for _ in measured]
    for column in scheme.in_order:
        sources = scheme.sources_of(column)
        if column.computation is None:
            for entry, scores in zip(entries, measured, strict=True):
                _take(entry, column.key, scores)
        elif column.computation.is_ranking:
            _rank(entries, task_ids, column.key, column.computation, sources)
        else:
            for entry in entries:
                _compute(entry, column.key, column.computation, sources)
    return entries


def combine(
    computation: Computation, values: Sequence[float], weights: Sequence[float] = ()
) -> float | None:
    """Compute avg, sum, min or max; None of nothing, or where the result is too large a number.

    Args:
        weights: one for each value; only an average has them.
    """
    if not values:
        return None
    if computation is Computation.MIN:
        return min(values)
    if computation is Computation.MAX:
        return max(values)
    try:
        if computation is Computation.AVG:
            return weighted_mean(values, weights or [1.0] * len(values))
        return math.fsum(values)
    except OverflowError:
        return None


def _take(entry: Projection, key: str, measured: Measured) -> None:
    for task_id, scores in entry.tasks.items():
        _put(scores, key, measured.get(task_id, {}).get(key))
    values = [scores[key] for scores in entry.tasks.values() if key in scores]
    if len(values) == len(entry.tasks):
        _put(entry.overall, key, combine(Computation.AVG, values))


def _compute(
    entry: Projection, key: str, computation: Computation, sources: Sequence[tuple[Column, float]]
) -> None:
    pool: list[tuple[float, float]] = []
    for scores in entry.tasks.values():
        found = [(scores[one.key], weight) for one, weight in sources if one.key in scores]
        _put(scores, key, _combined(computation, found))
        pool += found
    _put(entry.overall, key, _combined(computation, pool))


def _combined(computation: Computation, found: Sequence[tuple[float, float]]) -> float | None:
    return combine(computation, [value for value, _ in found], [weight for _, weight in found])


def _rank(
    entries: Sequence[Projection],
    task_ids: Sequence[int],
    key: str,
    computation: Computation,
    sources: Sequence[tuple[Column, float]],
) -> None:
    _combine_ranks([entry.overall for entry in entries], key, computation, sources)
    for task_id in task_ids:
        _combine_ranks([entry.tasks[task_id] for entry in entries], key, computation, sources)


def _combine_ranks(
    rows: Sequence[Scores],
    key: str,
    computation: Computation,
    sources: Sequence[tuple[Column, float]],
) -> None:
    """Write what each row's ranks over the source columns make together.

    A row without a score in one source stands last there, so that leaving a score out never helps;
    a row without any has no such score.
    """
    values = [[row.get(source.key) for row in rows] for source, _ in sources]
    down = [source.is_descending for source, _ in sources]
    found = combined_ranks(computation, values, down, [weight for _, weight in sources])
    for row, value in zip(rows, found, strict=True):
        if any(source.key in row for source, _ in sources):
            _put(row, key, value)


def _put(scores: Scores, key: str, value: float | None) -> None:
    if value is not None:
        scores[key] = value

"""A board as JSON: the shape that ``docs/reference/leaderboard.md`` describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.leaderboards.standings import BoardRow, ColumnRow, Standing


def as_json(board: BoardRow, details_url: Callable[[int], str]) -> dict[str, Any]:
    """Return a page of a board as plain values; a score that does not exist is null.

    Args:
        details_url: gives the address of the detailed results of a run.
    """
    about = board.about
    phase = about.phase
    return {
        "competition": {"id": phase.competition.id, "title": phase.competition.title},
        "phase": {"id": phase.id, "name": phase.name},
        "title": about.title,
        "rule": str(about.rule),
        "primary": about.primary.key if about.primary else None,
        "columns": [_column(column) for column in about.columns],
        "tasks": [{"id": task_id, "name": name} for task_id, name in about.tasks.items()],
        "fact_sheet": [{"key": key, "title": title} for key, title in about.questions.items()],
        "total": board.page.total,
        "page": board.page.number,
        "pages": board.page.count,
        "page_size": board.page.size,
        "rows": [_row(standing, about.columns, details_url) for standing in board.page.rows],
    }


def _column(column: ColumnRow) -> dict[str, Any]:
    return {
        "key": column.key,
        "title": column.title,
        "sorting": "desc" if column.is_descending else "asc",
        "computation": column.computation or None,
        "precision": column.precision,
    }


def _row(
    standing: Standing, columns: Sequence[ColumnRow], details_url: Callable[[int], str]
) -> dict[str, Any]:
    return {
        "rank": standing.rank,
        "submission": standing.submission_id,
        "username": standing.username,
        "name": standing.name,
        "submitted_at": standing.submitted_at.isoformat().replace("+00:00", "Z"),
        "scores": _scores(standing.overall, columns),
        "tasks": {str(id_): _scores(scores, columns) for id_, scores in standing.tasks.items()},
        "fact_sheet": dict(standing.answers),
        "detailed_results": {
            str(task_id): details_url(run_id) for task_id, run_id in standing.details.items()
        },
    }


def _scores(scores: Mapping[str, float], columns: Sequence[ColumnRow]) -> dict[str, float | None]:
    return {column.key: scores.get(column.key) for column in columns}

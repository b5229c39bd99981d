"""A board as JSON: the shape that ``docs/reference/leaderboard.md`` describes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.leaderboards.standings import BoardRow, ColumnRow, Definition, Standing


@dataclass(frozen=True)
class Addresses:
    """What gives the addresses that rows lead to."""

    details: Callable[[int], str]
    """Of the detailed results of a run."""
    provenance: Callable[[int], str]
    """Of where the scores of a submission come from."""


def page_as_json(board: BoardRow, addresses: Addresses) -> bytes:
    """Write a page of a board; a score that does not exist is null.

    Args:
        addresses: of what rows lead to.
    """
    page = board.page
    counts = {
        "total": page.total,
        "page": page.number,
        "pages": page.count,
        "page_size": page.size,
    }
    return _write(board.about, _rows(board.about, page.rows, addresses), counts)


def board_as_json(about: Definition, standings: Iterable[Standing], addresses: Addresses) -> bytes:
    """Write all rows of a board as one page."""
    rows = _rows(about, standings, addresses)
    size = len(rows)
    return _write(about, rows, {"total": size, "page": 1, "pages": 1, "page_size": max(1, size)})


def _write(about: Definition, rows: list[bytes], counts: dict[str, int]) -> bytes:
    phase = about.phase
    head = {
        "competition": {"id": phase.competition.id, "title": phase.competition.title},
        "phase": {"id": phase.id, "name": phase.name},
        "title": about.title,
        "rule": str(about.rule),
        "primary": about.primary.key if about.primary else None,
        "columns": [_column(column) for column in about.columns],
        "tasks": [{"id": task_id, "name": name} for task_id, name in about.tasks.items()],
        "revisions": {str(id_): about.current.get(id_, 1) for id_ in about.tasks},
        "on_earlier_revisions": about.earlier,
        "fact_sheet": [{"key": key, "title": title} for key, title in about.questions.items()],
        **counts,
    }
    return b'%b,"rows":[%b]}' % (orjson.dumps(head)[:-1], b",".join(rows))


def _rows(about: Definition, standings: Iterable[Standing], addresses: Addresses) -> list[bytes]:
    """Write each row at once: ten thousand of them as objects would keep the collector busy."""
    keys = [column.key for column in about.columns]
    return [orjson.dumps(_row(standing, keys, addresses)) for standing in standings]


def _column(column: ColumnRow) -> dict[str, Any]:
    return {
        "key": column.key,
        "title": column.title,
        "sorting": "desc" if column.is_descending else "asc",
        "computation": column.computation or None,
        "precision": column.precision,
        "group": column.group or None,
    }


def _row(standing: Standing, keys: Sequence[str], addresses: Addresses) -> dict[str, Any]:
    return {
        "rank": standing.rank,
        "submission": standing.submission_id,
        "username": standing.username,
        "name": standing.name,
        "submitted_at": _utc(standing.submitted_at),
        "scores": _scores(standing.overall, keys),
        "tasks": {str(id_): _scores(scores, keys) for id_, scores in standing.tasks.items()},
        "earlier_revisions": {str(id_): number for id_, number in standing.earlier.items()},
        "restored_from": standing.restored_from or None,
        "fact_sheet": dict(standing.answers),
        "provenance": addresses.provenance(standing.submission_id),
        "detailed_results": {
            str(task_id): addresses.details(run_id) for task_id, run_id in standing.details.items()
        },
    }


def _utc(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def _scores(scores: Mapping[str, float], keys: Sequence[str]) -> dict[str, float | None]:
    return {key: scores.get(key) for key in keys}

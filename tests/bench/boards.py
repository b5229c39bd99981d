"""How long a board takes inside the process, and how many statements, on both databases."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask
from flask.testing import FlaskClient

from tests.actors import browser
from tests.bench.inprocess import Figures, filled, timed
from tests.bench.seeding import Seeded, seed

ROWS = (100, 1_000, 10_000)
TRIES = 40
WHOLE_TRIES = 10
_PAGE_ROWS = 50

_Board = tuple[Seeded, Sequence[FlaskClient]]
"""With those who ask for it: a visitor, and somebody who stands in its middle."""


def measure(database_url: str) -> dict[str, dict[str, Figures]]:
    """Measure boards on an empty database; returns figures by what was asked for and by rows."""
    figures: dict[str, dict[str, Figures]] = {"page": {}, "json": {}, "whole_json": {}}
    with filled(database_url, _fill) as (boards, statements):
        for board, readers in boards:
            for name, (urls, tries) in _asked(board).items():
                found = timed(urls, readers, statements, tries)
                figures[name][str(board.rows)] = found
    return figures


def _fill(app: Flask) -> list[_Board]:
    boards = [seed(rows) for rows in ROWS]
    return [(one, [browser(app, None), browser(app, one.in_the_middle)]) for one in boards]


def _asked(board: Seeded) -> dict[str, tuple[Sequence[str], int]]:
    url = f"/phases/{board.phase_id}/leaderboard"
    last = max(1, board.rows // _PAGE_ROWS)
    pages = sorted({1, (last + 1) // 2, last})
    return {
        "page": ([f"{url}?page={number}" for number in pages], TRIES),
        "json": ([f"{url}.json?page={number}" for number in pages], TRIES),
        "whole_json": ([f"{url}.json?all=true"], WHOLE_TRIES),
    }

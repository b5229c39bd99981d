"""How long a board takes inside the process, and how many statements, on both databases."""

from __future__ import annotations

import gc
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, text

from app import Parts, create_app
from app.cli.serve import alembic_config
from app.platform.db import db
from tests.actors import browser
from tests.bench.figures import percentile
from tests.bench.seeding import Seeded, seed
from tests.conftest import make_settings
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore
from tests.fakes.tally import FakeTally

ROWS = (100, 1_000, 10_000)
TRIES = 40
WHOLE_TRIES = 10
_WARM_UP = 3
_PAGE_ROWS = 50

Figures = dict[str, dict[str, float]]
"""By number of rows: ``sql``, ``p50`` and ``p95``, the latter in milliseconds."""


def on_sqlite(folder: Path) -> dict[str, Figures]:
    """Measure boards on SQLite; returns figures by what was asked for."""
    return _measure(f"sqlite:///{folder / 'boards.db'}")


def on_postgresql(server: str) -> dict[str, Figures]:
    """Measure boards on a database of its own.

    Args:
        server: SQLAlchemy URL of a database on the server.
    """
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            return _measure(server.rpartition("/")[0] + f"/{name}")
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _measure(database_url: str) -> dict[str, Figures]:
    settings = make_settings(database_url=database_url)
    app = create_app(settings, Parts(store=FakeStore(), carrier=FakeCarrier(), tally=FakeTally()))
    figures: dict[str, Figures] = {"page": {}, "json": {}, "whole_json": {}}
    with app.app_context():
        command.upgrade(alembic_config(), "head")
        boards = [seed(rows) for rows in ROWS]
        with db.engine.begin() as connection:
            connection.execute(text("ANALYZE"))  # as the server's own housekeeping would
        readers = [[browser(app, None), browser(app, one.in_the_middle)] for one in boards]
        engine = db.engine
        db.session.remove()
    gc.collect()
    gc.freeze()  # as wsgi.py does
    # Outside of any context, so that each request has one of its own.
    for board, of_board in zip(boards, readers, strict=True):
        with _counted(engine) as statements:
            for name, found in _Asked(board, of_board, statements).figures().items():
                figures[name][str(board.rows)] = found
    engine.dispose()
    return figures


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    """Collect every statement that is sent to the database."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


@dataclass
class _Asked:
    """One board, asked for by a visitor and by somebody who stands in its middle."""

    board: Seeded
    readers: Sequence[FlaskClient]
    statements: list[str]

    def figures(self) -> Figures:
        url = f"/phases/{self.board.phase_id}/leaderboard"
        last = max(1, self.board.rows // _PAGE_ROWS)
        pages = sorted({1, (last + 1) // 2, last})
        return {
            "page": self._timed([f"{url}?page={number}" for number in pages], TRIES),
            "json": self._timed([f"{url}.json?page={number}" for number in pages], TRIES),
            "whole_json": self._timed([f"{url}.json?all=true"], WHOLE_TRIES),
        }

    def _timed(self, urls: Sequence[str], tries: int) -> dict[str, float]:
        """Ask for each URL as each reader; the most statements, and percentiles of all times."""
        counts, times = set[int](), list[float]()
        for url in urls:
            for reader in self.readers:
                for number in range(-_WARM_UP, tries):
                    self.statements.clear()
                    began = time.perf_counter()
                    answer = reader.get(url)
                    seconds = time.perf_counter() - began
                    assert answer.status_code == 200, (url, answer.status)
                    if number >= 0:
                        times.append(1000 * seconds)
                        counts.add(len(self.statements))
        return {
            "sql": max(counts),
            "p50": round(percentile(times, 50), 1),
            "p95": round(percentile(times, 95), 1),
        }

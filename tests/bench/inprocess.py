"""Pages asked for inside one process, on either database: how long, and how many statements."""

from __future__ import annotations

import gc
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from alembic import command
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, text

from app import Parts, create_app
from app.cli.serve import alembic_config
from app.platform.db import db
from tests.bench.figures import percentile
from tests.conftest import make_settings
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore
from tests.fakes.tally import FakeTally

T = TypeVar("T")
Figures = dict[str, float]
"""``sql``, and milliseconds: ``p50`` and ``p95`` on the clock, ``cpu_p50`` of this processor.

The last says something on a busy machine, too; what a PostgreSQL server does is not in it.
"""
_WARM_UP = 3


def on_sqlite(folder: Path, measure: Callable[[str], T]) -> T:
    """Measure on a SQLite file."""
    return measure(f"sqlite:///{folder / f'{secrets.token_hex(6)}.db'}")


def on_postgresql(server: str, measure: Callable[[str], T]) -> T:
    """Measure on a database of its own.

    Args:
        server: SQLAlchemy URL of a database on the server.
    """
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            return measure(server.rpartition("/")[0] + f"/{name}")
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def filled(database_url: str, fill: Callable[[Flask], T]) -> Iterator[tuple[T, list[str]]]:
    """Make an app on a database, fill it, and count the statements of everything that follows.

    Gives what ``fill`` returns, which it makes inside an app context; requests are made outside of
    any, so that each has one of its own.
    """
    settings = make_settings(database_url=database_url)
    app = create_app(settings, Parts(FakeStore(), FakeCarrier(), FakeTally()))
    with app.app_context():
        command.upgrade(alembic_config(), "head")
        made = fill(app)
        with db.engine.begin() as connection:
            connection.execute(text("ANALYZE"))  # as the server's own housekeeping would
        engine = db.engine
        db.session.remove()
    gc.collect()
    gc.freeze()  # as wsgi.py does
    with _counted(engine) as statements:
        yield made, statements
    engine.dispose()


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def timed(
    urls: Sequence[str], readers: Sequence[FlaskClient], statements: list[str], tries: int
) -> Figures:
    """Ask for each URL as each reader; the most statements, and percentiles of all times."""
    counts, times, cpu = set[int](), list[float](), list[float]()
    for url in urls:
        for reader in readers:
            for number in range(-_WARM_UP, tries):
                statements.clear()
                began, cpu_began = time.perf_counter(), time.process_time()
                answer = reader.get(url)
                seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
                assert answer.status_code == 200, (url, answer.status)
                if number >= 0:
                    times.append(1000 * seconds)
                    cpu.append(1000 * cpu_seconds)
                    counts.add(len(statements))
    return {
        "sql": max(counts),
        "p50": round(percentile(times, 50), 1),
        "p95": round(percentile(times, 95), 1),
        "cpu_p50": round(percentile(cpu, 50), 1),
    }

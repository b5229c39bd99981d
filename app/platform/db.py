"""The database session, and the two rules about it: edges commit, effects follow the commit."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, Connection, DateTime, Dialect, MetaData, TypeDecorator, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, registry

from app.platform.logging import event as log_event

log = logging.getLogger(__name__)
_EFFECTS = "effects"
_writing: ContextVar[bool] = ContextVar("writing", default=False)
_turn = threading.Lock()
_HAS_TURN = "has_turn"
_BUSY_S = 10
os.register_at_fork(after_in_child=_turn._at_fork_reinit)  # type: ignore[attr-defined]


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, on SQLite too, which stores no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; they are a bug wherever they come from."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's naive values back their zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table; constraint names are fixed so that migrations can name them."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON},
    )


db = SQLAlchemy(model_class=Base)


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        # The driver must not open transactions by itself: BEGIN is ours (see _begin).
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_S * 1000}",
            "synchronous=NORMAL",
        ):
            connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Take SQLite's write lock at the start of a writing transaction, never half-way.

    SQLite lets writers who wait look again now and then, so that one of them may starve. Those of
    this process therefore wait for each other here, where the lock goes to whoever came first.
    """
    if connection.dialect.name != "sqlite":
        return
    if not _writing.get():
        connection.exec_driver_sql("BEGIN")
        return
    connection.info[_HAS_TURN] = _turn.acquire(timeout=_BUSY_S)
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except BaseException:
        _give_up_turn(connection)
        raise


@event.listens_for(Engine, "commit")
@event.listens_for(Engine, "rollback")
def _give_up_turn(connection: Connection) -> None:
    if connection.info.pop(_HAS_TURN, False):
        _turn.release()


def will_write(value: bool) -> None:
    """Say whether transactions begun from here on will write (unsafe requests, jobs, commands)."""
    _writing.set(value)


def release() -> None:
    """End the read so far, so that no lock is held while something slow happens (an upload)."""
    db.session.rollback()


def after_commit(effect: Callable[[], object]) -> None:
    """Do something once the current transaction is saved: ring a bell, send, enqueue.

    The effect may be lost in a crash: what must happen is a row first, and a sweeper finds it.
    """
    db.session.info.setdefault(_EFFECTS, []).append(effect)


def commit() -> None:
    """Save the transaction, then run its effects; a failing effect is logged, not raised."""
    effects = db.session.info.pop(_EFFECTS, [])
    db.session.commit()
    for effect in dict.fromkeys(effects):
        try:
            effect()
        except Exception:
            log.exception("effect.failed", extra={"effect": repr(effect)})
            db.session.rollback()


def rollback() -> None:
    """Forget the transaction and its effects."""
    if dropped := db.session.info.pop(_EFFECTS, []):
        log_event(log, "effects.dropped", count=len(dropped))
    db.session.rollback()


@contextmanager
def unit_of_work() -> Iterator[None]:
    """One transaction of a job, a command or an effect: commit at the end, or nothing."""
    token = _writing.set(True)
    db.session.rollback()  # a read that is still open would keep this from being a writing one
    try:
        yield
        commit()
    except BaseException:
        rollback()
        raise
    finally:
        _writing.reset(token)


@contextmanager
def reading() -> Iterator[None]:
    """A look at what is saved, whatever this thread wrote before: it holds nobody up."""
    token = _writing.set(False)
    db.session.rollback()
    try:
        yield
    finally:
        db.session.rollback()
        _writing.reset(token)


def at_one_moment() -> None:
    """Let a look see everything as it is now, however long it takes: say it before the first query.

    SQLite shows it so anyway.
    """
    if is_postgresql():
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def is_postgresql() -> bool:
    """Return whether this database has PostgreSQL's extras (advisory locks, NaN)."""
    return db.engine.dialect.name == "postgresql"

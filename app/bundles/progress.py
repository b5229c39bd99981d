"""Rows of work in the background: each is claimed once, heard now and then, and ends once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import or_, select, update

from app.bundles.models import BundleDump, BundleImport
from app.errors import Refused
from app.platform.db import db, unit_of_work

SILENT_FOR = timedelta(minutes=10)
"""Work that says nothing for this long has crashed."""
WAITS_AT_MOST = timedelta(hours=1)
SEND_AGAIN_AFTER = timedelta(minutes=1)
CLEANS_FOR = timedelta(days=7)
"""For how long the sweeper tries to delete what failed work has left in the store."""

Row = TypeVar("Row", BundleImport, BundleDump)
WAITING = "waiting"
ENDED = ("finished", "failed")
_GIVEN_UP = "This was given up, because it stayed silent too long."


def claim(kind: type[Row], row_id: int, state: str, now: datetime) -> bool:
    """Take a row that waits, within a transaction; False when somebody else was faster."""
    claimed = update(kind).where(kind.id == row_id, kind.state == WAITING)
    taken = claimed.values(state=state, heard_at=now).returning(kind.id)
    return bool(db.session.execute(taken).all())


def say(kind: type[Row], row_id: int, now: datetime, **values: Any) -> None:
    """Save progress in a transaction of its own; it is also the sign of life.

    Raises:
        Refused: the work was ended meanwhile.
    """
    with unit_of_work():
        told = update(kind).where(kind.id == row_id, kind.state.not_in((WAITING, *ENDED)))
        alive = told.values(heard_at=now, **values).returning(kind.id)
        if not db.session.execute(alive).all():
            raise Refused(_GIVEN_UP)


def locked(kind: type[Row], row_id: int) -> Row | None:
    """Return a row as it is now, locked; None when it is gone."""
    return db.session.get(kind, row_id, with_for_update=True, populate_existing=True)


def under_way(kind: type[Row], row_id: int) -> Row:
    """Return a row that is being worked on, locked.

    Raises:
        Refused: the work was ended meanwhile.
    """
    row = locked(kind, row_id)
    if row is None or not is_under_way(row):
        raise Refused(_GIVEN_UP)
    return row


def is_under_way(row: BundleImport | BundleDump) -> bool:
    """Return whether somebody works on a row."""
    return row.state not in (WAITING, *ENDED)


def to_send_again(kind: type[Row], now: datetime) -> Sequence[Row]:
    """Return rows that still wait, as heard now: the queue was away, or lost them.

    Sending twice is harmless: only one job gets to claim a row.
    """
    late = kind.heard_at < now - SEND_AGAIN_AFTER
    found = db.session.scalars(select(kind).where(kind.state == WAITING, late)).all()
    for row in found:
        row.heard_at = now
    return found


def silent(kind: type[Row], now: datetime) -> Sequence[Row]:
    """Return rows whose work has crashed, or never began, locked."""
    waits = kind.state == WAITING
    is_silent = or_(
        waits & (kind.created_at < now - WAITS_AT_MOST),
        ~waits & (kind.heard_at < now - SILENT_FOR),
    )
    return db.session.scalars(
        select(kind).where(kind.state.not_in(ENDED), is_silent).with_for_update(skip_locked=True)
    ).all()

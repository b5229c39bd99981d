"""The only clock: edges read it and pass the time down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the time again and again, to what takes long."""


def now() -> datetime:
    """Return the current time, aware and in UTC."""
    return datetime.now(UTC)

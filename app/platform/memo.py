"""Answers that are kept for a moment, so that many pages ask the database once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import TypeVar

from flask import current_app

T = TypeVar("T")
_MOST = 1000


def remember(key: Hashable, life: timedelta, now: datetime, find: Callable[[], T]) -> T:
    """Return what ``find`` returned lately for this key, else ask it again.

    Kept in this process and for this app alone; ``key`` must name the question whole.
    """
    kept = current_app.extensions.setdefault("plumbline.memo", {})
    found = kept.get(key)
    if found is not None and found[0] <= now < found[0] + life:
        answer: T = found[1]
        return answer
    if len(kept) >= _MOST:
        kept.clear()
    answer = find()
    kept[key] = (now, answer)
    return answer

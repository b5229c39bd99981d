"""Points in the order they came, thinned so that a run of any length stays small. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

MOST = 500
"""Points kept of one series."""
MOST_SERIES = 8
MAX_NAME = 60
_LARGEST = 1e15

Series = dict[str, Any]
"""``count`` of all points, ``stride`` of those that are kept, the kept ``points``, the ``last``."""


def extended(series: Series | None, points: Iterable[tuple[float, float]]) -> Series:
    """Return a series with more points; every ``stride``-th is kept, evenly over its whole length."""
    found = series or {"count": 0, "stride": 1, "points": [], "last": None}
    count, stride, kept = found["count"], found["stride"], list(found["points"])
    last = found["last"]
    for x, y in points:
        last = [x, y]
        if count % stride == 0:
            kept.append(last)
        count += 1
        if len(kept) > MOST:
            kept, stride = kept[::2], stride * 2
    return {"count": count, "stride": stride, "points": kept, "last": last}


def points_of(series: Series) -> list[tuple[float, float]]:
    """Return the kept points and the last one, whether it was kept or not."""
    kept = [(float(x), float(y)) for x, y in series["points"]]
    last = series["last"]
    if last and (not kept or kept[-1] != (last[0], last[1])):
        kept.append((float(last[0]), float(last[1])))
    return kept


def point(value: object) -> tuple[float, float] | None:
    """Read ``[x, y]`` of a program; None unless both are numbers that can be drawn."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in value):
        return None
    if not all(abs(one) <= _LARGEST for one in value):  # not for NaN either
        return None
    x, y = float(value[0]), float(value[1])
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None

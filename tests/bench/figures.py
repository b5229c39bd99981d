"""Many measurements of one thing, as the few numbers that are reported."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

Spread = dict[str, float]
"""``min``, ``median``, ``max`` and ``n``."""


def spread(values: Iterable[float], digits: int = 3) -> Spread:
    """Return the smallest, the middle and the largest of at least one value, and how many."""
    found = sorted(values)
    return {
        "min": round(found[0], digits),
        "median": round(statistics.median(found), digits),
        "max": round(found[-1], digits),
        "n": len(found),
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least ``percent`` of all do not exceed (nearest rank)."""
    found = sorted(values)
    return found[max(0, math.ceil(len(found) * percent / 100) - 1)]

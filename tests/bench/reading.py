"""Somebody who reads pages, in a process of their own: what else the bench does delays no answer."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import urllib3

from tests.bench.figures import percentile

_PAUSE_S = 0.05


def read(url: str, cookie: str, paths: Sequence[str], lasts_s: float) -> list[float]:
    """Open pages in turn on one kept connection; return how long each took, in seconds."""
    found = list[float]()
    with urllib3.PoolManager(maxsize=1) as pool:
        end = time.monotonic() + lasts_s
        for path in itertools.cycle(paths):
            if time.monotonic() >= end:
                return found
            began = time.perf_counter()
            answer = pool.request("GET", url + path, headers={"Cookie": cookie}, redirect=False)
            found.append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{path} was answered with {answer.status}")
            time.sleep(_PAUSE_S)
    return found


def compared(alone: Sequence[float], beside: Sequence[float]) -> dict[str, float]:
    """Return the 95th percentiles in milliseconds and what the second is of the first."""
    before, during = percentile(alone, 95), percentile(beside, 95)
    return {
        "p50_ms_alone": round(1000 * percentile(alone, 50), 1),
        "p50_ms": round(1000 * percentile(beside, 50), 1),
        "p95_ms_alone": round(1000 * before, 1),
        "p95_ms": round(1000 * during, 1),
        "p95_ratio": round(during / before, 2),
        "n": min(len(alone), len(beside)),
    }

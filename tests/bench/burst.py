"""Ten thousand submissions at once: what the site answers meanwhile, and how fast the queue drains."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bench.figures import percentile
from tests.bench.site import Place, Site

BURST = 10_000
DRAINED = 500
PEOPLE = 100
"""A person may submit 120 times an hour."""
_AT_ONCE = 8
_READ_EVERY_S = 0.25
_PART = 1000


def measure(site: Site, burst: int = BURST) -> dict[str, Any]:
    """Accept a burst while somebody reads pages; then watch the machine work on it."""
    place = site.open("Burst", detailed=False, people=PEOPLE)
    over, paths = threading.Event(), site.pages_of(place)
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(_read, site, place, paths, over)
        began = time.monotonic()
        try:
            accepted, seconds = _submit_all(site, place, burst)
        finally:
            over.set()
        took_s = time.monotonic() - began
        pages = reading.result()
    kept = site.count_submissions(place)
    return {
        "submissions": burst,
        "lost": burst - kept if len(set(accepted)) == burst else burst - len(set(accepted)),
        "accepted_per_s": round(burst / took_s, 1),
        "accept_ms": _milliseconds(seconds),
        "accept_ms_first": round(1000 * statistics.median(seconds[:_PART]), 1),
        "accept_ms_last": round(1000 * statistics.median(seconds[-_PART:]), 1),
        "page_ms": _milliseconds(pages),
        "drained_per_min": _drain(site, place),
    }


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    return {
        "p50": round(1000 * percentile(seconds, 50), 1),
        "p95": round(1000 * percentile(seconds, 95), 1),
        "max": round(1000 * max(seconds), 1),
    }


def _submit_all(site: Site, place: Place, count: int) -> tuple[list[int], list[float]]:
    """Return the ids, and how long each request took, in the order of the requests."""

    def one(number: int) -> tuple[int, float]:
        began = time.monotonic()
        sent = site.submit(place, number)
        return sent.submission_id, time.monotonic() - began

    with ThreadPoolExecutor(_AT_ONCE) as senders:
        found = list(senders.map(one, range(count)))
    return [submission_id for submission_id, _ in found], [seconds for _, seconds in found]


def _read(site: Site, place: Place, paths: list[str], over: threading.Event) -> list[float]:
    """Open pages in turn as somebody who reads meanwhile; return how long each took, in seconds."""
    seconds = list[float]()
    for path in itertools.cycle(paths):
        began = time.monotonic()
        site.read(place, path)
        seconds.append(time.monotonic() - began)
        if over.wait(_READ_EVERY_S):
            break
    return seconds


def _drain(site: Site, place: Place) -> float:
    """Return how many submissions a minute are finished while thousands wait."""
    before, began = site.count_submissions(place, "finished"), time.monotonic()
    while (done := site.count_submissions(place, "finished") - before) < DRAINED:
        time.sleep(0.1)
    return round(60 * done / (time.monotonic() - began), 1)

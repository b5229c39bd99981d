"""How long a submission takes beyond its container, and how many go through in a minute."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bench.containers import BareLoop, EngineEvents
from tests.bench.figures import spread
from tests.bench.site import Place, Site

TRIES = 20
AT_ONCE = 30
ROUNDS = 2
"""A stack takes 120 submissions an hour from one address: all of this stays below."""
PEOPLE = 6
_WARM_UP = 2
_REST_S = 0.3


def measure(site: Site, host: str, image: str) -> dict[str, Any]:
    """Measure submissions on a warm Docker worker, alternating with bare containers."""
    plain = site.open("Plain", detailed=False, people=PEOPLE)
    detailed = site.open("Detailed", detailed=True, people=1)
    loop = BareLoop(host, image)
    try:
        with EngineEvents(host) as engine:
            for place in (plain, detailed):
                for _ in range(_WARM_UP):
                    _one(site, place, engine)
            loop.once()
            return _overheads(site, plain, detailed, engine, loop) | _throughput(site, plain, loop)
    finally:
        loop.close()


def _overheads(
    site: Site, plain: Place, detailed: Place, engine: EngineEvents, loop: BareLoop
) -> dict[str, Any]:
    bare: list[float] = []
    overhead: dict[bool, list[float]] = {False: [], True: []}
    starts: list[float] = []
    for _ in range(TRIES):
        for place in (plain, detailed):
            bare.append(loop.once())
            beyond, start = _one(site, place, engine)
            overhead[place is detailed].append(beyond)
            starts.append(start)
    return {
        "overhead_s": spread(overhead[False]),
        "overhead_detailed_s": spread(overhead[True]),
        "start_s": spread(starts),
        "bare_loop_s": spread(bare),
    }


def _one(site: Site, place: Place, engine: EngineEvents) -> tuple[float, float]:
    """Return a submission's seconds beyond its container, and those until the container started."""
    sent = site.submit(place)
    scored_at = site.wait_for_scores([sent.submission_id])
    ran = engine.of_run(site.run_of(sent.submission_id))
    site.wait_until_over(sent.submission_id)
    time.sleep(_REST_S)  # what the worker clears away belongs to this one, not to the next
    return scored_at - sent.asked_at - ran.seconds, ran.started - sent.asked_at


def _throughput(site: Site, place: Place, loop: BareLoop) -> dict[str, Any]:
    """Submit many at once, and run as many bare containers before and after."""
    bare_s, submitted_s = loop.many(AT_ONCE // 2), 0.0
    for _ in range(ROUNDS):
        submitted_s += _round(site, place)
        bare_s += loop.many(AT_ONCE // 2)
    reached = 60 * ROUNDS * AT_ONCE / submitted_s
    bare = 60 * (ROUNDS + 1) * (AT_ONCE // 2) / bare_s
    return {
        "throughput_per_min": round(reached, 1),
        "bare_throughput_per_min": round(bare, 1),
        "throughput_ratio": round(reached / bare, 3),
    }


def _round(site: Site, place: Place) -> float:
    """Return the seconds from the first request to the last score."""
    began = time.time()
    with ThreadPoolExecutor(PEOPLE) as people:
        sent = list(people.map(lambda number: site.submit(place, number), range(AT_ONCE)))
    ids = [one.submission_id for one in sent]
    seconds = site.wait_for_scores(ids, look_s=0.02) - began
    for submission_id in ids:
        site.wait_until_over(submission_id)
    return seconds

"""One seed: people submit, parts fail and are mended, and every submission is accounted for."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.conftest import SLOW_SCORING
from tests.insider import Insider
from tests.services import bundles
from tests.setup.docker import Engine
from tests.soak import faults, verdict
from tests.soak.load import Load
from tests.soak.verdict import Verdict
from tests.soak.world import World

PEOPLE = 8
_LONGEST_GAP_S = 2.0
_STUCK_AFTER_S = 120.0


def soak(
    folder: Path, settings: Mapping[str, str], engine: Engine | None, seed: int,
    submissions: int, count: int,
) -> Verdict:  # fmt: skip
    """Run one seed: people submit, parts fail and are mended, and everything is accounted for."""
    chance, found = random.Random(seed), Verdict(seed)
    began = time.monotonic()
    with World(folder, settings, engine) as world:
        with Insider(world.stack.environ) as insider:
            names = [f"person{number}" for number in range(min(PEOPLE, submissions))]
            bundle = bundles.bundle(
                "Soaked", scoring=bundles.program(SLOW_SCORING), input_data=bundles.NUMBERS
            )
            load = Load(world.stack.base_url, insider.benchmark(bundle, *names))
            cookies = [insider.cookie(name) for name in names]
        gap_s = count * 4.0 * len(names) / submissions / 2
        people = [
            threading.Thread(
                target=load.submit_all, daemon=True,
                args=(cookie, _share(submissions, len(names), number), f"{seed}-{number}", gap_s),
            )
            for number, cookie in enumerate(cookies)
        ]  # fmt: skip
        for person in people:
            person.start()
        for fault in faults.drawn(faults.possible(world), count, chance):
            _strike(world, fault, chance, found)
        world.mend()
        for person in people:
            person.join(_STUCK_AFTER_S)
        load.ended.set()
        _settle(world, load)
        found.wrong += verdict.check(world) + load.refused
        verdict.judge(world, load.accepted, found)
        if len(load.accepted) < submissions:
            found.wrong.append(f"only {len(load.accepted)} of {submissions} were accepted")
        _say(found, time.monotonic() - began, world)
    return found


def _share(total: int, people: int, number: int) -> int:
    return total // people + (number < total % people)


def _strike(world: World, fault: faults.Fault, chance: random.Random, found: Verdict) -> None:
    time.sleep(chance.uniform(0, _LONGEST_GAP_S))
    seconds = chance.uniform(0, fault.longest_s)
    print(f"{found.faults + 1:3d} {fault.name} ({seconds:.1f} s)", flush=True)
    fault.strike(world, chance, seconds)
    world.mend()
    found.faults += 1
    for sentence in verdict.check(world):
        print(f"    BROKEN: {sentence}", flush=True)
        found.wrong.append(f"after {fault.name}: {sentence}")


def _settle(world: World, load: Load) -> None:
    """Wait until every accepted submission is over, or none has come to its end for a while.

    How long the whole queue takes to drain depends on the machine, and is no sign of anything.
    """
    ids = [one.submission_id for one in load.accepted]
    left, moved_at = len(ids) + 1, time.monotonic()
    while time.monotonic() < moved_at + _STUCK_AFTER_S:
        unfinished = len(verdict.unfinished(world, ids))
        if not unfinished:
            return
        if unfinished < left:
            left, moved_at = unfinished, time.monotonic()
        time.sleep(0.5)


def _say(found: Verdict, seconds: float, world: World) -> None:
    for kind in ("lost", "scored_twice", "stuck", "wrong"):
        for sentence in getattr(found, kind):
            print(f"{kind}: {sentence}")
    if not found.is_good:
        kept = Path("var/soak") / str(found.seed)
        kept.mkdir(parents=True, exist_ok=True)
        for path in world.stack.home.logs.iterdir():
            (kept / path.name).write_bytes(path.read_bytes())
        print(f"The logs are in {kept}")
    print(f"{found} ({seconds:.0f} s)", flush=True)

"""What goes wrong: one fault each, for a while, at a moment that chance chooses."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from tests.gate import Passing
from tests.loose import Part
from tests.soak.world import World


@dataclass(frozen=True)
class Fault:
    """Something that fails: ``strike`` begins it, waits ``seconds`` where it lasts; mending follows."""

    name: str
    strike: Callable[[World, random.Random, float], None]
    longest_s: float
    """The most it lasts, in seconds."""


def _kill_server(name: str) -> Callable[[World, random.Random, float], None]:
    def strike(world: World, _chance: random.Random, seconds: float) -> None:
        {"redis": world.stack.redis, "runs": world.stack.runs, "s3": world.stack.s3,
         "postgres": world.postgres}[name].kill()  # fmt: skip
        time.sleep(seconds)

    return strike


def _kill_part(name: str) -> Callable[[World, random.Random, float], None]:
    def strike(world: World, _chance: random.Random, seconds: float) -> None:
        part: Part = getattr(world.stack, name)
        part.kill()
        time.sleep(seconds)

    return strike


def _worker_parent(world: World, chance: random.Random, seconds: float) -> None:
    _a_worker(world, chance).kill_alone()
    time.sleep(seconds)


def _worker_child(world: World, chance: random.Random, seconds: float) -> None:
    for pid in _a_worker(world, chance).family()[1:]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    time.sleep(seconds)


def _worker_whole(world: World, chance: random.Random, seconds: float) -> None:
    _a_worker(world, chance).kill()
    time.sleep(seconds)


def _worker_told(world: World, chance: random.Random, _seconds: float) -> None:
    _a_worker(world, chance).stop()


def _worker_hangs(world: World, chance: random.Random, seconds: float) -> None:
    """Stop it for about a lease: it may wake up to find that its run is somebody else's."""
    worker = _a_worker(world, chance)
    worker.freeze()
    time.sleep(seconds)
    worker.thaw()


def _a_worker(world: World, chance: random.Random) -> Part:
    return chance.choice([one for one in world.workers if one.is_running] or world.workers)


def _redis_forgets(world: World, _chance: random.Random, _seconds: float) -> None:
    with Redis.from_url(world.stack.admin_url) as redis:
        redis.flushall()


def _delivered_twice(world: World, _chance: random.Random, seconds: float) -> None:
    """Repeat whatever lies on the queue, and everything that workers say for a while."""

    def again(passing: Passing) -> None:
        passing.copies = 2

    world.stack.api.before(lambda passing: passing.path.endswith("/events"), again)
    end = time.monotonic() + seconds
    key = f"rq:queue:{world.stack.queue_id}"
    while time.monotonic() < end:
        try:
            with Redis.from_url(world.stack.admin_url) as redis:
                for job_id in redis.lrange(key, 0, -1):
                    redis.rpush(key, job_id)
        except RedisError:
            pass
        time.sleep(0.2)


def _answers_lost(world: World, _chance: random.Random, seconds: float) -> None:
    """Let what workers say arrive, and cut the connection before they hear the answer."""

    def drop(passing: Passing) -> None:
        passing.is_dropped = True

    world.stack.api.after(lambda passing: passing.path.endswith("/events"), drop)
    time.sleep(seconds)


def _cable_cut(world: World, _chance: random.Random, seconds: float) -> None:
    assert world.lab is not None
    world.lab.cut()
    time.sleep(seconds)


def _disk_full(world: World, _chance: random.Random, seconds: float) -> None:
    world.fill_disk()
    time.sleep(seconds)


def _clock_off(world: World, chance: random.Random, seconds: float) -> None:
    with world.wrong_clock(chance.choice(["+10m", "-10m"])):
        time.sleep(seconds)


def _docker_killed(world: World, _chance: random.Random, seconds: float) -> None:
    assert world.engine is not None
    assert world.engine.process is not None
    world.engine.process.kill()
    world.engine.process.wait()
    time.sleep(seconds)


_ALWAYS = (
    Fault("worker killed, its child left", _worker_parent, 3),
    Fault("worker's child killed", _worker_child, 1),
    Fault("worker and child killed", _worker_whole, 3),
    Fault("worker told to stop", _worker_told, 0),
    Fault("worker hangs", _worker_hangs, 8),
    Fault("web killed", _kill_part("web"), 2),
    Fault("jobs killed", _kill_part("jobs"), 2),
    Fault("cron killed", _kill_part("cron"), 4),
    Fault("Redis killed", _kill_server("redis"), 4),
    Fault("runs Redis killed", _kill_server("runs"), 6),
    Fault("runs Redis forgets everything", _redis_forgets, 0),
    Fault("PostgreSQL killed", _kill_server("postgres"), 4),
    Fault("object store killed", _kill_server("s3"), 6),
    Fault("everything delivered twice", _delivered_twice, 3),
    Fault("answers lost on their way", _answers_lost, 2),
)
_CABLE = Fault("cable of the far worker cut", _cable_cut, 12)
_DISK = Fault("disk of the near worker full", _disk_full, 4)
_CLOCK = Fault("clock of the near worker 10 minutes off", _clock_off, 4)
_DOCKER = Fault("Docker Engine killed", _docker_killed, 2)


def possible(world: World) -> list[Fault]:
    """Return the faults that this machine can have."""
    return [
        *_ALWAYS,
        *([_CABLE] if world.lab else []),
        *([_DISK] if world.disk else []),
        *([_CLOCK] if world.has_faketime else []),
        *([_DOCKER] if world.engine else []),
    ]


def drawn(found: list[Fault], count: int, chance: random.Random) -> list[Fault]:
    """Draw faults: each sort once before any comes again, in an order of its own each time."""
    drawn_so_far: list[Fault] = []
    while len(drawn_so_far) < count:
        round_of = list(found)
        chance.shuffle(round_of)
        drawn_so_far += round_of
    return drawn_so_far[:count]

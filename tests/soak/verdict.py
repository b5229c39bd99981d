"""What must hold after a fault, and what became of every submission in the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis import Redis
from sqlalchemy import create_engine, text

from tests.chaos.invariants import broken_invariants
from tests.soak.load import SCORE, Accepted
from tests.soak.world import World

_REACTION_S = 30.0
"""How long after mending an invariant may still be on its way: a lease, and some rounds."""


@dataclass
class Verdict:
    """The last line of a soak."""

    seed: int
    faults: int = 0
    submissions: int = 0
    lost: list[str] = field(default_factory=list)
    scored_twice: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Everything else that must not be."""
    given_up: int = 0
    """Runs that failed three times through no fault of theirs, with a reason."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.scored_twice or self.stuck or self.wrong)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.faults} faults injected, {self.submissions} submissions, "
            f"{len(self.lost)} lost, {len(self.scored_twice)} scored twice, "
            f"{len(self.stuck)} stuck, {len(self.wrong)} otherwise wrong, {self.given_up} given up"
        )


def check(world: World) -> list[str]:
    """Return what is broken in database, store and queue and stays so; sentences."""
    end = time.monotonic() + _REACTION_S
    while (broken := _broken(world)) and time.monotonic() < end:
        time.sleep(1)
    return broken


def _broken(world: World) -> list[str]:
    return broken_invariants(world.database_url, world.s3) + _strangers(world)


def _strangers(world: World) -> list[str]:
    """Return the messages on the queue that belong to no run."""
    prefix = f"{world.stack.queue_id}-"
    with Redis.from_url(world.stack.admin_url) as redis:
        listed: list[bytes] = redis.lrange(f"rq:queue:{world.stack.queue_id}", 0, -1)
    names = [raw.decode() for raw in listed]
    ids = {name.removeprefix(prefix).partition("-")[0] for name in names}
    known = {str(row[0]) for row in _rows(world, "select id from runs")}
    return [f"a message of no run: {one}" for one in sorted(ids - known)]


def _rows(world: World, query: str) -> Sequence[tuple[object, ...]]:
    engine = create_engine(world.database_url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


def unfinished(world: World, submission_ids: Sequence[int]) -> list[int]:
    """Return those submissions that are not over."""
    over = "select id from submissions where state in ('finished', 'failed', 'cancelled')"
    ended = {row[0] for row in _rows(world, over)}
    return [one for one in submission_ids if one not in ended]


def judge(world: World, accepted: Sequence[Accepted], verdict: Verdict) -> None:
    """Look up every accepted submission and say what became of it."""
    by_id = {
        row[0]: row[1:]
        for row in _rows(world, "select id, state, reason, blame, idempotency_key from submissions")
    }
    scores: dict[object, list[object]] = {}
    for submission_id, value in _rows(
        world,
        "select r.submission_id, s.value from run_scores s join runs r on r.id = s.run_id",
    ):
        scores.setdefault(submission_id, []).append(value)
    verdict.submissions = len(accepted)
    for one in accepted:
        if one.submission_id not in by_id:
            verdict.lost.append(f"{one}")
            continue
        state, reason, blame, key = by_id[one.submission_id]
        if key != one.key:
            verdict.wrong.append(f"{one} is known by another key")
        _judge_one(one, str(state), str(reason), str(blame), scores, verdict)
    keys = [row[3] for row in by_id.values()]
    if len(keys) != len(set(keys)):
        verdict.wrong.append("two submissions have the same key")


def _judge_one(
    one: Accepted, state: str, reason: str, blame: str, scores: dict[object, list[object]],
    verdict: Verdict,
) -> None:  # fmt: skip
    found = scores.get(one.submission_id, [])
    if len(found) > 1:
        verdict.scored_twice.append(f"{one}: {found}")
    if state not in ("finished", "failed", "cancelled"):
        verdict.stuck.append(f"submission {one.submission_id} ({one.kind.name}) is {state}")
    elif state == "finished" and (not one.kind.is_good or found != [SCORE]):
        verdict.wrong.append(f"submission {one.submission_id} ({one.kind.name}) got {found}")
    elif state == "failed" and blame == "platform":
        verdict.given_up += 1
    elif state == "failed" and one.kind.is_good:
        verdict.wrong.append(f"submission {one.submission_id} ({one.kind.name}) failed: {reason}")
    elif state == "cancelled" and not one.kind.is_cancelled:
        verdict.wrong.append(f"submission {one.submission_id} was cancelled by nobody")

"""What a waiting submission waits for: its place, the machines, and when it may start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.competitions.models import Competition
from app.platform import memo
from app.platform.db import db
from app.queues import queries as queues
from app.submissions import intake, scheduling
from app.submissions.models import Run, State, Submission

KEPT_FOR = timedelta(seconds=2)
"""How old an answer may be: hundreds of open pages then cost one look at the queue."""
LOOKED_AT = 50
"""How many runs that ended last say how long one takes."""
ENOUGH = 3
"""From how many of them on that is known at all."""


@dataclass(frozen=True)
class _Queue:
    places: dict[int, int]
    """By run, counted from 1."""
    online: int
    free: int
    machines: int
    is_being_set_up: bool
    last_seen_at: datetime | None
    run_s: float | None
    """How long a run takes; None while that is not known."""


@dataclass(frozen=True)
class Outlook:
    """What a submission waits for."""

    place: int | None
    """Place of its first run in the queue, from 1; None when that is on its way to a machine, or
    when its owner has as many under way as the queue allows."""
    is_on_its_way: bool
    online: int
    free: int
    last_seen_at: datetime | None
    """When a machine of its queue was last heard; None when there never was one."""
    starts_in_min: int | None
    """Minutes until it is expected to start, 0 for less than one; None while that is not known."""
    machines: int
    """How many machines its queue has, online or not: without any, it does not start by itself."""
    is_being_set_up: bool
    """Whether all of them are so new that they were never heard."""


@dataclass(frozen=True)
class Ahead:
    """What a submission that is made now would wait for."""

    online: int
    machines: int
    is_being_set_up: bool
    starts_in_min: int | None
    """Minutes within which it would start, as :class:`Outlook` counts them."""


def outlook(submission: Submission, *, now: datetime) -> Outlook | None:
    """Return what a submission with runs waits for; None once it waits no more.

    The statements do not depend on how many wait, and their answers are shared by all pages.
    """
    waiting = [run for run in submission.runs if run.state in (State.QUEUED, State.SENT)]
    if submission.state not in (State.QUEUED, State.SENT) or not waiting:
        return None
    first = min(waiting, key=lambda run: (run.state != State.SENT, run.queued_at, run.id))
    queue = _kept(first.queue_id, now)
    places = [queue.places[run.id] for run in waiting if run.id in queue.places]
    place = min(places, default=None)
    on_its_way = first.state == State.SENT
    return Outlook(
        None if on_its_way else place, on_its_way, queue.online, queue.free, queue.last_seen_at,
        0 if on_its_way and queue.free else starts_in_min(place, queue.online, queue.free, queue.run_s),
        queue.machines, queue.is_being_set_up,
    )  # fmt: skip


def ahead(competition: Competition, owner_id: int, *, now: datetime) -> Ahead:
    """Return what a submission of somebody would wait for, were it made now.

    Behind everything that waits, its place would be the last one; fair order may give it a better.
    """
    queue_id = intake.routes(competition, [owner_id]).get(owner_id, competition.queue_id)
    if queue_id is None:
        queue_id = getattr(queues.default_queue(), "id", 0)
    queue = _kept(queue_id, now)
    last = len(queue.places) + 1
    minutes = starts_in_min(last, queue.online, queue.free, queue.run_s)
    return Ahead(queue.online, queue.machines, queue.is_being_set_up, minutes)


def starts_in_min(place: int | None, online: int, free: int, run_s: float | None) -> int | None:
    """Estimate when the run at a place starts, in whole minutes; None when nothing is known.

    Machines take runs in their order, each for the mean duration.

    >>> starts_in_min(5, online=2, free=0, run_s=60.0), starts_in_min(1, 1, 1, None)
    (3, 0)
    """
    if place is None or not online:
        return None
    if place <= free:
        return 0
    if run_s is None:
        return None
    return math.floor((place - free) * run_s / online / 60 + 0.5)


def _kept(queue_id: int, now: datetime) -> _Queue:
    return memo.remember(("waiting", queue_id), KEPT_FOR, now, lambda: _look(queue_id, now))


def _look(queue_id: int, now: datetime) -> _Queue:
    found = queues.outlook(queue_id, now=now)
    if found is None:
        return _Queue({}, 0, 0, 0, False, None, None)
    order = db.session.scalars(scheduling.in_order(found.queue))
    under_way = select(func.count()).where(
        Run.queue_id == queue_id, Run.state.in_(scheduling.IN_FLIGHT)
    )
    busy = db.session.scalar(under_way) or 0
    return _Queue(
        {run_id: place for place, run_id in enumerate(order, start=1)},
        found.online, max(0, found.online - busy), found.machines, found.is_being_set_up,
        found.last_seen_at, _run_s(queue_id),
    )  # fmt: skip


def _run_s(queue_id: int) -> float | None:
    """Return how long the runs of a queue took that ended last, on average."""
    spans = db.session.execute(
        select(Run.started_at, Run.ended_at)
        .where(Run.queue_id == queue_id, Run.ended_at.is_not(None), Run.started_at.is_not(None))
        .order_by(Run.ended_at.desc())
        .limit(LOOKED_AT)
    ).all()
    if len(spans) < ENOUGH:
        return None
    total = sum((ended - started for started, ended in spans), timedelta())
    return total.total_seconds() / len(spans)

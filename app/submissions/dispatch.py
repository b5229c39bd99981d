"""The queue is the database: which waiting run goes to a machine next, and what got lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.orm import joinedload

from app.competitions.models import Phase
from app.errors import Unavailable
from app.platform import queueing
from app.platform.clock import now as clock_now
from app.platform.configured import settings
from app.platform.db import db, is_postgresql, reading, unit_of_work
from app.platform.logging import event
from app.queues import queries as queues
from app.queues.models import ComputeQueue
from app.submissions import locking, outcome, runs, scheduling
from app.submissions.models import Attempt, Run, State, Submission
from worker.contract import RunSpec

log = logging.getLogger(__name__)
_SWEEPER_LOCK = 7301


@dataclass(frozen=True)
class _Message:
    job_id: str
    spec: RunSpec


def ring() -> None:
    """Dispatch now; rung after a commit that queued a run or freed a machine."""
    dispatch(now=clock_now())


def dispatch(*, now: datetime) -> int:
    """Send to each queue as many runs as it has free machines, plus one; returns how many."""
    with reading():
        rooms = [(queue.id, queue.qid, room) for queue, room in _room(now) if room > 0]
    # Asked outside of any transaction: a Redis that is away answers late, and costs no attempt.
    open_queues = {queue_id: room for queue_id, qid, room in rooms if _answers(qid)}
    if not open_queues:
        return 0
    with unit_of_work():
        messages = []
        for queue_id, room in open_queues.items():
            queue = db.session.get_one(ComputeQueue, queue_id)
            messages += _release(queue, room, now)
    for message in messages:
        _send(message, now)
    return len(messages)


def _answers(qid: str) -> bool:
    try:
        queueing.carrier().depth(qid)
    except Unavailable:
        event(log, "queue.away", qid=qid, level=logging.WARNING)
        return False
    return True


def _room(now: datetime) -> list[tuple[ComputeQueue, int]]:
    """Return the queues with waiting runs and how many each can be sent."""
    # Not counted: thousands may wait, and this is asked for every one of them.
    waits = exists().where(Run.state == State.QUEUED, Run.queue_id == ComputeQueue.id)
    waiting = db.session.scalars(select(ComputeQueue).where(waits)).all()
    if not waiting:
        return []
    machines = queues.online_machines(now)
    counts = db.session.execute(
        select(Run.queue_id, func.count())
        .where(Run.state.in_(scheduling.IN_FLIGHT))
        .group_by(Run.queue_id)
    )
    under_way = dict(counts.tuples().all())
    return [
        (queue, machines.get(queue.id, 0) + 1 - under_way.get(queue.id, 0)) for queue in waiting
    ]


def _release(queue: ComputeQueue, room: int, now: datetime) -> list[_Message]:
    messages = []
    for run_id in scheduling.next_runs(queue, room):
        if locking.try_run(run_id) is None:
            continue  # whoever changes it now rings afterwards
        taken = db.session.execute(
            update(Run)
            .where(Run.id == run_id, Run.state == State.QUEUED, Run.queue_id == queue.id)
            .values(state=State.SENT, sent_at=now)
        )
        if taken.rowcount:  # type: ignore[attr-defined] # 0: another process was faster
            messages.append(_open(run_id, queue, now))
    return messages


def _open(run_id: int, queue: ComputeQueue, now: datetime) -> _Message:
    run = db.session.scalars(
        select(Run)
        .where(Run.id == run_id)
        .options(
            joinedload(Run.revision),
            joinedload(Run.submission).joinedload(Submission.phase).joinedload(Phase.competition),
        )
        .execution_options(populate_existing=True)
    ).one()
    attempt, token = runs.open_attempt(run, now=now)
    db.session.flush()  # the attempt's id names the job
    spec = runs.specify(run, run.submission.phase, queue.qid, token)
    attempt.limits = runs.limits_of(spec)
    outcome.refresh_state(run.submission_id)
    return _Message(f"{queue.qid}-{run.id}-{attempt.number}", spec)


def _send(message: _Message, now: datetime) -> None:
    """Put one attempt on its queue; with Redis away the run waits again and nothing is lost."""
    spec = message.spec
    limit = runs.whole_time_s(spec.timeout_s)
    try:
        queueing.carrier().send_run(spec.queue_id, message.job_id, spec.to_json(), limit)
        event(log, "run.sent", run_id=spec.run_id, attempt=spec.attempt)
    except Unavailable:
        event(log, "run.not_sent", run_id=spec.run_id, level=logging.WARNING)
        with unit_of_work():
            run = locking.hold_run(spec.run_id)
            # Not rung: the next round tries again, not this one for ever.
            outcome.hand_back(run, spec.attempt, "The queue did not answer.", now=now, ring=False)


def sweep(*, now: datetime) -> int:
    """Find what Redis or a machine forgot, and queue it again; returns how many runs."""
    with unit_of_work():
        if is_postgresql() and not db.session.scalar(
            text("select pg_try_advisory_xact_lock(:key)"), {"key": _SWEEPER_LOCK}
        ):
            return 0  # another sweeper is at it
        swept = _sweep_unclaimed(now) + _sweep_silent(now)
    return swept


def _sweep_unclaimed(now: datetime) -> int:
    """Requeue what was sent long ago and that no machine claimed though one is there."""
    machines = queues.online_machines(now)
    too_long_ago = now - timedelta(seconds=settings().sent_timeout_s)
    late = db.session.scalars(
        select(Run.id).where(Run.state == State.SENT, Run.sent_at < too_long_ago)
    ).all()
    swept = 0
    for run_id in late:
        run = locking.try_run(run_id)
        if run is None or run.state != State.SENT:
            continue  # a machine has just claimed it
        queue = db.session.get_one(ComputeQueue, run.queue_id)
        # With no machine online the message may well lie there still: no need for a second one.
        if machines.get(run.queue_id, 0) or not _depth(queue.qid):
            outcome.hand_back(run, run.attempt, "No machine claimed it in time.", now=now)
            swept += 1
    return swept


def _depth(qid: str) -> int:
    try:
        return queueing.carrier().depth(qid)
    except Unavailable:
        return 1  # not knowable now; look again in the next round


def _sweep_silent(now: datetime) -> int:
    """Take runs from machines whose lease is over."""
    silent = (
        select(Run.id)
        .join(Attempt, (Attempt.run_id == Run.id) & (Attempt.number == Run.attempt))
        .where(Run.state == State.RUNNING, Attempt.lease_until < now)
    )
    swept = 0
    for run_id in db.session.scalars(silent).all():
        run = locking.try_run(run_id)
        # Asked again: it may have spoken, or ended, between the look and the lock.
        if run is not None and db.session.scalar(silent.where(Run.id == run_id)):
            outcome.lose_silent(run, now=now)
            swept += 1
    return swept

"""The queue is the database: which waiting run goes to a machine next, and what got lost."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, func, select, text, update
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
        waiting = {queue.id: queue.qid for queue in _waiting()}
        rooms = _rooms(waiting, now) if waiting else {}
    # Asked outside of any transaction: a Redis that is away answers late, and costs no attempt.
    open_queues = [
        queue_id
        for queue_id, room in rooms.items()
        if room > 0 and _depth(waiting[queue_id]) is not None
    ]
    if not open_queues:
        return 0
    with unit_of_work():
        messages = [one for queue_id in open_queues for one in _release(queue_id, now)]
    for message in messages:
        _send(message, now)
    return len(messages)


def _depth(qid: str) -> int | None:
    """Return how many messages wait on a queue; None when its Redis does not answer."""
    try:
        return queueing.carrier().depth(qid)
    except Unavailable:
        event(log, "queue.away", qid=qid, level=logging.WARNING)
        return None


def _waiting() -> Sequence[ComputeQueue]:
    """Return the queues on which runs wait."""
    # Not counted: thousands may wait, and this is asked for every one of them.
    waits = exists().where(Run.state == State.QUEUED, Run.queue_id == ComputeQueue.id)
    return db.session.scalars(select(ComputeQueue).where(waits).order_by(ComputeQueue.id)).all()


def _rooms(queue_ids: Collection[int], now: datetime) -> dict[int, int]:
    """Return by queue how many runs it can be sent."""
    machines = queues.online_machines(now)
    counts = db.session.execute(
        select(Run.queue_id, func.count())
        .where(Run.state.in_(scheduling.IN_FLIGHT), Run.queue_id.in_(queue_ids))
        .group_by(Run.queue_id)
    )
    under_way = dict(counts.tuples().all())
    return {one: machines.get(one, 0) + 1 - under_way.get(one, 0) for one in queue_ids}


def _release(queue_id: int, now: datetime) -> list[_Message]:
    # One dispatcher of a queue at a time: two would each fill the room that both of them saw.
    queue = db.session.scalars(
        select(ComputeQueue).where(ComputeQueue.id == queue_id).with_for_update(key_share=True)
    ).one()
    messages = []
    for run_id in scheduling.next_runs(queue, _rooms([queue_id], now)[queue_id]):
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
    return _Message(_job_id(queue.qid, run.id, attempt.number), spec)


def _job_id(qid: str, run_id: int, attempt: int) -> str:
    return f"{qid}-{run_id}-{attempt}"


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
            if run.state == State.SENT:  # else it arrived nonetheless, and a machine is at it
                # Not rung: the next round tries again, not this one for ever.
                why = "The queue did not answer."
                outcome.hand_back(run, spec.attempt, why, now=now, ring=False)


def sweep(*, now: datetime, takes_silent: bool = True) -> int:
    """Find what Redis or a machine forgot, and queue it again; returns how many runs.

    Args:
        takes_silent: whether to take runs from machines whose lease is over; not where those had
            no chance to be heard.
    """
    with reading():
        late = db.session.execute(
            _unclaimed(now)
            .join(ComputeQueue, ComputeQueue.id == Run.queue_id)
            .with_only_columns(Run.id, Run.attempt, ComputeQueue.qid)
        ).all()
        is_silent = takes_silent and db.session.scalar(_silent(now).limit(1)) is not None
    if not late and not is_silent:
        return 0
    lost = _forgotten([(run_id, qid, _job_id(qid, run_id, n)) for run_id, n, qid in late])
    if not lost and not is_silent:
        return 0
    with unit_of_work():
        if is_postgresql() and not db.session.scalar(
            text("select pg_try_advisory_xact_lock(:key)"), {"key": _SWEEPER_LOCK}
        ):
            return 0  # another sweeper is at it
        return _sweep_unclaimed(lost, now) + (_sweep_silent(now) if is_silent else 0)


def _forgotten(sent: Iterable[tuple[int, str, str]]) -> list[int]:
    """Return the runs whose message is gone, of all by id, queue and message.

    One that still lies there needs no second one, however long its machine is busy.
    """
    try:
        return [run_id for run_id, qid, job in sent if not queueing.carrier().holds(qid, job)]
    except Unavailable:
        return []  # not knowable now; look again in the next round


def _unclaimed(now: datetime) -> Select[tuple[int]]:
    """Select the runs that were sent long ago and that no machine has claimed."""
    too_long_ago = now - timedelta(seconds=settings().sent_timeout_s)
    return select(Run.id).where(Run.state == State.SENT, Run.sent_at < too_long_ago)


def _silent(now: datetime) -> Select[tuple[int]]:
    """Select the runs whose lease is over."""
    return (
        select(Run.id)
        .join(Attempt, (Attempt.run_id == Run.id) & (Attempt.number == Run.attempt))
        .where(Run.state == State.RUNNING, Attempt.lease_until < now)
    )


def _sweep_unclaimed(lost: Collection[int], now: datetime) -> int:
    """Queue again what was sent on queues that have forgotten it."""
    late = _unclaimed(now).where(Run.id.in_(lost))
    swept = 0
    for run in _still(late):
        outcome.hand_back(run, run.attempt, "No machine claimed it in time.", now=now)
        swept += 1
    return swept


def _sweep_silent(now: datetime) -> int:
    """Take runs from machines whose lease is over."""
    swept = 0
    for run in _still(_silent(now)):
        outcome.lose_silent(run, now=now)
        swept += 1
    return swept


def _still(which: Select[tuple[int]]) -> Iterator[Run]:
    """Yield selected runs, each held and asked again: it may have spoken, or ended, meanwhile."""
    for run_id in db.session.scalars(which).all():
        run = locking.try_run(run_id)
        if run is not None and db.session.scalar(which.where(Run.id == run_id)):
            yield run

"""What is known of queues and machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from app.platform.db import db
from app.queues.models import ONLINE_FOR, ComputeQueue, Machine


def online_machines(now: datetime) -> dict[int, int]:
    """Return how many machines answered lately, by queue id; absent means none."""
    rows = db.session.execute(
        select(Machine.queue_id, func.count())
        .where(Machine.last_seen_at > now - ONLINE_FOR)
        .group_by(Machine.queue_id)
    )
    return dict(rows.tuples().all())  # a Result itself has keys(): dict() would index it


def machines_of(queue_id: int) -> Sequence[Machine]:
    """Return the machines of a queue, the latest heard of first."""
    return db.session.scalars(
        select(Machine).where(Machine.queue_id == queue_id).order_by(Machine.last_seen_at.desc())
    ).all()


def trusted_only(queue_id: int | None, now: datetime) -> bool:
    """Return whether a machine that runs programs without containers serves this queue.

    Args:
        queue_id: None means the default queue.
    """
    statement = select(Machine.id).where(
        Machine.trusted_only, Machine.last_seen_at > now - ONLINE_FOR
    )
    if queue_id is None:
        statement = statement.join(ComputeQueue).where(ComputeQueue.is_default)
    else:
        statement = statement.where(Machine.queue_id == queue_id)
    return db.session.scalars(statement.limit(1)).first() is not None


def default_queue() -> ComputeQueue | None:
    """Return the queue of benchmarks that name none."""
    return db.session.scalars(select(ComputeQueue).where(ComputeQueue.is_default)).first()


def by_qid(qid: str) -> ComputeQueue | None:
    """Return the queue with this opaque id."""
    return db.session.scalars(select(ComputeQueue).where(ComputeQueue.qid == qid)).first()

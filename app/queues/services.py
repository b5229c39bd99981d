"""Making queues, adding machines, and hearing from them."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.errors import Invalid, NotFound
from app.platform import tokens
from app.platform.db import db
from app.queues import queries
from app.queues.models import ComputeQueue, Machine

_QID = re.compile(r"[a-z0-9]{4,40}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_qid() -> str:
    """Return an opaque queue id; never a slug, never reused."""
    return "q" + "".join(secrets.choice(_ALPHABET) for _ in range(19))


def create_queue(name: str, *, now: datetime, qid: str = "", default: bool = False) -> ComputeQueue:
    """Add a queue.

    Raises:
        Invalid: ``qid`` holds anything but 4 to 40 of ``a-z0-9``; Redis patterns rely on that.
    """
    qid = qid or new_qid()
    if not _QID.fullmatch(qid):
        raise Invalid(f"Queue id {qid!r} must be 4 to 40 characters of a-z and 0-9.")
    queue = ComputeQueue(qid=qid, name=name, is_default=default, created_at=now)
    db.session.add(queue)
    db.session.flush()  # callers need its id
    return queue


def ensure_default_queue(*, now: datetime, qid: str = "") -> ComputeQueue:
    """Return the default queue, made the first time it is asked for."""
    found = queries.default_queue()
    return found or create_queue("Default queue", now=now, qid=qid, default=True)


def add_machine(queue: ComputeQueue, name: str, token: str, *, now: datetime) -> Machine:
    """Add a machine, or give the one of this name on this queue a new token."""
    machine = db.session.scalars(
        select(Machine).where(Machine.queue_id == queue.id, Machine.name == name)
    ).first()
    if machine is None:
        machine = Machine(queue_id=queue.id, name=name, created_at=now)
        db.session.add(machine)
    machine.token_hash = tokens.digest(token)
    return machine


def hear_from(
    token: str, *, engine: str, trusted_only: bool, details: dict[str, Any], now: datetime
) -> Machine:
    """Note a machine's heartbeat.

    Raises:
        NotFound: no machine has this token.
    """
    machine = db.session.scalars(
        select(Machine).where(Machine.token_hash == tokens.digest(token))
    ).first()
    if machine is None:
        raise NotFound("No machine has this token. Add the machine again and use its new token.")
    machine.engine = engine[:20]
    machine.trusted_only = trusted_only
    machine.details = details
    machine.last_seen_at = now
    return machine

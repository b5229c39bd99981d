"""Machines of a queue: what they may know, when that changes, and what is heard of them."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import or_, select

from app import policy
from app.errors import Conflict, Invalid, NotFound, Refused
from app.platform import tokens
from app.platform.configured import settings
from app.platform.db import db
from app.policy import Act, Viewer
from app.queues.models import ComputeQueue, Machine

MAX_NAME = 40
OLD_FOR = timedelta(minutes=30)
"""How long the secrets before still count after new ones were made."""
_COMPOSE = Path(__file__).resolve().parents[2] / "worker" / "compose.yaml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True)
class Access:
    """What a machine needs to work; shown once and kept nowhere."""

    machine: Machine
    api_url: str
    broker_url: str
    queue_id: str
    token: str

    def environment(self) -> str:
        """Return the lines of its ``.env``."""
        lines = {
            "API_URL": self.api_url, "BROKER_URL": self.broker_url, "QUEUE": self.queue_id,
            "TOKEN": self.token, "NAME": self.machine.name,
        }  # fmt: skip
        return "".join(f"PLUMBLINE_WORKER_{name}={value}\n" for name, value in lines.items())

    def download(self) -> str:
        """Return those lines as an address that a browser saves; no server keeps them for it."""
        return f"data:text/plain;charset=utf-8;base64,{b64encode(self.environment().encode()).decode()}"

    @staticmethod
    def compose() -> str:
        """Return the ``compose.yaml`` of every machine."""
        return _COMPOSE.read_text(encoding="utf-8")


def add(actor: Viewer, queue: ComputeQueue, name: str, *, now: datetime) -> Access:
    """Add a machine; cron lets it log in to the runs Redis within seconds.

    Raises:
        Forbidden: the actor does not keep the queue.
        Invalid: the name is empty, too long, taken, or holds other characters than it may.
        Refused: the queue is retired, or this site has no address for machines.
    """
    policy.require(actor, Act.QUEUE_EDIT, queue)
    if queue.retired_at is not None:
        raise Refused("This queue is retired. Add the machine to another one.")
    if not _NAME.fullmatch(name):
        raise Invalid(f"A machine's name has 1 to {MAX_NAME} of the characters a-z A-Z 0-9 . _ -")
    if _named(queue, name) is not None:
        raise Invalid(f"There is a machine called {name} on this queue. Choose another name.")
    machine = Machine(queue_id=queue.id, name=name, details={}, created_at=now)
    machine.broker_user = f"{queue.qid}-{secrets.token_hex(8)}"
    access = _new_secrets(machine, queue)
    db.session.add(machine)
    db.session.flush()
    return access


def rotate(actor: Viewer, queue: ComputeQueue, machine: Machine, *, now: datetime) -> Access:
    """Make new secrets; the ones before count until the machine uses the new, or 30 minutes.

    Raises:
        Forbidden: the actor does not keep the queue.
        Refused: its secrets are not made here, or it was revoked.
    """
    _require_ours(actor, queue, machine)
    if machine.old_until is None or machine.old_until <= now:
        machine.old_token_hash, machine.old_broker_hash = machine.token_hash, machine.broker_hash
    # Else nobody has used what is replaced now, and the machine still has what was before.
    machine.old_until = now + OLD_FOR
    return _new_secrets(machine, queue)


def revoke(actor: Viewer, queue: ComputeQueue, machine: Machine, *, now: datetime) -> None:
    """End a machine's access: its token at once, its connections within seconds.

    Raises:
        Forbidden: the actor does not keep the queue.
        Refused: its secrets are not made here, or it was revoked.
    """
    _require_ours(actor, queue, machine)
    end(machine, now=now)


def end(machine: Machine, *, now: datetime) -> None:
    """End a machine's access, whoever asked."""
    machine.revoked_at = now
    machine.access_set_at = None
    machine.old_token_hash = machine.old_broker_hash = machine.old_until = None
    machine.token_hash = tokens.digest(tokens.mint("machine"))  # nobody has ever seen it


def forget_old(machine: Machine) -> None:
    """Let only the newest secrets of a machine count."""
    machine.old_token_hash = machine.old_broker_hash = machine.old_until = None
    machine.access_set_at = None


def ensure(queue: ComputeQueue, name: str, token: str, *, now: datetime) -> Machine:
    """Make the launcher's own machine known, whose Redis user the launcher makes, too."""
    machine = _named(queue, name)
    if machine is None:
        machine = Machine(queue_id=queue.id, name=name, details={}, created_at=now)
        db.session.add(machine)
    machine.token_hash = tokens.digest(token)
    return machine


def hear_from(
    token: str, *, engine: str, trusted_only: bool, details: dict[str, Any], now: datetime
) -> Machine:
    """Note a machine's heartbeat. One with new secrets ends the ones before.

    Raises:
        NotFound: no machine has this token, or not any more.
    """
    machine = by_token(token)
    if machine is None:
        raise NotFound("No machine has this token. Add the machine again and use its new token.")
    if machine.old_until is not None and tokens.matches(token, machine.token_hash):
        forget_old(machine)
    machine.engine = engine[:20]
    machine.trusted_only = trusted_only
    machine.details = details
    machine.last_seen_at = now
    return machine


def by_token(token: str) -> Machine | None:
    """Return the machine that a token belongs to, the one before a rotation included."""
    digest = tokens.digest(token)
    return db.session.scalars(
        select(Machine).where(
            or_(Machine.token_hash == digest, Machine.old_token_hash == digest),
            Machine.revoked_at.is_(None),
        )
    ).first()


def _new_secrets(machine: Machine, queue: ComputeQueue) -> Access:
    here = settings()
    if not here.machines_redis_url:
        raise Refused(
            "This site has no address at which machines reach its queue server, so none can be "
            "added. Its operator can set PLUMBLINE_MACHINES_REDIS_URL."
        )
    token, password = tokens.mint("machine"), tokens.mint("broker")
    machine.token_hash, machine.broker_hash = tokens.digest(token), tokens.digest(password)
    machine.access_set_at = None
    place = urlsplit(here.machines_redis_url)
    broker = place._replace(netloc=f"{machine.broker_user}:{password}@{place.netloc}")
    return Access(
        machine, here.worker_api_url or here.base_url, urlunsplit(broker), queue.qid, token
    )


def _require_ours(actor: Viewer, queue: ComputeQueue, machine: Machine) -> None:
    policy.require(actor, Act.QUEUE_EDIT, queue)
    if machine.revoked_at is not None:
        raise Conflict("This machine's access was ended already.")
    if machine.broker_user is None:
        raise Refused(
            "This machine's access comes with the server itself (./run or compose): change it there."
        )


def _named(queue: ComputeQueue, name: str) -> Machine | None:
    return db.session.scalars(
        select(Machine).where(
            Machine.queue_id == queue.id, Machine.name == name, Machine.revoked_at.is_(None)
        )
    ).first()

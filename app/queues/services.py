"""Making queues, sharing them, narrowing and retiring them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select

from app import policy
from app.accounts import queries as accounts
from app.accounts.models import User
from app.errors import Invalid, NotFound, Refused
from app.platform.configured import settings
from app.platform.db import db
from app.policy import Act, Viewer
from app.queues import machines, queries
from app.queues.drafts import QueueDraft, problems
from app.queues.models import ComputeQueue, Machine, QueueMember, Role

_QID = re.compile(r"[a-z0-9]{4,40}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

on_narrowed: list[Callable[[ComputeQueue], int]] = []
"""Told when fewer people may use a queue than before; each returns how many benchmarks it moved
to the default queue."""
uses: list[Callable[[ComputeQueue], list[str]]] = []
"""Each says what keeps a queue from being retired: "3 benchmarks run on it"."""

hear_from = machines.hear_from
by_token = machines.by_token


class InvalidQueue(Invalid):
    """A draft with problems, by field."""

    def __init__(self, found: dict[str, str]) -> None:
        self.found = found
        super().__init__(" ".join(found.values()))


def new_qid() -> str:
    """Return an opaque queue id; never a slug, never reused."""
    return "q" + "".join(secrets.choice(_ALPHABET) for _ in range(19))


def create_queue(name: str, *, now: datetime, qid: str = "", default: bool = False) -> ComputeQueue:
    """Add a queue that nobody owns.

    Raises:
        Invalid: ``qid`` holds anything but 4 to 40 of ``a-z0-9``; Redis patterns rely on that.
    """
    qid = qid or new_qid()
    if not _QID.fullmatch(qid):
        raise Invalid(f"Queue id {qid!r} must be 4 to 40 characters of a-z and 0-9.")
    queue = ComputeQueue(qid=qid, name=name, is_default=default, created_at=now, members=[])
    db.session.add(queue)
    db.session.flush()  # callers need its id
    return queue


def ensure_default_queue(*, now: datetime, qid: str = "") -> ComputeQueue:
    """Return the default queue, made the first time it is asked for."""
    found = queries.default_queue()
    return found or create_queue("Default queue", now=now, qid=qid, default=True)


def make(actor: Viewer, draft: QueueDraft, *, now: datetime) -> ComputeQueue:
    """Make a queue of the actor's own.

    Raises:
        Forbidden: nobody is logged in.
        InvalidQueue: the draft has problems.
        Refused: the actor keeps as many queues as one person may.
    """
    policy.require(actor, Act.QUEUE_CREATE)
    if found := problems(draft):
        raise InvalidQueue(found)
    limit = settings().queues_per_person
    if not actor.is_staff and _count_kept(actor) >= limit:
        raise Refused(f"You keep {limit} queues, which is as many as one person may. Retire one.")
    queue = create_queue(draft.name.strip(), now=now)
    queue.owner_id = actor.user_id
    queue.is_public, queue.max_running_per_person = draft.is_public, draft.max_running_per_person
    return queue


def edit(actor: Viewer, queue: ComputeQueue, draft: QueueDraft) -> int:
    """Rename a queue, change its limit and who may use it.

    Returns:
        How many benchmarks of people who may no longer use it went to the default queue.

    Raises:
        Forbidden: the actor does not keep it, or a collaborator changes who may use it.
        InvalidQueue: the draft has problems.
        Refused: it is retired.
    """
    policy.require(actor, Act.QUEUE_EDIT, queue)
    _require_open(queue)
    if found := problems(draft):
        raise InvalidQueue(found)
    narrower = queue.is_public and not draft.is_public
    if queue.is_public != draft.is_public:
        policy.require(actor, Act.QUEUE_SHARE, queue)
    queue.name, queue.is_public = draft.name.strip(), draft.is_public
    queue.max_running_per_person = draft.max_running_per_person
    return _narrow(queue) if narrower else 0


def share(actor: Viewer, queue: ComputeQueue, name: str, role: str, *, now: datetime) -> User:
    """Let somebody use a queue or keep it with the owner; asking again changes their role.

    Raises:
        Forbidden: the actor does not own it.
        Invalid: there is nobody of this name, it is the owner, or the role is another word.
        Refused: it is retired.
    """
    policy.require(actor, Act.QUEUE_SHARE, queue)
    _require_open(queue)
    if role not in set(Role):
        raise Invalid("Choose what they may do: use the queue, or keep it with you.")
    person = accounts.by_username(name)
    if person is None or not person.is_active:
        raise Invalid(f"There is nobody with the user name “{name[:64]}”.")
    if person.id == queue.owner_id:
        raise Invalid("This is the owner, who may do everything already.")
    member = next((one for one in queue.members if one.user_id == person.id), None)
    if member is None:
        queue.members.append(QueueMember(user_id=person.id, role=role, created_at=now))
    else:
        member.role = role
    return person


def unshare(actor: Viewer, queue: ComputeQueue, user_id: int) -> int:
    """Take somebody off a queue; people may take themselves off.

    Returns:
        How many of their benchmarks went to the default queue.

    Raises:
        Forbidden: the actor does not own it, and it is about somebody else.
        NotFound: they are not on it.
    """
    if actor.user_id != user_id:
        policy.require(actor, Act.QUEUE_SHARE, queue)
    member = next((one for one in queue.members if one.user_id == user_id), None)
    if member is None:
        raise NotFound("This person is not on this queue.")
    queue.members.remove(member)
    db.session.flush()
    return _narrow(queue)


def retire(actor: Viewer, queue: ComputeQueue, *, now: datetime) -> None:
    """Close a queue for good: its machines lose their access, its past runs keep its name.

    Raises:
        Forbidden: the actor does not own it.
        Refused: it is the default queue, or something still uses it; the sentence says what.
    """
    policy.require(actor, Act.QUEUE_SHARE, queue)
    if queue.is_default:
        raise Refused("The default queue cannot be retired: benchmarks that name no queue need it.")
    if reasons := [reason for ask in uses for reason in ask(queue)]:
        raise Refused(f"This queue is still in use: {'; '.join(reasons)}.")
    queue.retired_at = queue.retired_at or now
    statement = select(Machine).where(Machine.queue_id == queue.id, Machine.revoked_at.is_(None))
    for machine in db.session.scalars(statement):
        machines.end(machine, now=now)


def _narrow(queue: ComputeQueue) -> int:
    return sum(tell(queue) for tell in on_narrowed)


def _require_open(queue: ComputeQueue) -> None:
    if queue.retired_at is not None:
        raise Refused("This queue is retired. Make a new one.")


def _count_kept(actor: Viewer) -> int:
    statement = select(func.count()).where(
        ComputeQueue.owner_id == actor.user_id, ComputeQueue.retired_at.is_(None)
    )
    return db.session.scalar(statement) or 0

"""What is known of queues and machines, filtered by what a viewer may see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.errors import NotFound
from app.platform.db import db
from app.platform.paging import Page
from app.policy import Act, Viewer
from app.queues import facts
from app.queues.facts import Facts
from app.queues.models import ONLINE_FOR, ComputeQueue, Machine, QueueMember

PAGE_SIZE = 50

_TROUBLES_FOR = timedelta(days=7)


@dataclass(frozen=True)
class QueueRow:
    """One line of a list of queues."""

    queue: ComputeQueue
    """With ``owner`` and ``members``."""
    machines: int
    online: int
    role: str
    """``owner``, a :class:`Role`, or empty."""


@dataclass(frozen=True)
class Using:
    """A benchmark that runs on a queue."""

    competition_id: int
    title: str


@dataclass(frozen=True)
class Work:
    """A run that a machine has under way, as far as a viewer may know of it."""

    run_id: int
    submission_id: int | None
    """None when the viewer may not see the submission."""


@dataclass(frozen=True)
class Trouble:
    """A run that failed for a reason of its machine's."""

    at: datetime
    text: str


@dataclass(frozen=True)
class MachineRow:
    """One machine of a queue."""

    machine: Machine
    facts: Facts
    is_online: bool
    work: Sequence[Work]
    troubles: Sequence[Trouble] = ()
    """For who may change the machine: the last ones of a week, the newest first."""

    @property
    def is_being_set_up(self) -> bool:
        """Whether the runs Redis does not know yet what its row says."""
        return self.machine.broker_user is not None and self.machine.access_set_at is None


@dataclass(frozen=True)
class Outlook:
    """Whether a queue can be waited for."""

    queue: ComputeQueue
    online: int
    last_seen_at: datetime | None
    """When any of its machines was last heard; None when it never had one."""
    machines: int = 0
    """How many have access; without any, nobody comes back."""
    unheard: int = 0
    """How many of those are being set up: they were never heard."""

    @property
    def is_being_set_up(self) -> bool:
        """Whether all it has are machines that were never heard."""
        return 0 < self.machines == self.unheard


benchmarks_on: list[Callable[[int, Viewer], Sequence[Using]]] = []
"""Each returns the benchmarks that run on a queue and that a viewer may see."""
work_on: list[Callable[[Collection[int], Viewer], Mapping[int, Sequence[Work]]]] = []
"""Each returns what machines have under way, by machine id."""
waiting_on: list[Callable[[int], int]] = []
"""Each returns how many runs wait on a queue."""
troubles_of: list[Callable[[Collection[int], datetime], Mapping[int, Sequence[Trouble]]]] = []
"""Each returns what machines failed at since a time, by machine id, the newest first."""


def online_machines(now: datetime) -> dict[int, int]:
    """Return how many machines answered lately, by queue id; absent means none."""
    rows = db.session.execute(
        select(Machine.queue_id, func.count()).where(_online(now)).group_by(Machine.queue_id)
    )
    return dict(rows.tuples().all())  # a Result itself has keys(): dict() would index it


def machines_of(queue_id: int) -> Sequence[Machine]:
    """Return the machines of a queue that may work, in the order of their names."""
    return db.session.scalars(
        select(Machine)
        .where(Machine.queue_id == queue_id, Machine.revoked_at.is_(None))
        .order_by(Machine.name, Machine.id)
    ).all()


def machine_rows(queue: ComputeQueue, viewer: Viewer, *, now: datetime) -> list[MachineRow]:
    """Return the machines of a queue from :func:`get` and what they do now."""
    found = machines_of(queue.id)
    work: dict[int, list[Work]] = {}
    for ask in work_on:
        for machine_id, runs in ask([machine.id for machine in found], viewer).items():
            work.setdefault(machine_id, []).extend(runs)
    troubles: dict[int, list[Trouble]] = {}
    if policy.can(viewer, Act.QUEUE_EDIT, queue):
        for tell in troubles_of:
            for machine_id, told in tell([one.id for one in found], now - _TROUBLES_FOR).items():
                troubles.setdefault(machine_id, []).extend(told)
    return [
        MachineRow(
            machine,
            facts.read(machine.details),
            is_online=machine.last_seen_at is not None and machine.last_seen_at > now - ONLINE_FOR,
            work=work.get(machine.id, []),
            troubles=troubles.get(machine.id, []),
        )
        for machine in found
    ]


def count_waiting(queue: ComputeQueue) -> int:
    """Return how many runs wait on a queue."""
    return sum(count(queue.id) for count in waiting_on)


def get_machine(queue: ComputeQueue, machine_id: int) -> Machine:
    """Return a machine of a queue.

    Raises:
        NotFound: this queue has no such machine.
    """
    machine = db.session.scalars(
        select(Machine).where(Machine.id == machine_id, Machine.queue_id == queue.id)
    ).first()
    if machine is None:
        raise NotFound("This queue has no such machine.")
    return machine


def trusted_only(queue_id: int | None, now: datetime) -> bool:
    """Return whether a machine that runs programs without containers serves this queue.

    Args:
        queue_id: None means the default queue.
    """
    statement = select(Machine.id).where(Machine.trusted_only, _online(now))
    if queue_id is None:
        statement = statement.join(ComputeQueue).where(ComputeQueue.is_default)
    else:
        statement = statement.where(Machine.queue_id == queue_id)
    return db.session.scalars(statement.limit(1)).first() is not None


def outlook(queue_id: int | None, *, now: datetime) -> Outlook | None:
    """Return whether a queue can be waited for; for whoever waits, so no policy is asked.

    Args:
        queue_id: None means the default queue, which may not have been made yet.
    """
    queue = default_queue() if queue_id is None else db.session.get(ComputeQueue, queue_id)
    if queue is None:
        return None
    has_access = Machine.revoked_at.is_(None)
    heard, machines, known = db.session.execute(
        select(
            func.max(Machine.last_seen_at),
            func.count().filter(has_access),
            func.count(Machine.last_seen_at).filter(has_access),
        ).where(Machine.queue_id == queue.id)
    ).one()
    online = online_machines(now).get(queue.id, 0)
    return Outlook(queue, online, heard, machines, machines - known)


def default_queue() -> ComputeQueue | None:
    """Return the queue of benchmarks that name none."""
    return db.session.scalars(select(ComputeQueue).where(ComputeQueue.is_default)).first()


def by_qid(qid: str) -> ComputeQueue | None:
    """Return the queue with this opaque id, with its members."""
    return db.session.scalars(_loaded().where(ComputeQueue.qid == qid)).first()


def get(queue_id: int, viewer: Viewer) -> ComputeQueue:
    """Return a queue with its owner and members.

    Raises:
        NotFound: there is none, or the viewer may not know of it.
    """
    queue = db.session.scalars(_loaded().where(ComputeQueue.id == queue_id)).first()
    if queue is None or not policy.can(viewer, Act.QUEUE_VIEW, queue):
        raise NotFound("There is no such queue, or it is not shared with you.")
    return queue


def refresh_members(queue: ComputeQueue) -> None:
    """Load the members again, with the people of new ones."""
    db.session.flush()
    statement = _loaded().where(ComputeQueue.id == queue.id)
    db.session.scalars(statement.execution_options(populate_existing=True)).one()


def visible_to(viewer: Viewer) -> Select[tuple[ComputeQueue]]:
    """Select the queues that ``QUEUE_VIEW`` allows; the two must agree."""
    statement = select(ComputeQueue)
    if viewer.is_staff:
        return statement
    if not viewer.is_authenticated:
        return statement.where(false())
    anyone = or_(ComputeQueue.is_public, ComputeQueue.is_default)
    return statement.where(
        or_(_related(viewer), anyone & ComputeQueue.retired_at.is_(None)),
    )


def mine(viewer: Viewer, *, now: datetime) -> list[QueueRow]:
    """Return the queues that a person owns or that are shared with them, retired ones last."""
    return _rows(visible_to(viewer).where(_related(viewer)), viewer, now)


def others(viewer: Viewer, number: int, *, now: datetime) -> Page[QueueRow]:
    """Return every further queue that a person may see, the default one first."""
    statement = visible_to(viewer).where(~_related(viewer))
    total = db.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    page = statement.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)
    return Page(_rows(page, viewer, now), number, PAGE_SIZE, total)


def usable(viewer: Viewer) -> list[ComputeQueue]:
    """Return the queues that a person may run benchmarks on, the default one first."""
    statement = visible_to(viewer).where(ComputeQueue.retired_at.is_(None))
    found = db.session.scalars(_ordered(statement)).all()
    return [queue for queue in found if policy.can(viewer, Act.QUEUE_USE, queue)]


def using(queue: ComputeQueue, viewer: Viewer) -> list[Using]:
    """Return the benchmarks on a queue that a viewer may see."""
    return [one for ask in benchmarks_on for one in ask(queue.id, viewer)]


def _online(now: datetime) -> ColumnElement[bool]:
    return (Machine.last_seen_at > now - ONLINE_FOR) & Machine.revoked_at.is_(None)


def _related(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.user_id is None:
        return false()
    shared = select(QueueMember.queue_id).where(QueueMember.user_id == viewer.user_id)
    return or_(
        func.coalesce(ComputeQueue.owner_id, 0) == viewer.user_id, ComputeQueue.id.in_(shared)
    )


def _loaded(statement: Select[tuple[ComputeQueue]] | None = None) -> Select[tuple[ComputeQueue]]:
    base = select(ComputeQueue) if statement is None else statement
    return base.options(
        joinedload(ComputeQueue.owner),
        selectinload(ComputeQueue.members).joinedload(QueueMember.user),
    )


def _ordered(statement: Select[tuple[ComputeQueue]]) -> Select[tuple[ComputeQueue]]:
    return _loaded(statement).order_by(
        ComputeQueue.is_default.desc(),
        ComputeQueue.retired_at.is_not(None),
        ComputeQueue.name,
        ComputeQueue.id,
    )


def _rows(statement: Select[tuple[ComputeQueue]], viewer: Viewer, now: datetime) -> list[QueueRow]:
    found = db.session.scalars(_ordered(statement)).all()
    counts = dict(
        db.session.execute(
            select(Machine.queue_id, func.count())
            .where(
                Machine.queue_id.in_([queue.id for queue in found]), Machine.revoked_at.is_(None)
            )
            .group_by(Machine.queue_id)
        )
        .tuples()
        .all()
    )
    online = online_machines(now)
    return [
        QueueRow(queue, counts.get(queue.id, 0), online.get(queue.id, 0), role_of(queue, viewer))
        for queue in found
    ]


def role_of(queue: ComputeQueue, viewer: Viewer) -> str:
    """Return what a viewer is to a queue: ``owner``, a :class:`Role`, or nothing."""
    if viewer.user_id is not None and queue.owner_id == viewer.user_id:
        return "owner"
    return next((one.role for one in queue.members if one.user_id == viewer.user_id), "")

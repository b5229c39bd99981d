"""Where the runs of a benchmark go: its queue, and the queue of chosen participants."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import joinedload

from app import policy
from app.accounts.models import User
from app.competitions import queries
from app.competitions.models import Competition, Participant
from app.errors import Invalid, NotFound
from app.platform.db import db
from app.policy import Act, Viewer
from app.queues import queries as queues
from app.queues.models import ComputeQueue


def choices(actor: Viewer, competition: Competition) -> list[ComputeQueue]:
    """Return the queues an organizer may choose, and those the benchmark has anyhow."""
    found = queues.usable(actor)
    known = {queue.id for queue in found}
    mentioned = {competition.queue_id, *_routed(competition)} - known - {None}
    rest = db.session.scalars(select(ComputeQueue).where(ComputeQueue.id.in_(mentioned)))
    return [*found, *rest]


def choose_queue(actor: Viewer, competition: Competition, queue_id: int | None) -> None:
    """Send the runs of further submissions to another queue; runs made already stay where they are.

    Args:
        queue_id: None means the default queue.

    Raises:
        Forbidden: the actor does not organize the benchmark.
        Invalid: there is no such queue, or the actor may not use it.
    """
    policy.require(actor, Act.COMPETITION_EDIT, competition)
    if queue_id != competition.queue_id:
        competition.queue_id = _usable(actor, queue_id)


def route(
    actor: Viewer, competition: Competition, participant_id: int, queue_id: int | None
) -> Participant:
    """Send the runs of one participant to a queue of their own.

    Args:
        queue_id: None means the queue of the benchmark.

    Raises:
        Forbidden: the actor does not organize the benchmark.
        NotFound: it has no such participant.
        Invalid: there is no such queue, or the actor may not use it.
    """
    policy.require(actor, Act.COMPETITION_EDIT, competition)
    participant = db.session.scalar(
        select(Participant)
        .where(Participant.id == participant_id, Participant.competition_id == competition.id)
        .options(joinedload(Participant.user))
    )
    if participant is None:
        raise NotFound("There is no such registration.")
    if queue_id != participant.queue_id:
        participant.queue_id = _usable(actor, queue_id, own=True)
    return participant


def _usable(actor: Viewer, queue_id: int | None, *, own: bool = False) -> int | None:
    """Return what is stored for a queue; the default one is nobody's choice but the absence of one."""
    if queue_id is None:
        return None
    queue = next((one for one in queues.usable(actor) if one.id == queue_id), None)
    if queue is None:
        raise Invalid("There is no such queue, or it is not yours to use. Choose another one.")
    return None if queue.is_default and not own else queue.id


def _routed(competition: Competition) -> Sequence[int]:
    return db.session.scalars(
        select(Participant.queue_id)
        .where(Participant.competition_id == competition.id, Participant.queue_id.is_not(None))
        .distinct()
    ).all()  # type: ignore[return-value]  # the condition leaves no None


def detach_strangers(queue: ComputeQueue) -> int:
    """Take a queue from the benchmarks whose owner may not use it any more; return how many.

    Runs that wait already stay on it: they were accepted while it was allowed.
    """
    rows = db.session.execute(
        select(Competition, User)
        .join(User, Competition.owner_id == User.id)
        .where(or_(Competition.queue_id == queue.id, Competition.id.in_(_with_routes_to(queue))))
    ).all()
    detached = 0
    for competition, owner in rows:
        if policy.can(Viewer(owner.id, owner.username, owner.is_staff), Act.QUEUE_USE, queue):
            continue
        detached += 1
        if competition.queue_id == queue.id:
            competition.queue_id = None
        statement = select(Participant).where(
            Participant.competition_id == competition.id, Participant.queue_id == queue.id
        )
        for participant in db.session.scalars(statement):
            participant.queue_id = None
    return detached


def _with_routes_to(queue: ComputeQueue) -> Select[tuple[int]]:
    return select(Participant.competition_id).where(Participant.queue_id == queue.id)


def reasons_to_keep(queue: ComputeQueue) -> list[str]:
    """Say how many benchmarks and participants are on a queue; nothing when none is."""
    benchmarks = _count(select(func.count()).where(Competition.queue_id == queue.id))
    people = _count(select(func.count()).where(Participant.queue_id == queue.id))
    found = []
    if benchmarks:
        noun, verb = ("benchmark", "runs") if benchmarks == 1 else ("benchmarks", "run")
        found.append(f"{benchmarks} {noun} {verb} on it")
    if people:
        noun, verb = ("participant", "is") if people == 1 else ("participants", "are")
        found.append(f"{people} {noun} {verb} sent to it")
    return found


def _count(statement: Select[tuple[int]]) -> int:
    return db.session.scalar(statement) or 0


def benchmarks_on(queue_id: int, viewer: Viewer) -> list[queues.Using]:
    """Return the benchmarks on a queue that a viewer may see, by title."""
    statement = queries.visible_to(viewer)
    default = queues.default_queue()
    on_it = Competition.queue_id == queue_id
    if default is not None and default.id == queue_id:
        on_it = or_(on_it, Competition.queue_id.is_(None))
    found = db.session.scalars(statement.where(on_it).order_by(Competition.title).limit(200))
    return [queues.Using(one.id, one.title) for one in found]

"""In which order the waiting runs of a queue go to its machines."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, Subquery, and_, case, func, select

from app.competitions.models import Competition, Phase
from app.platform.db import db
from app.queues.models import ComputeQueue
from app.submissions.models import Run, State, Submission

IN_FLIGHT = (State.SENT, State.RUNNING)

REHEARSAL = 1
"""Priority of sample solutions, and of what an organizer submits to an unpublished benchmark."""


def priority_of(competition: Competition, owner_id: int) -> int:
    """Return the priority of somebody's runs: 0, or that of a rehearsal."""
    is_rehearsal = not competition.is_published and competition.owner_id == owner_id
    return REHEARSAL if is_rehearsal else 0


def next_runs(queue: ComputeQueue, room: int) -> Sequence[int]:
    """Return the runs that a queue's machines should get now, at most ``room``."""
    if room <= 0:
        return []
    return db.session.scalars(in_order(queue, of_each=room).limit(room)).all()


def in_order(queue: ComputeQueue, of_each: int | None = None) -> Select[tuple[int]]:
    """Select the waiting runs of a queue in fair order.

    Args:
        of_each: look at so many of each person only, which spares sorting long piles.

    Think of rounds. In each of them a person gets at most one run, and so does a benchmark; what
    they have under way counts as rounds they had already. A pile of 500 submissions, from one
    person or to one benchmark, thus delays anybody else's first by at most one place. Before all
    rounds goes one rehearsal of each organizer who has nothing else under way. Whoever has as many
    runs under way as the queue allows one person waits.
    """
    waiting = _waiting(queue.id)
    busy = _busy(queue.id, Submission.owner_id)
    own_turn = waiting.c.place + func.coalesce(busy.c.runs, 0)
    turns = select(waiting, own_turn.label("own_turn")).outerjoin(
        busy, busy.c.whose == waiting.c.owner_id
    )
    if of_each is not None:
        turns = turns.where(waiting.c.place <= of_each)
    if queue.max_running_per_person is not None:
        turns = turns.where(own_turn <= queue.max_running_per_person)
    one = turns.subquery()
    under_way = _busy(queue.id, Phase.competition_id)
    place = func.row_number().over(
        partition_by=one.c.competition_id, order_by=(one.c.own_turn, one.c.queued_at, one.c.id)
    )
    both = (
        select(one, (place + func.coalesce(under_way.c.runs, 0)).label("competition_turn"))
        .outerjoin(under_way, under_way.c.whose == one.c.competition_id)
        .subquery()
    )
    own, competition = both.c.own_turn, both.c.competition_turn
    goes_first = case((and_(both.c.priority > 0, own == 1), 0), else_=1)
    turn = case((own > competition, own), else_=competition)
    return select(both.c.id).order_by(goes_first, turn, both.c.queued_at, both.c.id)


def _waiting(queue_id: int) -> Subquery:
    """Number every waiting run within its owner."""
    place = func.row_number().over(
        partition_by=Submission.owner_id, order_by=(Run.priority.desc(), Run.queued_at, Run.id)
    )
    return (
        select(
            Run.id, Run.queued_at, Run.priority, Submission.owner_id, Phase.competition_id,
            place.label("place"),
        )
        .join(Submission, Run.submission_id == Submission.id)
        .join(Phase, Submission.phase_id == Phase.id)
        .where(Run.queue_id == queue_id, Run.state == State.QUEUED)
        .subquery()
    )  # fmt: skip


def _busy(queue_id: int, whose: object) -> Subquery:
    """Count what is under way, by owner or by benchmark."""
    return (
        select(whose.label("whose"), func.count().label("runs"))  # type: ignore[attr-defined]
        .select_from(Run)
        .join(Submission, Run.submission_id == Submission.id)
        .join(Phase, Submission.phase_id == Phase.id)
        .where(Run.queue_id == queue_id, Run.state.in_(IN_FLIGHT))
        .group_by(whose)  # type: ignore[arg-type]
        .subquery()
    )

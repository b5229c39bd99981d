"""Runs that wait on a queue their benchmark does not use any more, and the way to the one it uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import aliased

from app import policy
from app.competitions.models import Competition, Participant, Phase
from app.platform.db import after_commit, db
from app.policy import Act, Viewer
from app.queues import queries as queues
from app.queues import services as queue_services
from app.queues.models import ComputeQueue
from app.submissions import dispatch, intake, locking, outcome
from app.submissions.models import Run, State, Submission

MOVED = "Its run was moved to another queue."
"""Why an attempt ends that no machine had claimed."""

_AT_REST = (State.HELD, State.QUEUED)


@dataclass(frozen=True)
class Misplaced:
    """Waiting runs that lie on one queue and belong on another."""

    lies_on: str
    belongs_on: str
    """Names of queues."""
    runs: int


def misplaced(competition: Competition) -> list[Misplaced]:
    """Return how many runs of a benchmark wait elsewhere than its new ones would, by queue.

    Held ones count: they would wait there once they are started.
    """
    usual = competition.queue_id or getattr(queues.default_queue(), "id", None)
    if usual is None:
        return []
    found = _found(competition, usual).subquery()
    here, there = aliased(ComputeQueue), aliased(ComputeQueue)
    rows = db.session.execute(
        select(here.name, there.name, func.count())
        .select_from(found)
        .join(here, here.id == found.c.queue_id)
        .join(there, there.id == found.c.target)
        .group_by(here.id, here.name, there.id, there.name)
        .order_by(here.name, here.id, there.name, there.id)
    )
    return [Misplaced(*row) for row in rows]


def move(actor: Viewer, competition: Competition, *, now: datetime) -> int:
    """Send what waits elsewhere to the queue that further submissions run on.

    A run keeps its place in time. One that was sent and that no machine claimed is taken back; one
    that a machine has stays there.

    Returns:
        How many runs were moved.

    Raises:
        Forbidden: the actor does not organize the benchmark.
    """
    policy.require(actor, Act.SUBMISSION_MOVE, competition)
    usual = competition.queue_id or queue_services.ensure_default_queue(now=now).id
    locking.hold_all(_found(competition, usual).with_only_columns(Run.submission_id).order_by(None))
    found = db.session.execute(_found(competition, usual)).all()
    by_target: dict[int, list[int]] = {}
    for row in found:
        if row.state in _AT_REST:
            by_target.setdefault(row.target, []).append(row.id)
    moved = sum(_move_waiting(ids, target) for target, ids in by_target.items())
    for row in found:
        if row.state == State.SENT:
            moved += _take_back(locking.hold_run(row.id), row.target, now)
    after_commit(dispatch.ring)
    return moved


def _found(competition: Competition, usual: int) -> Select[tuple[int, str, int, int]]:
    target: ColumnElement[int] = func.coalesce(_route(competition), usual)
    return (
        select(Run.id, Run.state, Run.queue_id, target.label("target"))
        .join(Submission, Submission.id == Run.submission_id)
        .join(Phase, Phase.id == Submission.phase_id)
        .where(
            Phase.competition_id == competition.id,
            Run.state.in_([*_AT_REST, State.SENT]),
            Run.queue_id != target,
        )
        .order_by(Run.id)
    )


def _route(competition: Competition) -> ColumnElement[int | None]:
    """Return the queue that an owner was sent to, as :func:`intake.queue_ids` finds it."""
    return (
        select(Participant.queue_id)
        .join(ComputeQueue, ComputeQueue.id == Participant.queue_id)
        .where(
            Participant.competition_id == competition.id,
            Participant.user_id == Submission.owner_id,
            ComputeQueue.retired_at.is_(None),
        )
        .correlate(Submission)
        .scalar_subquery()
    )


def _move_waiting(run_ids: list[int], target: int) -> int:
    count = 0
    for some in intake.portions(run_ids):
        changed = db.session.execute(
            update(Run)
            .where(Run.id.in_(some), Run.state.in_(_AT_REST))
            .values(queue_id=target)
            .execution_options(synchronize_session=False)
        )
        count += changed.rowcount  # type: ignore[attr-defined]  # of an update there is one
    return count


def _take_back(run: Run, target: int, now: datetime) -> bool:
    """Queue a run elsewhere, unless a machine has just claimed it."""
    if run.state != State.SENT:
        return False
    outcome.hand_back(run, run.attempt, MOVED, now=now, ring=False)
    run.queue_id = target
    return True

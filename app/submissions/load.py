"""What queues and machines have to do at the moment."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from app import policy
from app.competitions.models import Phase
from app.platform.db import db
from app.policy import Act, Viewer
from app.queues.models import ComputeQueue
from app.queues.queries import Trouble, Work
from app.submissions.models import TERMINAL, Attempt, Run, State, Submission

_TROUBLES = 5


def work_on(machine_ids: Collection[int], viewer: Viewer) -> dict[int, list[Work]]:
    """Return the runs that machines have under way, by machine id.

    That a machine works is no secret of whoever sees the machine; whose submission it is, is.
    """
    rows = db.session.execute(
        select(Attempt.machine_id, Run, Submission)
        .join(Run, (Attempt.run_id == Run.id) & (Attempt.number == Run.attempt))
        .join(Submission, Run.submission_id == Submission.id)
        .where(Attempt.machine_id.in_(machine_ids), Run.state == State.RUNNING)
        .order_by(Run.id)
        .options(joinedload(Submission.phase).joinedload(Phase.competition))
    )
    found: dict[int, list[Work]] = {}
    for machine_id, run, submission in rows:
        may = policy.can(viewer, Act.SUBMISSION_VIEW, submission)
        work = Work(run.id, submission.id if may else None)
        found.setdefault(machine_id or 0, []).append(work)
    return found


def waiting_on(queue_id: int) -> int:
    """Return how many runs wait on a queue for a machine, those on their way to one included."""
    states = (State.QUEUED, State.SENT)
    statement = select(func.count()).where(Run.queue_id == queue_id, Run.state.in_(states))
    return db.session.scalar(statement) or 0


def troubles_of(machine_ids: Collection[int], since: datetime) -> dict[int, list[Trouble]]:
    """Return the last attempts of each machine that failed for a reason of its own."""
    rows = db.session.execute(
        select(Attempt.machine_id, Attempt.ended_at, Attempt.outcome)
        .where(Attempt.machine_id.in_(machine_ids), Attempt.is_failure, Attempt.ended_at >= since)
        .order_by(Attempt.ended_at.desc())
        .limit(_TROUBLES * max(1, len(machine_ids)))
    )
    found: dict[int, list[Trouble]] = {}
    for machine_id, ended_at, outcome in rows:
        told = found.setdefault(machine_id, [])
        if len(told) < _TROUBLES:
            told.append(Trouble(ended_at, outcome))
    return found


def reasons_to_keep(queue: ComputeQueue) -> list[str]:
    """Say how many runs are not over on a queue; nothing when all are."""
    statement = select(func.count()).where(Run.queue_id == queue.id, Run.state.not_in(TERMINAL))
    count = db.session.scalar(statement) or 0
    if not count:
        return []
    return [f"{count} run is not over" if count == 1 else f"{count} runs are not over"]

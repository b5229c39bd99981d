"""Which submissions ran on a revision of a task that is not current any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import joinedload

from app import policy
from app.competitions.models import Competition, Phase, PhaseTask
from app.platform import paging
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.models import Task, TaskRevision
from app.submissions import reruns
from app.submissions.models import TERMINAL, Run, State, Submission
from worker.contract import Blame

PAGE_SIZE = 50


@dataclass(frozen=True)
class Outdated:
    """A submission, and what it ran on."""

    submission: Submission
    """With owner, phase and file."""
    scored_on: Sequence[tuple[str, int, int]]
    """Name of a task, the revision it ran on, and the current one."""


def run_tasks() -> Select[tuple[int]]:
    """Return a query for the ids of the tasks on which something was run."""
    return select(Run.task_id)


def listing(actor: Viewer, competition: Competition, page: int) -> paging.Page[Outdated]:
    """Return the submissions of a benchmark that ran on an old revision, oldest first.

    Those are finished, or failed by no fault of their participants: the current revision may have
    mended it. Of each the newest re-run counts, and one whose re-run is on its way is not among
    them: :func:`under_way` counts those.

    Raises:
        Forbidden: the actor does not organize the benchmark.
    """
    policy.require(actor, Act.SUBMISSION_RUN, competition)
    ids = _ids(competition.id)
    total = db.session.scalar(select(func.count()).select_from(ids.subquery())) or 0
    found = db.session.scalars(
        select(Submission)
        .where(Submission.id.in_(ids))
        .options(
            joinedload(Submission.owner), joinedload(Submission.phase), joinedload(Submission.file)
        )
        .order_by(Submission.id)
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    ).all()
    scored_on = earlier([one.id for one in found])
    rows = [Outdated(one, scored_on.get(one.id, [])) for one in found]
    return paging.Page(rows, page, PAGE_SIZE, total)


def count(competition: Competition) -> int:
    """Return how many submissions of a benchmark :func:`listing` lists."""
    ids = _ids(competition.id)
    return db.session.scalar(select(func.count()).select_from(ids.subquery())) or 0


def under_way(competition: Competition) -> int:
    """Return how many re-runs of a benchmark are not over yet, without trials."""
    statement = (
        select(func.count(Submission.id))
        .join(Phase, Phase.id == Submission.phase_id)
        .where(
            Phase.competition_id == competition.id,
            Submission.rerun_of_id.is_not(None),
            Submission.is_trial.is_(False),
            Submission.state.not_in(TERMINAL),
        )
    )
    return db.session.scalar(statement) or 0


def rerun(
    actor: Viewer, competition: Competition, ids: Sequence[int] | None, key: str, *, now: datetime
) -> int:
    """Run chosen submissions, or all that :func:`listing` lists, on the current revisions.

    Args:
        ids: None means all.
        key: names this act, so that a second click does nothing.

    Returns:
        How many re-runs there are by this act.
    """
    policy.require(actor, Act.SUBMISSION_RUN, competition)
    if ids is None:
        ids = list(db.session.scalars(_ids(competition.id)))
    return reruns.rerun(actor, competition, ids, key, now=now)


def _ids(competition_id: int) -> Select[tuple[int]]:
    newest = (
        select(func.max(Submission.id))
        .join(Phase, Phase.id == Submission.phase_id)
        .where(
            Phase.competition_id == competition_id,
            Submission.is_trial.is_(False),
            Submission.is_rehearsal.is_(False),
        )
        .group_by(reruns.FAMILY)
    )
    current = (
        select(TaskRevision.task_id, func.max(TaskRevision.number).label("number"))
        .join(PhaseTask, PhaseTask.task_id == TaskRevision.task_id)
        .join(Phase, Phase.id == PhaseTask.phase_id)
        .where(Phase.competition_id == competition_id)
        .group_by(TaskRevision.task_id)
        .subquery()
    )
    return (
        select(Submission.id)
        .join(Run, Run.submission_id == Submission.id)
        .join(TaskRevision, TaskRevision.id == Run.task_revision_id)
        .join(current, current.c.task_id == Run.task_id)
        .join(
            PhaseTask,
            (PhaseTask.phase_id == Submission.phase_id) & (PhaseTask.task_id == Run.task_id),
        )
        .where(
            Submission.id.in_(newest),
            or_(
                Submission.state == State.FINISHED,
                (Submission.state == State.FAILED) & (Submission.blame != Blame.PARTICIPANT),
            ),
            TaskRevision.number < current.c.number,
        )
        .distinct()
    )


def earlier(submission_ids: Sequence[int]) -> dict[int, list[tuple[str, int, int]]]:
    """Return what submissions ran on that is not current any more, as :class:`Outdated` says it.

    By the ids of submissions, without those that ran on current revisions alone; one statement.
    """
    newer = (
        select(func.max(TaskRevision.number))
        .where(TaskRevision.task_id == Run.task_id)
        .correlate(Run)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(Run.submission_id, Task.name, TaskRevision.number, newer)
        .join(TaskRevision, TaskRevision.id == Run.task_revision_id)
        .join(Task, Task.id == Run.task_id)
        .where(Run.submission_id.in_(submission_ids), TaskRevision.number < newer)
        .order_by(Run.submission_id, Run.order)
    )
    found: dict[int, list[tuple[str, int, int]]] = {}
    for submission_id, name, number, current in rows:
        found.setdefault(submission_id, []).append((name, number, current))
    return found

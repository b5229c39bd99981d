"""Submissions that wait for the organizer, in benchmarks where each run is started by hand."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload

from app import policy
from app.competitions.models import Competition, Phase
from app.platform.db import after_commit, db
from app.platform.paging import Page
from app.policy import Act, Viewer
from app.submissions import dispatch, intake
from app.submissions.models import Run, State, Submission

PAGE_SIZE = 50


def listing(actor: Viewer, competition: Competition, page: int) -> Page[Submission]:
    """Return what waits to be started, with owner, file and phase, the longest waiting first.

    Raises:
        Forbidden: the actor does not organize the benchmark.
    """
    policy.require(actor, Act.SUBMISSION_RUN, competition)
    statement = (
        select(Submission)
        .join(Phase, Phase.id == Submission.phase_id)
        .where(Phase.competition_id == competition.id, Submission.state == State.HELD)
    )
    total = db.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    rows = db.session.scalars(
        statement.options(
            joinedload(Submission.owner), joinedload(Submission.file), joinedload(Submission.phase)
        )
        .order_by(Submission.created_at, Submission.id)
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    ).all()
    return Page(rows, page, PAGE_SIZE, total)


def count(competition_id: int) -> int:
    """Return how many submissions to a benchmark wait for its organizer."""
    statement = select(func.count(Submission.id)).join(Phase, Phase.id == Submission.phase_id)
    found = db.session.scalar(
        statement.where(Phase.competition_id == competition_id, Submission.state == State.HELD)
    )
    return found or 0


def start(
    actor: Viewer, competition: Competition, ids: Collection[int] | None, *, now: datetime
) -> int:
    """Queue the runs of submissions that wait; those that were started meanwhile stay as they are.

    Args:
        ids: which of them; None means all.

    Returns:
        How many were started.

    Raises:
        Forbidden: the actor does not organize the benchmark.
    """
    policy.require(actor, Act.SUBMISSION_RUN, competition)
    statement = (
        select(Submission.id)
        .join(Phase, Phase.id == Submission.phase_id)
        .where(Phase.competition_id == competition.id, Submission.state == State.HELD)
    )
    if ids is not None:
        statement = statement.where(Submission.id.in_(ids))
    started = 0
    for some in intake.portions(db.session.scalars(statement)):
        # Asked again in the statement that changes them: two clicks at once start each one once.
        moved = db.session.scalars(
            update(Submission)
            .where(Submission.id.in_(some), Submission.state == State.HELD)
            .values(state=State.QUEUED)
            .returning(Submission.id)
        ).all()
        db.session.execute(
            update(Run)
            .where(Run.submission_id.in_(moved), Run.state == State.HELD)
            .values(state=State.QUEUED, queued_at=now)
        )
        started += len(moved)
    after_commit(dispatch.ring)
    return started

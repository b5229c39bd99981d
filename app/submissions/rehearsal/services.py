"""Rehearsing: every sample solution is submitted, beside what participants submit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app import policy
from app.competitions.models import Competition, Phase
from app.errors import Conflict, Refused
from app.platform.db import after_commit, db
from app.policy import Act, Viewer
from app.submissions import dispatch, intake, runs, scheduling
from app.submissions.models import State, Submission
from app.submissions.rehearsal import queries
from app.submissions.rehearsal.queries import Pair


def rehearse(actor: Viewer, competition: Competition, *, now: datetime) -> int:
    """Score every sample solution on every task it belongs to; nobody's board or limit changes.

    Returns:
        How many runs are queued.

    Raises:
        Forbidden: the actor does not organize the benchmark.
        Conflict: its last rehearsal is not over.
        Refused: there is nothing to rehearse.
    """
    policy.require(actor, Act.SUBMISSION_RUN, competition)
    _lock(competition.id)
    if queries.is_under_way(competition.id):
        raise Conflict("A rehearsal of this benchmark is under way. Wait until it is over.")
    pairs = queries.pairs(competition.id)
    if not pairs:
        raise Refused("This benchmark has no sample solution for a task of its phases.")
    _submit(competition, pairs, now)
    after_commit(dispatch.ring)
    return len(pairs)


def _lock(competition_id: int) -> None:
    """Let a second click wait for the first, and then see what that one made."""
    statement = select(Phase.id).where(Phase.competition_id == competition_id).order_by(Phase.id)
    db.session.execute(statement.with_for_update(key_share=True))


def _submit(competition: Competition, pairs: list[Pair], now: datetime) -> None:
    owner_id = competition.owner_id
    queue_id = intake.queue_ids(competition, [owner_id], now=now)[owner_id]
    current = runs.current_revisions(sorted({pair.task.id for pair in pairs}))
    by_submission: dict[tuple[int, int], list[Pair]] = {}
    for pair in pairs:
        by_submission.setdefault((pair.solution.id, pair.phase_id), []).append(pair)
    for (solution_id, phase_id), some in by_submission.items():
        submission = Submission(
            id=runs.draw_number(), phase_id=phase_id, owner_id=owner_id,
            file_id=some[0].solution.file_id, state=State.QUEUED, fact_sheet_answers={},
            is_trial=True, is_rehearsal=True, solution_id=solution_id, created_at=now,
        )  # fmt: skip
        db.session.add(submission)
        for order, pair in enumerate(some):
            runs.plan(
                submission, current[pair.task.id], queue_id, order=order,
                image=competition.docker_image, now=now, priority=scheduling.REHEARSAL,
            )  # fmt: skip

"""One after the other: whoever changes a run holds the lock of its submission first.

A submission's state follows from all of its runs, so two of them that end at the same moment must
not look past each other; and who decides what becomes of a run must not decide on what it was. Locks
are always taken in this order: submissions by their ids, then anything else. SQLite, where only one
can write at a time, needs none and ignores them.
"""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from app.platform.db import db
from app.submissions.models import Run, Submission


def hold(submission_id: int) -> Submission:
    """Lock a submission; return it as it is now, with its runs."""
    db.session.execute(_locked(select(Submission.id).where(Submission.id == submission_id)))
    return db.session.scalars(
        select(Submission)
        .where(Submission.id == submission_id)
        .options(joinedload(Submission.runs))
        .execution_options(populate_existing=True)
    ).unique().one()  # fmt: skip


def hold_all(submission_ids: Select[tuple[int]]) -> None:
    """Lock all submissions whose ids a statement selects; what was loaded of them may be old."""
    statement = select(Submission.id).where(Submission.id.in_(submission_ids))
    db.session.execute(_locked(statement.order_by(Submission.id)))


def hold_run(run_id: int) -> Run:
    """Lock the submission of a run; return the run as it is now."""
    db.session.execute(_locked(_submission_of(run_id)))
    return _now(run_id)


def try_run(run_id: int) -> Run | None:
    """Do the same, but wait for nobody: None when somebody else is changing this submission."""
    if db.session.scalar(_locked(_submission_of(run_id), skips=True)) is None:
        return None
    return _now(run_id)


def _submission_of(run_id: int) -> Select[tuple[int]]:
    return (
        select(Submission.id).join(Run, Run.submission_id == Submission.id).where(Run.id == run_id)
    )


def _locked(statement: Select[tuple[int]], *, skips: bool = False) -> Select[tuple[int]]:
    return statement.with_for_update(of=Submission, key_share=True, skip_locked=skips)


def _now(run_id: int) -> Run:
    return db.session.get_one(Run, run_id, populate_existing=True)

"""How runs end, and what that makes of their submission. Every move goes through MOVES.

Whoever calls any of this holds the submission, see locking.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import joinedload

from app.platform.configured import settings
from app.platform.db import after_commit, db
from app.platform.logging import event
from app.submissions import quota
from app.submissions.models import MOVES, TERMINAL, Attempt, Run, RunOutput, State, Submission
from worker.contract import Blame, Step

log = logging.getLogger(__name__)

on_ended: list[Callable[..., Any]] = []
"""Called as ``fn(submission, now=...)`` once a submission finished, failed or was cancelled; in the
same transaction, so what one raises undoes the end, and the worker says it again."""

on_waiting: list[Callable[[], Any]] = []
"""Called after the commit, when a run waits again or a machine became free."""

SILENT = "The machine stopped answering."
"""Why an attempt ends whose lease nobody renewed."""

_BEFORE_PROGRAMS = ("", Step.FETCH, Step.UNPACK)
_MOST_CLAIMS = 10
"""However a run's attempts end on machines, from this many on they count."""

_ADVANCE = {State.HELD: 0, State.QUEUED: 1, State.SENT: 2, State.RUNNING: 3}


def move(run: Run, to: State) -> bool:
    """Move a run if the table allows it; late and repeated news change nothing."""
    if to not in MOVES[State(run.state)]:
        return False
    run.state = to
    return True


def current_attempt(run: Run) -> Attempt | None:
    """Return the attempt of a run that counts."""
    return db.session.scalars(
        select(Attempt).where(Attempt.run_id == run.id, Attempt.number == run.attempt)
    ).first()


def end(
    run: Run, to: State, *, now: datetime, reason: str = "", blame: str = "", lost_by: str = ""
) -> None:
    """End a run for good, close its attempt, and settle its submission.

    Args:
        reason: what its participant reads.
        lost_by: how its last machine failed, for who runs that; empty where none did.
    """
    if not move(run, to):
        return
    run.reason, run.blame, run.ended_at = reason, blame, now
    _close(run, lost_by or reason or to.value, now, failure=bool(lost_by))
    event(log, "run.ended", run_id=run.id, state=to.value, blame=blame, attempt=run.attempt)
    _ring()
    settle(run.submission_id, now=now)


def hand_back(
    run: Run, attempt_number: int, why: str, *, now: datetime, ring: bool = True
) -> None:  # fmt: skip
    """Queue a run again without counting the attempt: it was nobody's failure.

    Args:
        ring: send it at once; otherwise the next round of the dispatcher does.
    """
    if run.attempt == attempt_number and move(run, State.QUEUED):
        _close(run, why, now, failure=False)
        if ring:
            _ring()
        refresh_state(run.submission_id)


def give_up(run: Run, why: str, *, now: datetime) -> None:
    """Take a run from a machine that gives it up unharmed: nobody's failure, unless all of them do."""
    if _claims(run) >= _MOST_CLAIMS:
        lose(run, why, now=now)
    else:
        hand_back(run, run.attempt, why, now=now)


def lose_silent(run: Run, *, now: datetime) -> None:
    """Take a run from a machine that stopped answering.

    A machine prepares the next run while one is at work. When it dies it takes both with it, and
    the one whose programs had not begun cannot have been the cause.
    """
    counts = run.step not in _BEFORE_PROGRAMS or _claims(run) >= _MOST_CLAIMS
    lose(run, SILENT, now=now, counts=counts)


def _claims(run: Run) -> int:
    """Count the attempts that reached a machine."""
    claimed = select(func.count(Attempt.started_at)).where(Attempt.run_id == run.id)
    return db.session.scalar(claimed) or 0


def lose(run: Run, why: str, *, now: datetime, counts: bool = True) -> None:
    """Give a run a new attempt after a failure of ours, or end it when it had enough.

    Args:
        counts: whether this attempt is one of those that a run may lose.
    """
    attempts = db.session.scalars(
        select(Attempt).where(Attempt.run_id == run.id, Attempt.is_failure)
    ).all()
    if counts and len(attempts) + 1 >= settings().max_attempts:
        reason = (
            f"The platform failed, not your submission: {why} It was tried {len(attempts) + 1} "
            "times and does not count against your limits. Submit it again, or ask the organizer."
        )
        end(run, State.FAILED, now=now, reason=reason, blame=Blame.PLATFORM, lost_by=why)
        return
    if move(run, State.QUEUED):
        _close(run, why, now, failure=counts)
        run.notes = [*run.notes, f"Attempt {run.attempt} was lost: {why}"]
        event(log, "run.lost", run_id=run.id, attempt=run.attempt, level=logging.WARNING)
        _ring()
        refresh_state(run.submission_id)


def _close(run: Run, why: str, now: datetime, *, failure: bool) -> None:
    if run.state == State.QUEUED:
        run.step, run.sent_at, run.started_at, run.failed_steps = "", None, None, []
        run.step_seconds, run.container_s, run.engine, run.image_digest = {}, 0.0, "", ""
        db.session.execute(delete(RunOutput).where(RunOutput.run_id == run.id))
    attempt = current_attempt(run)
    if attempt is not None and attempt.ended_at is None:
        attempt.ended_at, attempt.outcome, attempt.is_failure = now, why, failure


def _ring() -> None:
    for bell in on_waiting:
        after_commit(bell)


def refresh_state(submission_id: int) -> Submission:
    """Let a submission run while one of its runs does, else show the least advanced of them."""
    db.session.flush()  # the query below must see the runs' moves
    submission = db.session.scalars(
        select(Submission)
        .where(Submission.id == submission_id)
        .options(joinedload(Submission.runs), joinedload(Submission.phase))
        .execution_options(populate_existing=True)
    ).unique().one()  # fmt: skip
    live = [State(run.state) for run in submission.runs if run.state not in TERMINAL]
    if live:
        is_running = State.RUNNING in live
        submission.state = State.RUNNING if is_running else min(live, key=_ADVANCE.__getitem__)
    return submission


def settle(submission_id: int, *, now: datetime) -> None:
    """End a submission once all its runs ended: state, reason, the try, and who is told."""
    submission = refresh_state(submission_id)
    if not submission.runs or any(run.state not in TERMINAL for run in submission.runs):
        return
    if submission.state in TERMINAL:
        return
    states = {State(run.state) for run in submission.runs}
    for state in (State.FAILED, State.CANCELLED, State.FINISHED):
        if state in states:
            submission.state = state
            break
    submission.ended_at = now
    submission.reason, submission.blame = _reason(submission)
    if not _uses_a_try(submission):
        quota.give_back(submission)
    for tell in on_ended:
        tell(submission, now=now)


def _reason(submission: Submission) -> tuple[str, str]:
    """Return the sentence of the first run that ended as its submission did, and whose it is."""
    if submission.state == State.FINISHED:
        return "", ""
    ended = [run for run in submission.runs if run.state == submission.state]
    finished = sum(run.state == State.FINISHED for run in submission.runs)
    reason = ended[0].reason
    if finished:
        total = len(submission.runs)
        reason += f" {finished} of {total} tasks finished and keep their scores."
    return reason, ended[0].blame


def _uses_a_try(submission: Submission) -> bool:
    if submission.state == State.FINISHED:
        return True
    if submission.state == State.CANCELLED:
        return any(run.step in (Step.SCORE, Step.UPLOAD) for run in submission.runs)
    blames = {run.blame for run in submission.runs}
    if Blame.PARTICIPANT not in blames or Blame.PLATFORM in blames:
        return False
    # Scores of the other tasks are an answer of the hidden data, too.
    is_scored = any(run.state == State.FINISHED for run in submission.runs)
    return is_scored or submission.phase.count_failed_submissions

"""How an attempt came to its end: with its run, lost by its machine, or handed back."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ColumnElement, case

from app.submissions import outcome
from app.submissions.models import Attempt, Run


class End(StrEnum):
    """What became of an attempt; the values stand in documents."""

    UNDER_WAY = ""
    RUN_ENDED = "ended"  # with the run itself: scores, a failure of the submission's, a cancel
    LOST = "lost"  # for a reason of the machine's or the platform's
    HANDED_BACK = "handed_back"  # given up unharmed and run elsewhere: nobody's failure


def of(run: Run, attempt: Attempt) -> End:
    """Return how an attempt of a run ended."""
    if attempt.ended_at is None:
        return End.UNDER_WAY
    if attempt.is_failure or attempt.outcome.startswith(outcome.SILENT):
        return End.LOST
    # Both are closed by one act; a run that is cancelled while it waits again ends later.
    if attempt.number == run.attempt and attempt.ended_at == run.ended_at:
        return End.RUN_ENDED
    return End.HANDED_BACK


def in_sql() -> ColumnElement[str]:
    """Return the same for a statement that joins runs to attempts that ended."""
    return case(
        (Attempt.is_failure | Attempt.outcome.startswith(outcome.SILENT), End.LOST.value),
        (
            (Attempt.number == Run.attempt) & (Attempt.ended_at == Run.ended_at),
            End.RUN_ENDED.value,
        ),
        else_=End.HANDED_BACK.value,
    )

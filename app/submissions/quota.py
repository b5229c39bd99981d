"""Tries: taking one, and giving it back when the failure was not the participant's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.competitions.models import Phase
from app.errors import Refused
from app.platform.db import db, is_postgresql
from app.submissions.models import ALL_DAYS, Submission, SubmissionCount


@dataclass(frozen=True)
class Allowance:
    """What an entrant has used of a phase; a limit of 0 means unlimited."""

    used_today: int
    used: int
    limit_today: int
    limit: int

    @property
    def left_today(self) -> int | None:
        """Tries left today; None means unlimited."""
        return max(0, self.limit_today - self.used_today) if self.limit_today else None

    @property
    def left(self) -> int | None:
        """Tries left in the phase; None means unlimited."""
        return max(0, self.limit - self.used) if self.limit else None

    @property
    def is_used_up(self) -> bool:
        """Whether the next submission would be refused."""
        return self.left_today == 0 or self.left == 0


def allowance(phase: Phase, owner_id: int, now: datetime) -> Allowance:
    """Return what an entrant has used of a phase so far, by the UTC day of ``now``."""
    today = now.astimezone(UTC).date()
    rows = db.session.execute(
        select(SubmissionCount.day, SubmissionCount.used).where(
            SubmissionCount.phase_id == phase.id,
            SubmissionCount.owner_id == owner_id,
            SubmissionCount.day.in_([today, ALL_DAYS]),
        )
    )
    used = dict(rows.tuples().all())
    return Allowance(
        used_today=used.get(today, 0),
        used=used.get(ALL_DAYS, 0),
        limit_today=phase.max_submissions_per_day,
        limit=phase.max_submissions_per_person,
    )


def take(phase: Phase, owner_id: int, now: datetime) -> date:
    """Use one try; return the day it counts on.

    Raises:
        Refused: the limit of the day or of the phase is used up; says which.
    """
    today = now.astimezone(UTC).date()
    if not _add(phase.id, owner_id, today, phase.max_submissions_per_day):
        raise Refused(
            f"You have used all {phase.max_submissions_per_day} submissions of today. "
            "The next day begins at 00:00 UTC."
        )
    if not _add(phase.id, owner_id, ALL_DAYS, phase.max_submissions_per_person):
        raise Refused(
            f"You have used all {phase.max_submissions_per_person} submissions of this phase."
        )
    return today


def _add(phase_id: int, owner_id: int, day: date, limit: int) -> bool:
    """Count one more unless the limit is reached; one statement, so it cannot race."""
    insert = postgresql.insert if is_postgresql() else sqlite.insert
    row = {"phase_id": phase_id, "owner_id": owner_id, "day": day, "used": 0}
    db.session.execute(insert(SubmissionCount).values(row).on_conflict_do_nothing())
    changed = update(SubmissionCount).where(
        SubmissionCount.phase_id == phase_id,
        SubmissionCount.owner_id == owner_id,
        SubmissionCount.day == day,
    )
    if limit:
        changed = changed.where(SubmissionCount.used < limit)
    statement = changed.values(used=SubmissionCount.used + 1).returning(SubmissionCount.used)
    return db.session.execute(statement).first() is not None


def give_back(submission: Submission) -> None:
    """Return the try that a submission used; a second call changes nothing."""
    if submission.counted_on is None:
        return
    db.session.execute(
        update(SubmissionCount)
        .where(
            SubmissionCount.phase_id == submission.phase_id,
            SubmissionCount.owner_id == submission.owner_id,
            SubmissionCount.day.in_([submission.counted_on, ALL_DAYS]),
            SubmissionCount.used > 0,
        )
        .values(used=SubmissionCount.used - 1)
    )
    submission.counted_on = None

"""What a phase requires of whoever submits to it: something in an earlier phase."""

from __future__ import annotations

from sqlalchemy import select

from app import policy
from app.competitions.models import Phase
from app.errors import Invalid, Refused
from app.platform.db import db
from app.policy import Act, Viewer
from app.submissions.models import State, Submission


def lack(phase: Phase, owner_id: int) -> str:
    """Return what somebody lacks to submit to a phase, as a sentence; empty when nothing.

    Args:
        phase: with its competition and that one's phases.
    """
    if phase.required_phase_id is None:
        return ""
    statement = select(Submission.id).where(
        Submission.phase_id == phase.required_phase_id,
        Submission.owner_id == owner_id,
        Submission.state == State.FINISHED,
        Submission.is_trial.is_(False),
    )
    if phase.requires_entry:
        statement = statement.where(Submission.on_board)
    if db.session.scalars(statement.limit(1)).first() is not None:
        return ""
    names = {one.id: one.name for one in phase.competition.phases}
    earlier = names.get(phase.required_phase_id, "")
    if phase.requires_entry:
        return (
            f"The phase {phase.name!r} takes submissions from those who stand on the leaderboard "
            f"of {earlier!r}. You do not stand there."
        )
    return (
        f"The phase {phase.name!r} takes submissions from those who have a finished submission "
        f"in {earlier!r}. You have none there."
    )


def require(phase: Phase, owner_id: int) -> None:
    """Raise unless somebody has what a phase requires.

    Raises:
        Refused: says what is missing, and where.
    """
    if sentence := lack(phase, owner_id):
        raise Refused(sentence)


def choices(phase: Phase) -> list[Phase]:
    """Return the phases that a phase may require: the earlier ones of its benchmark."""
    return [one for one in phase.competition.phases if one.index < phase.index]


def set_for(
    actor: Viewer, phase: Phase, required_phase_id: int | None, *, requires_entry: bool
) -> None:
    """Say what a phase requires; None for nothing. What was submitted already stays.

    Raises:
        Forbidden: the actor does not organize its benchmark.
        Invalid: the required phase is not an earlier one of the same benchmark.
    """
    policy.require(actor, Act.COMPETITION_EDIT, phase)
    if required_phase_id not in {None, *(one.id for one in choices(phase))}:
        raise Invalid("Choose an earlier phase of this benchmark, or none.")
    phase.required_phase_id = required_phase_id
    phase.requires_entry = requires_entry and required_phase_id is not None

"""Who comes in: registrations, the organizer's decisions about them, and the secret link."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from app import policy
from app.competitions.models import Competition, Membership, Participant
from app.errors import Conflict, Invalid, NotFound, Refused
from app.platform.db import db
from app.policy import Act, Viewer

MAX_REASON = 500


def register(
    actor: Viewer, competition: Competition, *, accepted_terms: bool, now: datetime
) -> Participant:
    """Ask to take part; approved at once where the organizer says so. Asking twice is harmless.

    Raises:
        Forbidden: nobody is logged in, or the competition is not published.
        Invalid: it has terms and they are not accepted.
        Refused: the organizer declined this person before.
    """
    policy.require(actor, Act.COMPETITION_REGISTER, competition)
    if found := _participant(competition.id, actor.user_id):
        if found.status == Membership.DENIED:
            raise Refused("The organizer declined your registration. Ask them about it.")
        return found
    if competition.terms and not accepted_terms:
        raise Invalid("Accept the terms to take part.")
    at_once = competition.registration_auto_approve or competition.owner_id == actor.user_id
    participant = Participant(
        competition_id=competition.id,
        user_id=actor.user_id,
        status=Membership.APPROVED if at_once else Membership.PENDING,
        created_at=now,
        decided_at=now if at_once else None,
    )
    try:
        with db.session.begin_nested():
            db.session.add(participant)
    except IntegrityError:  # the same person asked twice at once
        raise Conflict("You are registered already. Reload the page.") from None
    return participant


def decide(
    actor: Viewer, participant_id: int, status: str, reason: str = "", *, now: datetime
) -> Participant:
    """Approve or decline somebody; a decision can be changed later.

    Args:
        status: ``approved`` or ``denied``.
        reason: what the person reads when declined.

    Raises:
        NotFound: there is no such registration, or the actor may not know of it.
        Forbidden: the actor does not organize the competition.
        Invalid: the status is another one, or the reason is too long.
        Refused: it is the organizer's own, which nobody declines.
    """
    participant = db.session.scalar(
        select(Participant)
        .where(Participant.id == participant_id)
        .options(joinedload(Participant.user))
    )
    if participant is None:
        raise NotFound("There is no such registration.")
    competition = db.session.get_one(Competition, participant.competition_id)
    if not policy.can(actor, Act.COMPETITION_VIEW, competition):
        raise NotFound("There is no such registration.")
    policy.require(actor, Act.PARTICIPANT_DECIDE, competition)
    if status not in (Membership.APPROVED, Membership.DENIED):
        raise Invalid("A registration can be approved or declined, nothing else.")
    if status == Membership.DENIED and participant.user_id == competition.owner_id:
        raise Refused("This is the organizer, who cannot be declined.")
    if len(reason) > MAX_REASON:
        raise Invalid(f"The reason has {len(reason)} characters; at most {MAX_REASON} are taken.")
    participant.status = Membership(status)
    participant.reason = reason.strip() if status == Membership.DENIED else ""
    participant.decided_at = now
    return participant


def approve_waiting(actor: Viewer, competition: Competition, *, now: datetime) -> int:
    """Approve everybody who waits for a decision.

    Returns:
        How many were waiting.

    Raises:
        Forbidden: the actor does not organize the competition.
    """
    policy.require(actor, Act.PARTICIPANT_DECIDE, competition)
    waiting = db.session.scalars(
        select(Participant).where(
            Participant.competition_id == competition.id, Participant.status == Membership.PENDING
        )
    ).all()
    for participant in waiting:
        participant.status = Membership.APPROVED
        participant.decided_at = now
    return len(waiting)


def replace_link(actor: Viewer, competition: Competition) -> None:
    """Make a new secret link; the old one opens nothing any more, in no browser.

    Raises:
        Forbidden: the actor does not organize the competition.
    """
    policy.require(actor, Act.COMPETITION_EDIT, competition)
    competition.secret_key = secrets.token_urlsafe(32)


def _participant(competition_id: int, user_id: int | None) -> Participant | None:
    return db.session.scalar(
        select(Participant).where(
            Participant.competition_id == competition_id, Participant.user_id == user_id
        )
    )

"""Registrations and decisions about them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.competitions import memberships, queries
from app.competitions.models import Membership, Participant
from app.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Refused
from app.platform.db import db, unit_of_work
from tests.actors import Cast, make_cast
from tests.factories import NOW, make_user, save


def test_registering_waits_for_the_organizer(app: Flask) -> None:
    cast = make_cast()
    with unit_of_work():
        found = memberships.register(
            queries.viewer(cast.petra), cast.competition, accepted_terms=False, now=NOW
        )
    assert (found.status, found.decided_at) == (Membership.PENDING, None)


def test_auto_approval_admits_at_once(app: Flask) -> None:
    cast = make_cast(registration_auto_approve=True)
    with unit_of_work():
        found = memberships.register(
            queries.viewer(cast.petra), cast.competition, accepted_terms=False, now=NOW
        )
    assert (found.status, found.decided_at) == (Membership.APPROVED, NOW)


def test_organizer_takes_part_without_asking(app: Flask) -> None:
    cast = make_cast(is_published=False)
    with unit_of_work():
        actor = queries.viewer(cast.olga)
        found = memberships.register(actor, cast.competition, accepted_terms=False, now=NOW)
    assert found.status == Membership.APPROVED


def test_terms_must_be_accepted(app: Flask) -> None:
    cast = make_cast(terms="Share nothing.")
    actor = queries.viewer(cast.petra)
    with pytest.raises(Invalid, match="Accept the terms"):
        memberships.register(actor, cast.competition, accepted_terms=False, now=NOW)
    assert memberships.register(actor, cast.competition, accepted_terms=True, now=NOW)


def test_registering_twice_keeps_the_first(app: Flask) -> None:
    cast = make_cast()
    with unit_of_work():
        actor = queries.viewer(cast.pavel)
        found = memberships.register(actor, cast.competition, accepted_terms=False, now=NOW)
    assert found.status == Membership.APPROVED
    statement = select(Participant).where(Participant.user_id == cast.pavel.id)
    assert len(db.session.scalars(statement).all()) == 1


def test_somebody_who_was_faster_is_a_conflict(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = make_cast()
    monkeypatch.setattr(memberships, "_participant", lambda *_: None)
    with unit_of_work(), pytest.raises(Conflict):
        memberships.register(
            queries.viewer(cast.pavel), cast.competition, accepted_terms=False, now=NOW
        )


def test_declined_person_cannot_ask_again(app: Flask) -> None:
    cast = make_cast()
    with pytest.raises(Refused):
        memberships.register(
            queries.viewer(cast.dora), cast.competition, accepted_terms=True, now=NOW
        )


def test_unpublished_competition_takes_no_registrations(app: Flask) -> None:
    cast = make_cast(is_published=False)
    for person in (cast.petra, None):
        with pytest.raises(Forbidden):
            memberships.register(
                queries.viewer(person), cast.competition, accepted_terms=True, now=NOW
            )


def _of(cast: Cast, username: str) -> Participant:
    user = getattr(cast, username)
    statement = select(Participant).where(
        Participant.user_id == user.id, Participant.competition_id == cast.competition.id
    )
    return db.session.scalars(statement).one()


@pytest.mark.parametrize("decider", ["olga", "rita"])
def test_organizers_and_staff_decide_and_change_their_mind(app: Flask, decider: str) -> None:
    cast = make_cast()
    actor = queries.viewer(getattr(cast, decider))
    waiting = _of(cast, "wanda").id
    with unit_of_work():
        memberships.decide(actor, waiting, "denied", "  Not eligible. ", now=NOW)
    found = _of(cast, "wanda")
    assert (found.status, found.reason, found.decided_at) == ("denied", "Not eligible.", NOW)
    with unit_of_work():
        memberships.decide(actor, waiting, "approved", "stale", now=NOW)
    assert (_of(cast, "wanda").status, _of(cast, "wanda").reason) == ("approved", "")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("participant", Forbidden),
        ("pending", Forbidden),
        ("denied", Forbidden),
        ("stranger", Forbidden),
        ("visitor", Forbidden),
    ],
)
def test_nobody_else_decides(app: Flask, part: str, expected: type[AppError]) -> None:
    cast = make_cast()
    actor = queries.viewer(cast.people()[part])
    with pytest.raises(expected):
        memberships.decide(actor, _of(cast, "wanda").id, "approved", now=NOW)
    with pytest.raises(expected):
        memberships.approve_waiting(actor, cast.competition, now=NOW)
    with pytest.raises(expected):
        memberships.replace_link(actor, cast.competition)


def test_registrations_of_a_hidden_competition_are_not_known(app: Flask) -> None:
    cast = make_cast(is_published=False)
    with pytest.raises(NotFound):
        memberships.decide(queries.viewer(cast.petra), _of(cast, "wanda").id, "approved", now=NOW)


@pytest.mark.parametrize(
    ("status", "reason"), [("pending", ""), ("king", ""), ("denied", "x" * 501)]
)
def test_odd_decisions_are_refused(app: Flask, status: str, reason: str) -> None:
    cast = make_cast()
    with pytest.raises(Invalid):
        memberships.decide(
            queries.viewer(cast.olga), _of(cast, "wanda").id, status, reason, now=NOW
        )


def test_unknown_registration_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound):
        memberships.decide(queries.viewer(make_cast().olga), 10_000, "approved", now=NOW)


def test_approving_everybody_leaves_the_declined_out(app: Flask) -> None:
    cast = make_cast()
    second = make_user("walter")
    save(
        Participant(
            competition_id=cast.competition.id, user_id=second.id, status="pending", created_at=NOW
        )
    )
    with unit_of_work():
        actor = queries.viewer(cast.olga)
        assert memberships.approve_waiting(actor, cast.competition, now=NOW) == 2
    assert queries.count_participants(cast.competition) == {"approved": 3, "denied": 1}


def test_replaced_link_closes_the_old_one(app: Flask) -> None:
    cast = make_cast(is_published=False)
    old = cast.competition.secret_key
    with unit_of_work():
        memberships.replace_link(queries.viewer(cast.olga), cast.competition)
    assert queries.viewer(None, opened=[old]).opened == frozenset()
    with pytest.raises(NotFound):
        queries.by_secret_key(old)


def test_organizer_who_takes_part_cannot_be_declined(app: Flask) -> None:
    cast = make_cast()
    owner, staff = queries.viewer(cast.olga), queries.viewer(cast.rita)
    with unit_of_work():
        own = memberships.register(owner, cast.competition, accepted_terms=True, now=NOW)
    for actor in (owner, staff):
        with pytest.raises(Refused, match="This is the organizer"):
            memberships.decide(actor, own.id, Membership.DENIED, now=NOW)
    assert own.status == Membership.APPROVED

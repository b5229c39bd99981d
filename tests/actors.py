"""The cast of the tests, and how its members come to a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask
from flask.testing import FlaskClient

from app.accounts.models import LoginSession, User
from app.competitions.models import Competition, Membership
from app.platform import tokens
from tests.factories import NOW, make_competition, make_participant, make_phase, make_user, save

HTMX = {"HX-Request": "true"}
FAR = datetime(2999, 1, 1, tzinfo=UTC)


def log_in(client: FlaskClient, user: User) -> str:
    """Give a browser a session of this person; returns its token."""
    token = tokens.mint("ses")
    save(
        LoginSession(
            token_hash=tokens.digest(token),
            user_id=user.id,
            created_at=NOW,
            expires_at=FAR,
            last_seen_at=FAR,
        )
    )
    with client.session_transaction() as session:
        session["login"] = token
    return token


@dataclass(frozen=True)
class Cast:
    """Everybody, and two competitions, so that a leak from one to the other shows."""

    olga: User
    """Organizes ``competition``."""
    pavel: User
    """Takes part in it."""
    wanda: User
    """Waits to take part in it."""
    dora: User
    """Was declined."""
    petra: User
    """A stranger, who organizes ``other``."""
    rita: User
    """Staff."""
    competition: Competition
    other: Competition

    def people(self) -> Mapping[str, User | None]:
        """Return everybody by part; the visitor is None."""
        return {
            "organizer": self.olga,
            "participant": self.pavel,
            "pending": self.wanda,
            "denied": self.dora,
            "stranger": self.petra,
            "staff": self.rita,
            "visitor": None,
        }


def make_cast(**overrides: object) -> Cast:
    """Make the cast and the two competitions, with a phase each; overrides are of ``competition``."""
    olga, pavel, wanda, dora, petra = (
        make_user(name) for name in ("olga", "pavel", "wanda", "dora", "petra")
    )
    rita = make_user("rita", is_staff=True)
    competition = make_competition(olga, title="Breast cancer", **overrides)
    other = make_competition(petra, title="Chest films")
    make_phase(competition, name="Development")
    make_phase(other, name="Warm-up")
    make_participant(competition, pavel)
    make_participant(competition, wanda, Membership.PENDING)
    make_participant(competition, dora, Membership.DENIED)
    return Cast(olga, pavel, wanda, dora, petra, rita, competition, other)


def browser(app: Flask, user: User | None) -> FlaskClient:
    """Return a new browser, logged in unless the person is the visitor."""
    client = app.test_client()
    if user is not None:
        log_in(client, user)
    return client

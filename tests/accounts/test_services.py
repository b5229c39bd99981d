"""Accounts, sessions and passwords."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import func, select

from app.accounts import passwords, queries, services
from app.accounts.drafts import AccountDraft
from app.accounts.models import LoginSession, User
from app.errors import Forbidden, Invalid, NotFound
from app.platform import tokens
from app.platform.db import db, unit_of_work
from tests.conftest import make_settings
from tests.factories import NOW, make_user, save

PASSWORD = "correct horse battery"


def make_account(username: str = "olga", **overrides: object) -> User:
    hashed = passwords.hash_password(PASSWORD)
    return make_user(username, **{"password_hash": hashed, **overrides})


def enter(name: str = "olga", password: str = PASSWORD) -> str | None:
    with unit_of_work():
        return services.log_in(name, password, now=NOW)


def by_session(token: str, *, now: datetime) -> User | None:
    session = queries.session_of(token, now=now)
    return session.user if session is not None else None


def test_account_is_folded_and_hashed(app: Flask) -> None:
    with unit_of_work():
        services.create_user("  Olga ", " Olga@Example.ORG ", PASSWORD, now=NOW)
    user = db.session.scalars(select(User)).one()
    assert (user.username, user.email, user.is_staff) == ("olga", "olga@example.org", False)
    assert user.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("username", "email", "password", "part"),
    [
        ("о", "olga@example.org", PASSWORD, "3 to 30"),
        ("olga", "olga", PASSWORD, "e-mail"),
        ("olga", "", PASSWORD, "e-mail"),
        ("olga", "a" * 250 + "@example.org", PASSWORD, "e-mail"),
        ("olga", "a@b\r\nBcc: c@example.org", PASSWORD, "e-mail"),
        ("olga", "olga@example.org", "olga's own words", "your name"),
    ],
)
def test_wrong_fields_are_refused(
    app: Flask, username: str, email: str, password: str, part: str
) -> None:
    with pytest.raises(Invalid, match=part):
        services.create_user(username, email, password, now=NOW)


def test_taken_name_and_address_are_told_apart(app: Flask) -> None:
    make_user("olga")
    with pytest.raises(services.NameTaken):
        services.create_user("OLGA", "new@example.org", PASSWORD, now=NOW)
    with pytest.raises(services.AddressTaken):
        services.create_user("newcomer", "OLGA@example.org", PASSWORD, now=NOW)


def test_somebody_who_was_faster_takes_the_name(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("olga")
    monkeypatch.setattr(queries, "by_username", lambda _: None)
    with unit_of_work(), pytest.raises(services.NameTaken):
        services.create_user("olga", "new@example.org", PASSWORD, now=NOW)
    assert db.session.scalar(select(func.count()).select_from(User)) == 1


def test_signing_up_with_a_known_address_changes_nothing(app: Flask) -> None:
    make_user("olga")
    draft = AccountDraft(username="other", email="olga@example.org", password=PASSWORD)
    with unit_of_work():
        services.sign_up(draft, now=NOW)
    assert [user.username for user in db.session.scalars(select(User))] == ["olga"]


def test_reserved_names_are_for_administrators(app: Flask) -> None:
    draft = AccountDraft(username="adm1n", email="a@example.org", password=PASSWORD)
    with pytest.raises(services.NameTaken, match="reserved"):
        services.sign_up(draft, now=NOW)
    with unit_of_work():
        services.create_user("admin", "a@example.org", PASSWORD, is_staff=True, now=NOW)
    found = queries.by_username("admin")
    assert found is not None
    assert found.is_staff


@pytest.mark.parametrize("name", ["olga", "OLGA", " olga ", "olga@example.org", "Olga@Example.org"])
def test_name_and_address_open_the_account(app: Flask, name: str) -> None:
    user = make_account()
    token = enter(name)
    assert token is not None
    assert by_session(token, now=NOW) is user
    stored = db.session.scalars(select(LoginSession)).one()
    assert stored.token_hash == tokens.digest(token)
    assert token not in stored.token_hash


def test_wrong_password_unknown_name_and_closed_account_look_the_same(app: Flask) -> None:
    make_account()
    make_account("closed", is_active=False)
    assert enter("olga", "wrong horse battery") is None
    assert enter("nobody") is None
    assert enter("closed") is None
    assert enter("") is None


def test_unknown_name_costs_a_hash_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []
    real = passwords.matches

    def spy(password: str, stored: str | None) -> bool:
        seen.append(stored)
        return real(password, stored)

    monkeypatch.setattr(passwords, "matches", spy)
    assert enter("nobody") is None
    assert seen == [None]


def test_session_ends_after_thirty_days(app: Flask) -> None:
    app.extensions["plumbline.settings"] = make_settings(session_idle_h=0)
    make_account()
    token = enter()
    assert token is not None
    last = NOW + timedelta(days=30)
    assert by_session(token, now=last - timedelta(seconds=1))
    assert by_session(token, now=last) is None


def test_closing_an_account_ends_its_sessions(app: Flask) -> None:
    user = make_account()
    token = enter()
    assert token is not None
    with unit_of_work():
        user.is_active = False
    assert by_session(token, now=NOW) is None


def test_logging_out_ends_this_session_only(app: Flask) -> None:
    user = make_account()
    first, second = enter(), enter()
    assert first is not None
    assert second is not None
    with unit_of_work():
        services.log_out(first)
    assert by_session(first, now=NOW) is None
    assert by_session(second, now=NOW) is user


def test_old_hash_is_renewed_at_log_in(app: Flask) -> None:
    user = make_account(password_hash=PasswordHasher(1, 8192, 1).hash(PASSWORD))
    assert enter()
    assert "m=19456,t=2,p=1" in user.password_hash
    assert enter()


def test_expired_sessions_are_removed_at_log_in(app: Flask) -> None:
    user = make_account()
    save(
        LoginSession(
            token_hash="x", user_id=user.id, created_at=NOW, expires_at=NOW, last_seen_at=NOW
        )
    )
    enter()
    assert queries.count_sessions(user.id, now=NOW - timedelta(days=1)) == 1


def test_session_ends_after_hours_of_nothing_and_each_act_begins_them_anew(app: Flask) -> None:
    user = make_account()
    token = enter()
    assert token is not None
    hours = timedelta(hours=1)
    assert by_session(token, now=NOW + 11 * hours) is user
    assert by_session(token, now=NOW + 12 * hours) is None
    assert queries.count_sessions(user.id, now=NOW + 12 * hours) == 0
    session = queries.session_of(token, now=NOW)
    assert session is not None
    with unit_of_work():
        services.note_activity(session.id, now=NOW + 11 * hours)
    assert by_session(token, now=NOW + 22 * hours) is user
    app.extensions["plumbline.settings"] = make_settings(session_idle_h=0)
    assert by_session(token, now=NOW + 29 * 24 * hours) is user
    assert by_session(token, now=NOW + 30 * 24 * hours) is None


def test_changing_the_password_ends_all_other_sessions(app: Flask) -> None:
    user = make_account()
    here, there = enter(), enter()
    assert here is not None
    assert there is not None
    with unit_of_work():
        services.change_password(user, PASSWORD, "another fine phrase", token=here)
    assert by_session(here, now=NOW) is user
    assert by_session(there, now=NOW) is None
    assert enter() is None
    assert enter(password="another fine phrase")


def test_changing_the_password_needs_the_old_one_and_a_good_new_one(app: Flask) -> None:
    user = make_account()
    with pytest.raises(Forbidden):
        services.change_password(user, "wrong", "another fine phrase", token="t")
    with pytest.raises(Invalid):
        services.change_password(user, PASSWORD, "password1", token="t")


def test_administrator_resets_a_password_and_ends_all_sessions(app: Flask) -> None:
    make_account()
    token = enter()
    assert token is not None
    with unit_of_work():
        services.reset_password("OLGA", "another fine phrase")
    assert by_session(token, now=NOW) is None
    assert enter(password="another fine phrase")
    with pytest.raises(NotFound):
        services.reset_password("nobody", "another fine phrase")

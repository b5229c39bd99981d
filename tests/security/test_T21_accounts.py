"""Guessing, telling names apart, planting sessions, and addresses that lead away."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.accounts import passwords, services
from app.accounts.models import LoginSession, User
from app.platform import tokens
from app.platform.db import db, unit_of_work
from tests.accounts.test_destinations import ELSEWHERE
from tests.factories import NOW

pytestmark = pytest.mark.security

PASSWORD = "four unrelated words here"


@pytest.fixture
def pavel(app: Flask) -> User:
    with unit_of_work():
        return services.create_user("pavel", "pavel@example.org", PASSWORD, now=NOW)


def _log_in(client: FlaskClient, name: str, password: str, wanted: str = "") -> TestResponse:
    return client.post("/log-in", data={"name": name, "password": password, "next": wanted})


def _bare(answer: TestResponse, name: str) -> tuple[int, str, dict[str, str]]:
    """Return an answer without what differs between any two: the name typed and form tokens."""
    text = re.sub(r'value="[^"]*"', "", answer.text.replace(name, "NAME"))
    headers = {k: v for k, v in answer.headers.items() if k not in ("X-Request-Id", "Set-Cookie")}
    headers.pop("Content-Length", None)
    return answer.status_code, text, headers


def test_known_and_unknown_names_get_the_same_answer(app: Flask, pavel: User) -> None:
    answers = [
        _bare(_log_in(app.test_client(), name, "wrong"), name)
        for name in ("pavel", "pavel@example.org", "nobody", "nobody@example.org", "' OR 1=1 --")
    ]
    assert all(answer == answers[0] for answer in answers)


def test_known_and_unknown_names_cost_one_hash_each(
    client: FlaskClient, pavel: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    verify = passwords.matches

    def counted(password: str, stored: str | None) -> bool:
        hashed.append(stored is not None)
        return verify(password, stored)

    monkeypatch.setattr(passwords, "matches", counted)
    _log_in(client, "pavel", "wrong")
    _log_in(client, "nobody", "wrong")
    assert hashed == [True, False]


def test_closed_account_looks_like_a_wrong_password(app: Flask, pavel: User) -> None:
    wrong = _bare(_log_in(app.test_client(), "pavel", "wrong"), "pavel")
    with unit_of_work():
        db.session.get_one(User, pavel.id).is_active = False
    assert _bare(_log_in(app.test_client(), "pavel", PASSWORD), "pavel") == wrong


def test_sign_up_does_not_say_which_addresses_are_known(app: Flask, pavel: User) -> None:
    answers = []
    for number, address in enumerate(("pavel@example.org", "new@example.org")):
        form = {
            "username": f"newcomer{number}", "email": address, "password": PASSWORD,
            "confirm": PASSWORD,
        }  # fmt: skip
        answer = app.test_client().post("/sign-up", data=form)
        answers.append((*_bare(answer, f"newcomer{number}"), answer.headers["Location"]))
    assert answers[0] == answers[1]


def test_cookie_from_before_the_log_in_opens_nothing_after_it(app: Flask, pavel: User) -> None:
    client, thief = app.test_client(), app.test_client()
    client.get("/log-in")
    planted = client.get_cookie("sid")
    assert planted is not None
    _log_in(client, "pavel", PASSWORD)
    assert client.get("/account").status_code == 200
    own = client.get_cookie("sid")
    assert own is not None
    assert own.value != planted.value
    thief.set_cookie("sid", planted.value)
    assert thief.get("/account").status_code == 303


def test_cookie_from_before_the_log_out_opens_nothing_after_it(app: Flask, pavel: User) -> None:
    client, thief = app.test_client(), app.test_client()
    _log_in(client, "pavel", PASSWORD)
    stolen = client.get_cookie("sid")
    assert stolen is not None
    thief.set_cookie("sid", stolen.value)
    assert thief.get("/account").status_code == 200
    client.post("/log-out")
    assert thief.get("/account").status_code == 303


def test_two_log_ins_are_two_sessions_and_neither_token_is_stored(app: Flask, pavel: User) -> None:
    for _ in range(2):
        _log_in(app.test_client(), "pavel", PASSWORD)
    stored = list(db.session.scalars(select(LoginSession.token_hash)))
    assert len(set(stored)) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in stored)


def test_cookie_that_is_made_up_is_nobodys(app: Flask, pavel: User) -> None:
    token = tokens.mint("ses")
    client = app.test_client()
    for value in (token, "x", f'{{"login": "{token}"}}', "a" * 4000):
        client.set_cookie("sid", value)
        assert client.get("/account").status_code == 303


def test_log_in_leads_nowhere_else(app: Flask, pavel: User) -> None:
    client = app.test_client()
    for wanted in ELSEWHERE:
        answer = _log_in(client, "pavel", PASSWORD, wanted)
        assert answer.headers["Location"] == "/", wanted


@pytest.mark.parametrize(
    "address", ["https://evil.example/account", "//evil.example", "javascript:x"]
)
def test_page_that_htmx_claims_leads_nowhere_else(client: FlaskClient, address: str) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": address}
    goes_to = client.get("/account", headers=headers).headers["HX-Redirect"]
    assert goes_to in ("/log-in", "/log-in?next=/account")

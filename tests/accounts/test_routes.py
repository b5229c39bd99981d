"""Pages of accounts, as browsers meet them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.accounts.models import LoginSession, User
from app.platform.db import db, unit_of_work
from app.platform.limiting import limiter
from tests.accounts.test_services import PASSWORD, make_account
from tests.actors import HTMX, browser, log_in
from tests.conftest import make_settings
from tests.factories import make_competition, make_user

RIGHT = {"name": "olga", "password": PASSWORD}
NEW = {"username": "newcomer", "email": "n@example.org", "password": PASSWORD, "confirm": PASSWORD}


def count(table: type[User] | type[LoginSession]) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch, app: Flask) -> None:
    monkeypatch.setattr(limiter, "enabled", True)


@pytest.mark.parametrize("path", ["/log-in", "/sign-up", "/sign-up/done"])
def test_visitor_sees_the_page(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<h1>" in answer.text


def test_logging_in_starts_a_new_session(client: FlaskClient) -> None:
    make_account()
    with client.session_transaction() as session:
        session["login"], session["csrf_token"] = "planted", "planted"
    answer = client.post("/log-in", data=RIGHT)
    assert (answer.status_code, answer.location) == (303, "/")
    with client.session_transaction() as session:
        assert session["login"] not in ("", "planted")
        assert session.permanent
        assert "csrf_token" not in session
    assert count(LoginSession) == 1
    assert ">olga<" in client.get("/").text


def test_logging_in_by_htmx_redirects_the_page(client: FlaskClient) -> None:
    make_account()
    answer = client.post("/log-in", data={**RIGHT, "next": "/account"}, headers=HTMX)
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["HX-Redirect"] == "/account"


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    "data",
    [{"name": "olga", "password": "wrong horse"}, {"name": "nobody", "password": PASSWORD},
     {"name": "closed", "password": PASSWORD}],
)  # fmt: skip
def test_every_wrong_log_in_reads_the_same(
    client: FlaskClient, data: dict[str, str], headers: dict[str, str]
) -> None:
    make_account()
    make_account("closed", is_active=False)
    answer = client.post("/log-in", data=data, headers=headers)
    assert answer.status_code == 422
    assert "The name or the password is wrong. Try again." in answer.text
    assert PASSWORD not in answer.text
    assert count(LoginSession) == 0


def test_empty_log_in_names_both_fields(client: FlaskClient) -> None:
    answer = client.post("/log-in", data={})
    assert answer.status_code == 422
    assert "Enter your user name or e-mail address." in answer.text
    assert "Enter your password." in answer.text


def test_log_in_leads_to_where_one_was_going(client: FlaskClient) -> None:
    make_account()
    answer = client.get("/account?x=1")
    assert (answer.status_code, answer.location) == (303, "/log-in?next=/account?x%3D1")
    assert 'value="/account?x=1"' in client.get(answer.location).text
    answer = client.post("/log-in", data={**RIGHT, "next": "/account?x=1"})
    assert answer.location == "/account?x=1"


def test_log_in_says_why_it_is_asked_for(client: FlaskClient) -> None:
    assert "Log in to go on." not in client.get("/log-in").text
    assert "Log in to go on." in client.get("/account", follow_redirects=True).text
    wrong = {**RIGHT, "password": "wrong", "next": "/account"}
    assert "Log in to go on." in client.post("/log-in", data=wrong).text


@pytest.mark.security
@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/log-out"]
)
def test_log_in_never_leads_elsewhere(client: FlaskClient, wanted: str) -> None:
    make_account()
    assert client.post("/log-in", data={**RIGHT, "next": wanted}).location == "/"
    assert client.get("/log-in", query_string={"next": wanted}).location == "/"


def test_htmx_without_a_session_is_sent_to_log_in(client: FlaskClient) -> None:
    current = "http://localhost/benchmarks/?page=2"
    answer = client.get("/account", headers={**HTMX, "HX-Current-URL": current})
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["HX-Redirect"] == "/log-in?next=/benchmarks/?page%3D2"
    foreign = client.get("/account", headers={**HTMX, "HX-Current-URL": "http://x//evil.example"})
    assert foreign.headers["HX-Redirect"] == "/log-in"


def test_links_that_were_followed_survive_the_log_in(app: Flask, client: FlaskClient) -> None:
    make_account()
    hidden = make_competition(is_published=False)
    client.get(f"/benchmarks/open/{hidden.secret_key}")
    client.post("/log-in", data=RIGHT)
    assert client.get(f"/benchmarks/{hidden.id}").status_code == 200


def test_logging_out_ends_the_session_on_the_server(app: Flask) -> None:
    user = make_account()
    client = app.test_client()
    token = log_in(client, user)
    assert client.get("/account").status_code == 200
    answer = client.post("/log-out")
    assert (answer.status_code, answer.location) == (303, "/")
    assert count(LoginSession) == 0
    with client.session_transaction() as session:
        assert "login" not in session
        session["login"] = token
    assert client.get("/account").status_code == 303


def test_logging_out_by_get_is_refused(app: Flask) -> None:
    client = browser(app, make_user())
    assert client.get("/log-out").status_code == 405
    assert client.get("/account").status_code == 200


def test_logging_out_twice_is_harmless(client: FlaskClient) -> None:
    assert client.post("/log-out").status_code == 303


def test_logged_in_people_need_no_log_in_page(app: Flask) -> None:
    client = browser(app, make_user())
    assert client.get("/log-in?next=/account").location == "/account"
    assert client.get("/sign-up").location == "/"


def test_signing_up_makes_an_account_logs_in_and_goes_on(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["login"], session["csrf_token"] = "planted", "planted"
    answer = client.post("/sign-up", data={**NEW, "next": "/benchmarks/"})
    assert (answer.status_code, answer.location) == (303, "/sign-up/done?next=/benchmarks/")
    with client.session_transaction() as session:
        assert session["login"] != "planted"
        assert "csrf_token" not in session
    answer = client.get(answer.location)
    assert (answer.status_code, answer.location) == (303, "/benchmarks/")
    assert ">newcomer<" in client.get(answer.location).text
    assert count(LoginSession) == 1


def test_known_address_is_answered_like_a_new_one_and_opens_nothing(app: Flask) -> None:
    make_account("olga")
    new = app.test_client().post("/sign-up", data=NEW)
    client = app.test_client()
    known = client.post("/sign-up", data={**NEW, "username": "other", "email": "OLGA@example.org"})
    assert (known.status_code, known.location) == (new.status_code, new.location)
    assert set(known.headers.keys()) == set(new.headers.keys())
    assert count(User) == 2
    assert count(LoginSession) == 1
    assert "log in with the account you have" in client.get(known.location).text
    assert client.get("/account").status_code == 303


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"username": "x"}, "A user name has 3 to 30 characters"),
        ({"username": "OLGA"}, "This user name is taken."),
        ({"username": "admin"}, "This user name is reserved"),
        ({"username": ""}, "Enter a user name."),
        ({"email": "nowhere"}, "This is not an e-mail address."),
        ({"email": "x" * 255 + "@example.org"}, "cannot be longer than 254"),
        ({"password": "password1", "confirm": "password1"}, "tried first"),
        ({"password": "", "confirm": ""}, "Enter a password."),
        ({"confirm": "another"}, "The two passwords differ."),
    ],
)
def test_wrong_sign_up_names_the_field(
    client: FlaskClient, change: dict[str, str], sentence: str, headers: dict[str, str]
) -> None:
    make_user("olga")
    answer = client.post("/sign-up", data={**NEW, **change}, headers=headers)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert PASSWORD not in answer.text
    assert count(User) == 1


def test_wrong_sign_up_names_every_field_at_once(client: FlaskClient) -> None:
    text = client.post("/sign-up", data={"username": "x", "password": "password1"}).text
    for field in ("username", "email", "password", "confirm"):
        assert f'id="{field}-error"' in text
    assert "There are 4 problems" in text


def test_taken_user_name_is_told_along_with_every_other_problem(client: FlaskClient) -> None:
    make_user("olga")
    known = {"username": "olga", "email": "olga@example.org", "password": "short"}
    text = client.post("/sign-up", data=known).text
    assert "This user name is taken." in text
    assert 'id="password-error"' in text
    assert 'id="email-error"' not in text


@pytest.mark.security
def test_sign_up_takes_no_other_columns(client: FlaskClient) -> None:
    client.post("/sign-up", data={**NEW, "is_staff": "1", "is_active": "", "id": "77"})
    user = db.session.scalars(select(User)).one()
    assert (user.is_staff, user.is_active, user.id == 77) == (False, True, False)


def test_closed_sign_up_makes_nothing(app: Flask, client: FlaskClient) -> None:
    app.extensions["plumbline.settings"] = make_settings(sign_up=False)
    assert "Sign-up is closed here." in client.get("/sign-up").text
    assert client.post("/sign-up", data=NEW).status_code == 403
    assert count(User) == 0


@pytest.mark.security
@pytest.mark.usefixtures("limits")
def test_sixth_attempt_on_one_account_is_slowed_down(app: Flask, client: FlaskClient) -> None:
    make_account()
    for _ in range(5):
        assert client.post("/log-in", data={**RIGHT, "password": "wrong"}).status_code == 422
    answer = client.post("/log-in", data=RIGHT, environ_base={"REMOTE_ADDR": "10.9.8.7"})
    assert answer.status_code == 429
    assert re.search(r"Too many attempts\. Wait \d+ seconds?, then try again\.", answer.text)
    assert count(LoginSession) == 0


@pytest.mark.security
@pytest.mark.usefixtures("limits")
def test_one_address_trying_many_names_is_slowed_down(client: FlaskClient) -> None:
    make_account()
    for number in range(5):
        data = {"name": f"person{number}", "password": "wrong"}
        assert client.post("/log-in", data=data).status_code == 422
    assert client.post("/log-in", data=RIGHT).status_code == 429
    elsewhere = client.post("/log-in", data=RIGHT, environ_base={"REMOTE_ADDR": "10.9.8.7"})
    assert elsewhere.status_code == 303


@pytest.mark.usefixtures("limits")
def test_a_class_behind_one_address_can_log_in(app: Flask) -> None:
    for number in range(7):
        make_account(f"person{number}")
        data = {"name": f"person{number}", "password": PASSWORD}
        assert app.test_client().post("/log-in", data=data).status_code == 303


@pytest.mark.security
@pytest.mark.usefixtures("limits")
def test_eleventh_sign_up_from_one_address_is_refused(client: FlaskClient) -> None:
    for _ in range(10):
        assert client.post("/sign-up", data={}).status_code == 422
    answer = client.post("/sign-up", data=NEW)
    assert answer.status_code == 429
    assert re.search(r"Wait \d+ minutes, then try again\.", answer.text)


def test_account_page_shows_oneself(app: Flask) -> None:
    text = browser(app, make_account()).get("/account").text
    assert "olga@example.org" in text
    assert "on this browser only" in text


CHANGE = {"current": PASSWORD, "new": "another fine phrase", "confirm": "another fine phrase"}


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_password_is_changed(app: Flask, headers: dict[str, str]) -> None:
    user = make_account()
    here, there = browser(app, user), browser(app, user)
    assert here.post("/account/password", data=CHANGE, headers=headers).status_code in (200, 303)
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"current": "wrong"}, "This is not your password."),
        ({"new": "password1", "confirm": "password1"}, "tried first"),
        ({"confirm": "x"}, "The two passwords differ."),
        ({"current": ""}, "Enter your current password."),
    ],
)
def test_wrong_password_change_changes_nothing(
    app: Flask, change: dict[str, str], sentence: str
) -> None:
    user = make_account()
    before = user.password_hash
    answer = browser(app, user).post("/account/password", data={**CHANGE, **change})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert user.password_hash == before


@pytest.mark.parametrize("path", ["/account/password", "/account/log-out-elsewhere"])
def test_visitor_changes_no_account(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data=CHANGE)
    assert (answer.status_code, answer.location) == (303, "/log-in")


def test_other_browsers_are_logged_out(app: Flask) -> None:
    user = make_account()
    here, there = browser(app, user), browser(app, user)
    assert "on 2 browsers" in here.get("/account").text
    assert here.post("/account/log-out-elsewhere").location == "/account"
    assert (here.get("/account").status_code, there.get("/account").status_code) == (200, 303)


@pytest.mark.security
@pytest.mark.parametrize(
    "path", ["/log-in", "/sign-up", "/log-out", "/account/password", "/account/log-out-elsewhere"]
)
def test_writes_need_the_form_token(app: Flask, path: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = browser(app, make_account())
    assert client.post(path, data=RIGHT).status_code == 403
    assert count(LoginSession) == 1


@pytest.mark.parametrize(
    ("headers", "is_noted"),
    [
        ({}, True),
        ({"Sec-Fetch-Mode": "navigate"}, True),
        ({"Sec-Fetch-Mode": "cors"}, False),
        (HTMX, False),
    ],
)
def test_session_is_kept_by_clicks_and_not_by_what_a_page_asks_for_by_itself(
    app: Flask, headers: dict[str, str], is_noted: bool
) -> None:
    client = browser(app, make_user("olga"))
    earlier = datetime.now(UTC) - timedelta(hours=1)
    with unit_of_work():
        db.session.scalars(select(LoginSession)).one().last_seen_at = earlier
    assert client.get("/account", headers=headers).status_code == 200
    db.session.rollback()
    seen = db.session.scalars(select(LoginSession.last_seen_at)).one()
    assert (seen > earlier) == is_noted


def test_session_is_noted_seldom(app: Flask) -> None:
    client = browser(app, make_user("olga"))
    just_now = datetime.now(UTC) + timedelta(minutes=1)
    with unit_of_work():
        db.session.scalars(select(LoginSession)).one().last_seen_at = just_now
    client.get("/account")
    db.session.rollback()
    assert db.session.scalars(select(LoginSession.last_seen_at)).one() == just_now


def test_session_that_was_idle_for_hours_is_over(app: Flask) -> None:
    client = browser(app, make_user("olga"))
    with unit_of_work():
        row = db.session.scalars(select(LoginSession)).one()
        row.last_seen_at = datetime.now(UTC) - timedelta(hours=13)
    assert client.get("/account").location == "/log-in?next=/account"

"""What every answer carries, whoever asks and however it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.platform.db import db
from app.platform.limiting import limiter
from tests.conftest import _parts, make_settings
from tests.security.world import PEOPLE, World, make_world, rules

pytestmark = pytest.mark.security

_SITE_POLICY = (
    "default-src 'self'", "script-src 'self'", "style-src 'self'", "object-src 'none'",
    "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
)  # fmt: skip


@pytest.fixture
def world(app: Flask) -> World:
    return make_world(app)


def _answers(world: World) -> Iterator[tuple[str, TestResponse]]:
    for rule, method in rules(world.app):
        for person in PEOPLE:
            answer = world.ask(person, rule, method)
            answer.close()
            yield f"{method} {rule.rule} as {person}", answer


def test_every_answer_carries_the_headers(world: World) -> None:
    for what, answer in _answers(world):
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", what
        assert headers["Referrer-Policy"] in ("same-origin", "no-referrer"), what
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", what
        assert "Access-Control-Allow-Origin" not in headers, what
        assert "charset" in headers["Content-Type"] or "text/" not in headers["Content-Type"], what
        policy = headers["Content-Security-Policy"]
        if "/detailed-results/<ticket>" in what and answer.status_code == 200:
            assert "sandbox allow-scripts;" in policy, what
            assert "frame-ancestors 'self'" in policy, what
        else:
            assert all(part in policy for part in _SITE_POLICY), what
            assert "unsafe" not in policy, what


def test_no_answer_but_pictures_and_styles_may_be_kept(world: World) -> None:
    for what, answer in _answers(world):
        if any(kept in what for kept in ("/static/", "/media/", "/favicon.ico")):
            continue
        kept = answer.headers["Cache-Control"]
        is_board = "leaderboard.json" in what and answer.status_code == 200
        assert kept == ("private, no-cache" if is_board else "private, no-store"), what


@pytest.mark.parametrize(
    "path", ["/nothing/here", "/benchmarks/999999", "/%00", "/benchmarks/x", "/api/worker/nothing"]
)
def test_refusals_carry_them_too(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_crash_says_nothing_about_itself(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("app.home.routes.competitions.listing", crash)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = client.get("/")
    assert answer.status_code == 500
    assert "secret cause" not in answer.text
    assert "Traceback" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.fixture
def secure(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The app as it is behind HTTPS."""
    settings = make_settings(base_url="https://bench.example", database_url=database_url)
    app = create_app(settings, _parts())
    monkeypatch.setattr(limiter, "enabled", False)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_cookie_is_bound_to_the_host_and_out_of_reach_of_scripts(secure: Flask) -> None:
    client = secure.test_client()
    cookie = client.get("https://bench.example/log-in").headers["Set-Cookie"]
    assert cookie.startswith("__Host-sid=")
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= parts
    assert not any(part.lower().startswith("domain") for part in parts)


def test_browsers_are_told_to_stay_with_https_for_two_years(secure: Flask) -> None:
    answer = secure.test_client().get("https://bench.example/healthz")
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


def test_form_over_https_needs_a_page_of_ours_before_it(secure: Flask) -> None:
    client = secure.test_client()
    page = client.get("https://bench.example/log-in").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    form = {"csrf_token": token, "name": "x", "password": "y"}
    for referrer, status in (
        ("", 403), ("https://evil.example/", 403), ("https://bench.example/log-in", 422),
    ):  # fmt: skip
        headers = {"Referer": referrer} if referrer else {}
        url = "https://bench.example/log-in"
        assert client.post(url, data=form, headers=headers).status_code == status


@pytest.mark.parametrize("host", ["evil.example", "bench.example.evil.example", "localhost"])
def test_foreign_host_name_is_refused(secure: Flask, host: str) -> None:
    answer = secure.test_client().get("/log-in", base_url=f"https://{host}")
    assert answer.status_code == 400
    assert host not in answer.text


def test_address_of_the_asker_is_not_taken_from_a_header(app: Flask, client: FlaskClient) -> None:
    with client:
        client.get("/healthz", headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"})
        assert client.get("/healthz").request.remote_addr == "127.0.0.1"

"""The front page and the pages for machines and staff."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from app.platform.db import db
from tests.actors import browser, make_cast
from tests.conftest import make_settings
from tests.factories import make_competition, make_user


def test_front_page_shows_the_newest_published_benchmarks(app: Flask, client: FlaskClient) -> None:
    for number in range(7):
        make_competition(title=f"Benchmark {number}")
    make_competition(title="Hidden one", is_published=False)
    text = client.get("/").text
    assert [number for number in range(7) if f"Benchmark {number}<" in text] == [2, 3, 4, 5, 6]
    assert "All 7 benchmarks" in text
    assert "Hidden one" not in text
    assert 'href="/sign-up"' in text


def test_front_page_of_an_empty_site_says_what_fills_it(client: FlaskClient) -> None:
    assert "No benchmarks yet" in client.get("/").text


def test_front_page_offers_no_closed_sign_up(app: Flask, client: FlaskClient) -> None:
    app.extensions["plumbline.settings"] = make_settings(sign_up=False)
    main = client.get("/").text.split("<main")[1]
    assert 'href="/sign-up"' not in main


def test_front_page_asks_nobody_who_is_logged_in_to_log_in(app: Flask) -> None:
    assert 'href="/log-in"' not in browser(app, make_user()).get("/").text


def test_health_needs_the_database(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})

    def down(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("down"))

    monkeypatch.setattr(db.session, "execute", down)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (503, {"status": "no database"})


@pytest.mark.parametrize(
    ("part", "status"), [("staff", 200), ("organizer", 403), ("stranger", 403), ("visitor", 303)]
)
def test_style_guide_is_for_staff(app: Flask, part: str, status: int) -> None:
    person = make_cast().people()[part]
    assert browser(app, person).get("/styleguide").status_code == status


def test_robots_stay_out_of_secret_links(client: FlaskClient) -> None:
    answer = client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    assert "Disallow: /benchmarks/open/" in answer.text


def test_icon_is_where_browsers_look_for_it(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.data.startswith(b"\x00\x00\x01\x00")  # what an icon file begins with
    assert "max-age=86400" in answer.headers["Cache-Control"]

"""No write without the form's token, no write by GET, no page in a foreign frame."""

from __future__ import annotations

import hashlib

import pytest
from flask import Flask
from sqlalchemy import select

from app.platform.db import Base, db
from tests.security.world import PEOPLE, World, make_world, rules

pytestmark = pytest.mark.security

PEOPLE_WITH_COOKIES = [name for name in PEOPLE if name not in ("machine", "attempt")]


@pytest.fixture
def world(app: Flask) -> World:
    return make_world(app)


def _rows(app: Flask) -> dict[str, str]:
    """Return a hash of every table's rows."""
    db.session.rollback()
    found = {}
    for table in Base.metadata.sorted_tables:
        rows = sorted(repr(tuple(row)) for row in db.session.execute(select(table)))
        found[table.name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    db.session.rollback()
    return found


def test_write_without_the_form_token_is_refused(world: World) -> None:
    world.app.config["WTF_CSRF_ENABLED"] = True
    before = _rows(world.app)
    let_through = []
    for rule, method in rules(world.app):
        if method == "GET":
            continue
        for person in PEOPLE_WITH_COOKIES:
            with world.ask(person, rule, method) as answer:
                goes_to = answer.headers.get("Location", "")
                is_refused = answer.status_code in (400, 403, 404) or goes_to.startswith("/log-in")
            if not is_refused:
                let_through.append(f"{method} {rule.rule} as {person}: {answer.status_code}")
    assert let_through == []
    assert _rows(world.app) == before


def test_token_of_another_browser_opens_no_form(world: World) -> None:
    world.app.config["WTF_CSRF_ENABLED"] = True
    page = world.browser("rival").get("/account").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    assert token
    answer = world.browser("participant").post(
        "/account/log-out-elsewhere", data={"csrf_token": token}
    )
    assert answer.status_code == 403


def test_no_get_changes_a_row(world: World) -> None:
    before = _rows(world.app)
    for rule, method in rules(world.app):
        if method != "GET":
            continue
        for person in PEOPLE_WITH_COOKIES:
            for headers in ({}, {"HX-Request": "true"}):
                answer = world.ask(person, rule, "GET", headers=headers)
                answer.close()
                assert answer.status_code < 500, f"GET {rule.rule} as {person}"
            assert _changed(before, _rows(world.app)) == [], f"GET {rule.rule} as {person}"


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name in before if before[name] != after[name]]


def test_bearer_of_a_token_gets_nothing_with_a_cookie(world: World) -> None:
    for rule, method in rules(world.app):
        if rule.endpoint.startswith("worker_api"):
            for person in PEOPLE_WITH_COOKIES:
                assert world.ask(person, rule, method).status_code == 404

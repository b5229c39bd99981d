"""Who may ask for what: every route against everybody, in a table that people can read."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.platform import db as platform_db
from tests.security.world import PEOPLE, World, make_world, rules

pytestmark = pytest.mark.security

TABLE = Path(__file__).with_name("who_may_what.txt")


def _expected(section: str) -> dict[tuple[str, str], dict[str, str]]:
    """Read a section of the table: (rule, method) to answer by person."""
    found = {}
    current = ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = line.strip("[]")
        elif line and not line.startswith(("#", " ")) and current == section:
            rule, method, *answers = line.split()
            assert len(answers) == len(PEOPLE), line
            found[rule, method] = dict(zip(PEOPLE, answers, strict=True))
    return found


def _word(answer: TestResponse) -> str:
    """Return the status, or ``log-in`` for a redirect to the log-in page."""
    answer.close()
    goes_to = answer.headers.get("Location", "") or answer.headers.get("HX-Redirect", "")
    return "log-in" if goes_to.startswith("/log-in") else str(answer.status_code)


@pytest.fixture(params=["published", "draft"])
def section(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(app: Flask, section: str, monkeypatch: pytest.MonkeyPatch) -> World:
    world = make_world(app, is_published=section == "published")
    # Nothing is saved, so that nobody's request changes what the next one finds.
    monkeypatch.setattr(platform_db, "commit", platform_db.rollback)
    return world


def _found(world: World) -> dict[tuple[str, str], dict[str, str]]:
    return {
        (rule.rule, method): {
            person: _word(world.ask(person, rule, method)) for person in PEOPLE
        }
        for rule, method in rules(world.app)
    }  # fmt: skip


def test_every_route_answers_everybody_as_the_table_says(world: World, section: str) -> None:
    expected, found = _expected(section), _found(world)
    differences = [
        f"{section}: {method} {rule} as {person}: {answer}, not {expected[rule, method][person]}"
        for (rule, method), answers in found.items() if (rule, method) in expected
        for person, answer in answers.items() if answer != expected[rule, method][person]
    ]  # fmt: skip
    assert differences == []


def test_every_route_has_a_row_and_every_row_a_route(app: Flask, section: str) -> None:
    assert {(rule.rule, method) for rule, method in rules(app)} == set(_expected(section))

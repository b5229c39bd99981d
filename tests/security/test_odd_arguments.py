"""Text and numbers that no form of ours sends: refused in words, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest
from werkzeug.routing import Rule

from app import create_app
from app.platform import db as platform_db
from app.platform.db import Base, db
from app.platform.limiting import limiter
from tests.conftest import _parts, make_settings
from tests.plugins.machine import fresh_database
from tests.security.world import World, make_world, rules

pytestmark = pytest.mark.security

ODD = (
    "\x00", "a\x00b", "x" * 5000, "9" * 30, "-1", "1e999", "NaN", "\u202e", "\ufffe", "%00", "' or 1=1 --",
    "../../etc/passwd", "{{7*7}}", "<script>", "\r\nX-Evil: 1",
)  # fmt: skip
ARGUMENTS = (
    "page", "page_size", "q", "status", "phase", "file", "run", "stream", "after", "version", "seen",
    "tasks", "all", "live", "next",
)  # fmt: skip
PEOPLE = ("visitor", "participant", "organizer", "staff")


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)]
)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with ExitStack() as open_things:
        url = f"sqlite:///{tmp_path_factory.mktemp('odd')}/odd.db"
        if request.param == "postgresql":
            url = open_things.enter_context(fresh_database())
        app = create_app(make_settings(database_url=url), _parts())
        app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
        with app.app_context():
            Base.metadata.create_all(db.engine)
            yield make_world(app)
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def world(made: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Requests reach the database, and nothing of them is kept."""

    def try_out() -> None:
        db.session.flush()
        platform_db.rollback()

    monkeypatch.setattr(limiter, "enabled", False)
    monkeypatch.setattr(platform_db, "commit", try_out)
    return made


def _gets(world: World) -> Iterator[Rule]:
    for rule, method in rules(world.app):
        if method == "GET" and rule.endpoint not in ("static", "home.health", "home.robots"):
            yield rule


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:12]))
def test_odd_argument_crashes_no_page(world: World, odd: str) -> None:
    crashed = []
    query = urlencode(dict.fromkeys(ARGUMENTS, odd))
    for rule in _gets(world):
        for person in PEOPLE:
            answer = world.browser(person).get(f"{world.path(rule)}?{query}")
            answer.close()
            if answer.status_code >= 500:
                crashed.append(f"{rule.rule} as {person}")
    assert crashed == []


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:12]))
def test_odd_field_crashes_no_form(world: World, odd: str) -> None:
    crashed = []
    for rule, method in rules(world.app):
        if method == "GET" or rule.endpoint.startswith("worker_api"):
            continue
        fields = world.form(rule.endpoint)["data"]
        for name in [*fields, "next", "answer-x"]:
            for person in ("visitor", "participant", "staff"):
                form = {**world.form(rule.endpoint)["data"], name: odd}
                with world.ask(person, rule, method, data=form) as answer:
                    if answer.status_code >= 500:
                        crashed.append(f"{method} {rule.rule} with {name} as {person}")
    assert crashed == []


@pytest.mark.parametrize("number", [2**31, 2**63, 10**30])
def test_number_that_no_row_has_leads_nowhere(world: World, number: int) -> None:
    for path in (
        f"/benchmarks/{number}", f"/submissions/{number}", f"/runs/{number}/log",
        f"/phases/{number}/leaderboard", f"/bundles/{number}",
        f"/benchmarks/{world.arguments['competition_id']}/pages/{number}",
    ):  # fmt: skip
        assert world.browser("staff").get(path).status_code == 404


def test_odd_host_path_and_headers_crash_nothing(world: World) -> None:
    for headers in (
        {"HX-Current-URL": "http://[::1"}, {"HX-Request": "\x7f"}, {"Cookie": "sid=\x00"},
        {"Cookie": "sid=" + "a" * 9000}, {"Accept": "a" * 9000}, {"Referer": "http://["},
        {"Authorization": "Basic \xff"}, {"If-None-Match": '"' * 500},
    ):  # fmt: skip
        for path in ("/", "/account", "/log-in"):
            with world.browser("participant").get(path, headers=headers) as answer:
                assert answer.status_code < 500

"""A form that names every column of every table changes no more than one that does not."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Boolean, Date, DateTime, Integer, select
from werkzeug.routing import Rule

from app.platform import db as platform_db
from app.platform.db import Base, db
from tests.security.world import World, make_world, rules

pytestmark = pytest.mark.security

NUMBER, TEXT, DAY = 424242, "sentinel", "2001-02-03"
_VOLATILE = {
    "id", "created_at", "decided_at", "ended_at", "heard_at", "expires_at", "published_at", "key",
    "token_hash", "secret_key", "object_key", "upload_key", "sha256", "password_hash", "file_id",
    "submission_id", "output_prefix", "queued_at", "sent_at", "qid", "broker_hash", "broker_user",
    "old_until", "revoked_at", "retired_at", "last_seen_at",
}  # fmt: skip
"""Columns that differ from one request to the next; none takes its value from a form."""

Rows = dict[tuple[str, tuple[Any, ...]], dict[str, Any]]


def _sentinels(taken: set[str]) -> dict[str, str]:
    """Return a value for every column that any table has, but for the fields of the form."""
    found = {}
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            value: object = TEXT
            if isinstance(column.type, Boolean):
                value = "true"
            elif isinstance(column.type, Integer):
                value = NUMBER
            elif isinstance(column.type, DateTime | Date) or column.name.endswith("_at"):
                value = DAY
            found[column.name] = str(value)
    return {name: value for name, value in found.items() if name not in taken}


def _rows() -> Rows:
    db.session.rollback()
    found: Rows = {}
    for table in Base.metadata.sorted_tables:
        keys = [column.name for column in table.primary_key]
        for row in db.session.execute(select(table)).mappings():
            found[table.name, tuple(row[key] for key in keys)] = dict(row)
    db.session.rollback()
    return found


def _difference(before: Rows, after: Rows) -> dict[tuple[str, str], set[str]]:
    """Return what a request did: values by (table, column), those of new rows included."""
    found: dict[tuple[str, str], set[str]] = {}
    for place, row in after.items():
        old = before.get(place)
        for column, value in row.items():
            if old is None or old[column] != value:
                shown = "" if column in _VOLATILE else repr(value)
                found.setdefault((place[0], column), set()).add(shown)
    for place in before.keys() - after.keys():
        found.setdefault((place[0], "(deleted)"), set()).add("")
    return found


def _writes(app: Flask) -> list[tuple[Rule, str]]:
    return [
        (rule, method) for rule, method in rules(app)
        if method != "GET" and not rule.endpoint.startswith("worker_api")
    ]  # fmt: skip


@pytest.fixture
def world(app: Flask) -> World:
    return make_world(app)


def _who(rule: Rule) -> str:
    """Return somebody whose request succeeds."""
    if rule.endpoint in ("competitions.grant", "space.grant"):
        return "staff"
    if rule.endpoint.startswith("competitions.") and rule.endpoint != "competitions.register_now":
        return "organizer"
    if rule.endpoint.startswith(("dumps.", "library.", "parts.", "queues.", "task")):
        return "organizer"
    if rule.endpoint == "submissions.start" or rule.endpoint.startswith("organizing."):
        return "organizer"
    if rule.endpoint in ("accounts.sign_up_now", "accounts.log_in_now"):
        return "visitor"
    return "stranger" if rule.endpoint == "competitions.register_now" else "participant"


def test_columns_named_in_a_form_change_nothing_more(world: World) -> None:
    surplus = []
    for rule, method in _writes(world.app):
        plain, crowded = (_effect(world, rule, method, crowd=crowd) for crowd in (False, True))
        if plain != crowded:
            surplus.append(f"{rule.rule}: {plain} became {crowded}")
        for place, values in crowded.items():
            for value in values:
                assert str(NUMBER) not in value, f"{rule.rule}: {place}"
                assert TEXT not in value, f"{rule.rule}: {place}"
                assert "2001, 2, 3" not in value, f"{rule.rule}: {place}"
    assert surplus == [], "\n".join(surplus)


def _effect(
    world: World, rule: Rule, method: str, *, crowd: bool
) -> dict[tuple[str, str], set[str]]:
    """Send a request, see what it wrote, and take it back."""
    options = world.form(rule.endpoint)
    if crowd:
        options = {"data": {**_sentinels(set(options["data"])), **options["data"]}}
    before = _rows()
    seen: list[dict[tuple[str, str], set[str]]] = []

    def look_and_take_back() -> None:
        db.session.flush()
        after: Rows = {}
        for table in Base.metadata.sorted_tables:
            keys = [column.name for column in table.primary_key]
            for row in db.session.execute(select(table)).mappings():
                after[table.name, tuple(row[key] for key in keys)] = dict(row)
        seen.append(_difference(before, after))
        platform_db.rollback()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform_db, "commit", look_and_take_back)
        with world.ask(_who(rule), rule, method, **options) as answer:
            assert answer.status_code < 500
    return seen[-1] if seen else {}


def test_this_test_sees_what_a_form_writes(world: World) -> None:
    effects = {
        rule.endpoint: _effect(world, rule, method, crowd=False)
        for rule, method in _writes(world.app)
    }
    without = {name for name, effect in effects.items() if not effect}
    # A refused log-in, and whatever is refused on purpose, writes nothing.
    assert without <= {
        "accounts.log_in_now", "accounts.change_password", "accounts.log_out_elsewhere",
        "leaderboards.remove", "competitions.publish", "space.clear", "tasks.withdraw",
        # Nothing stands on the board, nothing was required before, and nothing waits elsewhere.
        "organizing.migrate", "organizing.require", "organizing.move", "organizing.rerun_outdated",
        "kits.create",  # is only sent
        "rehearsal.rehearse",  # there is no solution
    }, without  # fmt: skip
    assert ("submissions", "owner_id") in effects["submissions.create"]

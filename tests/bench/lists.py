"""How long the lists of files and tasks take inside the process, on both databases."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from app.accounts.models import User
from app.platform.db import Base, db, unit_of_work
from app.platform.storage import PRIVATE
from app.resources.library.drafts import KINDS
from app.resources.models import FileKind, StoredFile, Task, TaskRevision, TaskShare
from tests.actors import browser
from tests.bench.inprocess import filled, timed
from tests.factories import NOW, make_user

ROWS = 10_000
TRIES = 20
_PORTION = 1_000
_WORDS = (
    "chest", "breast", "lung", "brain", "retina", "skin", "heart", "liver", "bone", "kidney",
    "mammography", "tomography", "ultrasound", "microscopy", "signal", "report", "text", "wave",
)  # fmt: skip
_RARE = "zebrafish"
_PAGES = ("", "&page=100", "&page=200")
"""The first of 200, the middle one and the last."""
_LISTS: dict[str, Sequence[str]] = {
    "files": (
        *(f"/resources/?{page}" for page in _PAGES),
        *(f"/resources/?sort={sort}{page}" for sort in ("name", "-size") for page in _PAGES),
        "/resources/?kind=reference_data", "/resources/?kind=reference_data&origin=bundle&page=10",
        "/resources/?q=lung", "/resources/?q=lung+report&page=2", f"/resources/?q={_RARE}",
        "/resources/?q=nothing+has+this",
    ),
    "public_files": (
        *(f"/resources/?whose=public{page}" for page in _PAGES),
        "/resources/?whose=public&q=lung", f"/resources/?whose=public&q={_RARE}&kind=input_data",
    ),
    "datasets": (
        *(f"/datasets/?{page}" for page in _PAGES),
        "/datasets/?kind=input_data&page=20", "/datasets/?q=lung", f"/datasets/?q={_RARE}",
        "/datasets/?q=nothing+has+this", "/datasets/?sort=-downloads",
    ),
    "tasks": (
        *(f"/tasks/?{page}" for page in _PAGES),
        "/tasks/?q=lung", f"/tasks/?q={_RARE}", "/tasks/?q=nothing+has+this",
    ),
    "tasks_of_others": (
        *(f"/tasks/?whose={whose}{page}" for whose in ("public", "shared") for page in _PAGES),
        "/tasks/?whose=shared&q=lung", f"/tasks/?whose=public&q={_RARE}",
    ),
    "space": ("/resources/space/",),
}  # fmt: skip


@dataclass(frozen=True)
class _Asked:
    owner: FlaskClient
    other: FlaskClient
    """With whom every task is shared."""
    visitor: FlaskClient

    def readers(self, what: str) -> Sequence[FlaskClient]:
        if what == "datasets":
            return [self.visitor]
        return [self.other if what == "tasks_of_others" else self.owner]


def measure(database_url: str) -> dict[str, dict[str, float | str]]:
    """Measure lists of 10 000 rows on an empty database; returns figures by list.

    Each has the most statements, and of the slowest of its addresses the times: ``slowest``.
    """
    figures: dict[str, dict[str, float | str]] = {}
    with filled(database_url, _fill) as (asked, statements):
        for what, urls in _LISTS.items():
            of_each = {url: timed([url], asked.readers(what), statements, TRIES) for url in urls}
            slowest = max(of_each, key=lambda url: of_each[url]["p95"])
            sql = max(found["sql"] for found in of_each.values())
            figures[what] = {**of_each[slowest], "sql": sql, "slowest": slowest}
    return figures


def _fill(app: Flask) -> _Asked:
    owner, other = make_user("olga"), make_user("pavel")
    with unit_of_work():
        for kind, rows in _rows(owner, other).items():
            for start in range(0, len(rows), _PORTION):
                db.session.execute(insert(kind), rows[start : start + _PORTION])
    return _Asked(browser(app, owner), browser(app, other), browser(app, None))


def _rows(owner: User, other: User) -> dict[type[Base], list[dict[str, Any]]]:
    """Return 10 000 public files and as many tasks made of them, shared and public, too.

    As many submissions of the other person lie among the files, which no list may stumble over.
    """
    chance = random.Random(ROWS)
    rows: dict[type[Base], list[dict[str, Any]]] = {
        kind: [] for kind in (StoredFile, Task, TaskRevision, TaskShare)
    }
    for number in range(1, ROWS + 1):
        file, submission = 2 * number, 2 * number + 1
        words = " ".join([*chance.sample(_WORDS, 3), *([_RARE] if number % 2500 == 0 else [])])
        at = NOW - timedelta(minutes=number)
        kind = KINDS[number % len(KINDS)]
        named = {"name": f"{words} {number}", "description": f"All about {words}. " * 10}
        size = chance.randrange(10**9)
        of_bundle = {"came_with_bundle": number % 2 == 0, "downloads": chance.randrange(100)}
        rows[StoredFile] += [
            {**_file(file, owner, kind, at), **named, **of_bundle, "size_bytes": size,
             "is_public": True},
            {**_file(submission, other, FileKind.SUBMISSION, at), "description": "",
             "name": "Result", "came_with_bundle": False, "downloads": 0, "size_bytes": 100,
             "is_public": False},
        ]  # fmt: skip
        rows[Task].append({
            "id": number, "owner_id": owner.id, "created_at": at, "is_public": True, **named,
        })  # fmt: skip
        rows[TaskRevision].append({
            "task_id": number, "number": 1, "created_at": at, "scoring_program_id": file,
        })  # fmt: skip
        rows[TaskShare].append({"task_id": number, "user_id": other.id})
    return rows


def _file(number: int, owner: User, kind: FileKind, at: Any) -> dict[str, Any]:
    return {
        "id": number, "owner_id": owner.id, "kind": kind, "file_name": f"{number}.zip",
        "bucket": PRIVATE, "object_key": f"files/{number}", "is_complete": True,
        "created_at": at,
    }  # fmt: skip

"""How long the lists of resources take inside the process, and how many statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient

from tests.actors import browser
from tests.bench.holdings import RARE, fill
from tests.bench.inprocess import filled, timed
from tests.factories import make_user

TRIES = 20
_PAGES = ("page=1", "page=100", "page=200")
"""The first of 200, the middle one and the last."""


def _pages(address: str, *questions: str) -> list[str]:
    return [f"{address}?{asked}{page}" for asked in questions or ("",) for page in _PAGES]


_LISTS: dict[str, Sequence[str]] = {
    "files": (
        *_pages("/resources/", "", "sort=name&", "sort=-size&"),
        "/resources/?kind=reference_data", "/resources/?kind=reference_data&origin=bundle&page=10",
        "/resources/?q=lung", "/resources/?q=lung+report&page=2", f"/resources/?q={RARE}",
        "/resources/?q=nothing+has+this",
    ),
    "public_files": (
        *_pages("/resources/", "whose=public&"),
        "/resources/?whose=public&q=lung", f"/resources/?whose=public&q={RARE}&kind=input_data",
    ),
    "datasets": (
        *_pages("/datasets/", "", "sort=-downloads&"),
        "/datasets/?kind=input_data&page=20", "/datasets/?q=lung", f"/datasets/?q={RARE}",
        "/datasets/?q=nothing+has+this",
    ),
    "tasks": (
        *_pages("/tasks/", "", "sort=name&", "sort=-used&"),
        "/tasks/?q=lung", f"/tasks/?q={RARE}", "/tasks/?q=nothing+has+this",
    ),
    "tasks_of_others": (
        *_pages("/tasks/", "whose=public&", "whose=shared&"),
        "/tasks/?whose=shared&q=lung", f"/tasks/?whose=public&q={RARE}",
    ),
    "bundles": (
        *_pages("/resources/bundles/", "", "sort=name&", "sort=-size&"),
        "/resources/bundles/?what=import&page=3", "/resources/bundles/?q=lung",
        f"/resources/bundles/?q={RARE}",
    ),
    "submissions": (
        *_pages("/resources/submissions/", "", "sort=-size&"),
        "/resources/submissions/?state=failed&page=3", "/resources/submissions/?q=benchmark",
        "/resources/submissions/?q=nothing+has+this",
    ),
    "space": ("/resources/space/",),
}  # fmt: skip


@dataclass(frozen=True)
class _Asked:
    owner: FlaskClient
    other: FlaskClient
    visitor: FlaskClient

    def readers(self, what: str) -> Sequence[FlaskClient]:
        if what == "datasets":
            return [self.visitor]
        return [self.other if what in ("tasks_of_others", "submissions") else self.owner]


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
    fill(owner, other)
    return _Asked(browser(app, owner), browser(app, other), browser(app, None))

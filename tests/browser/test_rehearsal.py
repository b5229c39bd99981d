"""An organizer checks a bundle, imports it, and sees its sample solutions scored."""

from __future__ import annotations

import io
import re
import zipfile

from playwright.sync_api import expect

from tests.browser.conftest import People
from tests.services import bundles
from tests.stack import RunningStack


def rehearsable() -> bytes:
    """A benchmark of two tasks with a solution that is right, and one that cannot be read."""
    solutions = [
        {"index": 0, "name": "Half", "tasks": [0, 1], "path": "half.zip"},
        {"index": 1, "name": "Empty", "tasks": [1], "path": "empty.zip"},
    ]
    made = bundles.bundle("Rehearsed", references=[bundles.TRUTH] * 2, solutions=solutions)
    out = io.BytesIO(made)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("half.zip", bundles.result(0.5))
        archive.writestr("empty.zip", bundles.zipped({"other.txt": "7"}))
    return out.getvalue()


def test_bundle_is_checked_then_imported_and_rehearsed(people: People, stack: RunningStack) -> None:
    organizer = people(stack)
    organizer.go("/sign-up")
    organizer.sign_up("renate")
    page = organizer.page
    organizer.go("/bundles/new")
    organizer.choose("rehearsed.zip", rehearsable())
    organizer.press("Check")
    page.wait_for_url(re.compile(r"/bundles/\d+$"))
    expect(page.get_by_text("The bundle can be imported.")).to_be_visible()
    expect(page.get_by_role("heading", name="Check of rehearsed.zip")).to_be_visible()
    organizer.go("/bundles/new")
    organizer.choose("rehearsed.zip", rehearsable())
    organizer.press("Import")
    organizer.follow("Open the benchmark")
    organizer.follow("Manage")
    expect(page.get_by_text("Not rehearsed yet.")).to_be_visible()
    organizer.press("Rehearse")
    organizer.mark()
    expect(page.get_by_text("Rehearsed, 1 of 2 solutions scored.")).to_be_visible()
    assert organizer.was_not_reloaded()
    assert page.get_by_role("row", name=re.compile("^Half ")).get_by_text("1.000").count() == 2
    expect(page.get_by_role("row", name=re.compile("^Empty "))).to_contain_text(
        "The task or the solution is at fault"
    )
    organizer.follow("Log of Half on Task 0")
    expect(page.get_by_text("A rehearsal: a sample solution")).to_be_visible()

"""A large file on its way: the network is lost, the page is closed, and nothing is sent twice."""

from __future__ import annotations

import re
import threading
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Response, Route, expect
from sqlalchemy import select

from app.platform.db import db
from app.platform.storage import store
from app.resources.models import PartUpload, StoredFile
from tests.browser.conftest import People
from tests.browser.person import Person
from tests.browser.world import World

PART = 16 * 1024**2
_PART_3 = re.compile(r"[?&]partNumber=3(&|$)")
_FROM_PART_3 = re.compile(r"[?&]partNumber=[345](&|$)")


def _large_zip(folder: Path, **texts: str) -> Path:
    path = folder / "numbers.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zeros.bin", bytes(4 * PART + 1000))
        for name, text in texts.items():
            archive.writestr(name.replace("__", "."), text)
    return path


def _begin(person: Person, world: World, path: Path) -> None:
    person.go(world.path("library.new"))
    person.page.get_by_label("Name", exact=True).fill("Numbers")
    person.page.get_by_label("What it is").select_option("input_data")
    person.page.locator('input[type="file"]').set_input_files(path)
    person.press("Upload")


def _watch_parts(person: Person) -> list[int]:
    """Return a list that the number of each part joins that the store takes."""
    taken: list[int] = []

    def note(answer: Response) -> None:
        found = re.search(r"[?&]partNumber=(\d+)", answer.url)
        if found and answer.request.method == "PUT" and answer.status == 200:
            taken.append(int(found[1]))

    person.context.on("response", note)
    return taken


def test_upload_goes_on_after_a_lost_network_and_a_closed_page(
    world: World, people: People, tmp_path: Path
) -> None:
    path = _large_zip(tmp_path)
    person = people(world.stack, world.cookie("petra"))
    taken = _watch_parts(person)
    person.context.route(_PART_3, lambda route: route.abort("internetdisconnected"))
    _begin(person, world, path)
    panel = person.page.locator("[data-upload-status]")
    expect(panel).to_contain_text("waiting for it to come back")
    # What arrived before it broke is told, as of then and not as of the batch's beginning.
    expect(person.page.locator("[data-upload-text]")).to_contain_text(re.compile("^(32|48|64) MiB"))
    person.page.set_viewport_size({"width": 360, "height": 800})
    assert person.page.evaluate("document.documentElement.scrollWidth") <= 360

    person.page.close()  # with the laptop
    person.page = person.context.new_page()
    _begin(person, world, path)
    expect(person.page.locator("[data-upload-status]")).to_contain_text("waiting for it")

    person.context.unroute(_PART_3)  # the network is back, and the page finds out by itself
    expect(person.page.get_by_role("heading", name="Numbers", level=1)).to_be_visible()
    expect(person.page.get_by_role("link", name=re.compile("Download"))).to_be_visible()
    for words in ("SHA-256", "Upload a new version", "Make it public"):  # without a reload
        expect(person.page.get_by_text(words, exact=True)).to_be_visible()
    assert sorted(taken) == [1, 2, 3, 4, 5]
    person.problems.clear()  # failed loads, on purpose


@pytest.mark.parametrize(
    ("page", "button", "arrived"),
    [
        ("bundles.new", "Check", "The bundle cannot be imported"),
        ("task_zips.new", "Upload task", "The task zip cannot be used"),
        ("submissions.new", "Upload and review", "Review your submission"),
    ],
)
def test_other_uploads_go_on_after_a_lost_network_too(
    world: World, people: People, tmp_path: Path, page: str, button: str, arrived: str
) -> None:
    where = {"competition_id": "demo"} if page == "submissions.new" else {}
    path = _large_zip(tmp_path, competition__yaml="version: 2", task__yaml="name: Triage")
    person = people(world.stack, world.cookie("pavel"))
    taken = _watch_parts(person)
    person.context.route(_PART_3, lambda route: route.abort("internetdisconnected"))

    def begin() -> None:
        person.go(world.path(page, **where))
        person.page.locator('input[type="file"]').set_input_files(path)
        person.press(button)

    begin()
    expect(person.page.locator("[data-upload-status]")).to_contain_text("waiting for it to come")
    person.page.close()
    person.page = person.context.new_page()
    begin()
    expect(person.page.locator("[data-upload-status]")).to_contain_text("waiting for it to come")
    person.context.unroute(_PART_3)
    expect(person.page.get_by_role("main")).to_contain_text(arrived)
    assert sorted(taken) == [1, 2, 3, 4, 5]
    person.problems.clear()  # failed loads, on purpose


def test_screen_readers_do_not_hear_of_waiting_after_the_upload_went_on(
    world: World, people: People, tmp_path: Path
) -> None:
    person = people(world.stack, world.cookie("petra"))
    is_back, has_gone_on = threading.Event(), threading.Event()

    def network(route: Route) -> None:
        """Be away; then let part 3 through and hold the others: not another quarter arrives."""
        if is_back.is_set() and "partNumber=3" in route.request.url:
            has_gone_on.set()
            route.continue_()
        elif not has_gone_on.is_set():
            route.abort("internetdisconnected")

    person.context.route(_FROM_PART_3, network)
    _begin(person, world, _large_zip(tmp_path))
    spoken = person.page.locator("[data-upload-announce]")
    expect(spoken).to_contain_text("waiting for it to come back")
    is_back.set()
    expect(spoken).to_have_text(re.compile(r"sent$"))
    with person.page.expect_response(re.compile("/resources/$")):
        person.page.get_by_role("button", name="Cancel upload").click()
    person.problems.clear()  # failed loads, on purpose


def test_upload_that_the_store_forgot_begins_again_by_itself_and_says_why(
    world: World, people: People, tmp_path: Path
) -> None:
    person = people(world.stack, world.cookie("petra"))
    taken = _watch_parts(person)
    person.context.route(_PART_3, lambda route: route.abort("internetdisconnected"))
    _begin(person, world, _large_zip(tmp_path))
    expect(person.page.locator("[data-upload-status]")).to_contain_text("waiting for it to come")
    forgotten = set(taken)
    _forget_uploads(world)
    expect(person.page.get_by_text("The upload begins again from the start.")).to_be_visible()
    expect(person.page.locator("[data-upload-status]")).to_contain_text("waiting for it to come")
    person.context.unroute(_PART_3)
    expect(person.page.get_by_role("link", name=re.compile("Download"))).to_be_visible()
    assert {1, 2} <= forgotten
    assert sorted([*forgotten, 1, 2, 3, 4, 5]) == sorted(taken)
    person.problems.clear()  # failed loads, on purpose


def _forget_uploads(world: World) -> None:
    """Make the store forget what has arrived of every upload, as a restart of it does."""
    with world.app.app_context():
        for upload in db.session.scalars(select(PartUpload)).all():
            file = db.session.get_one(StoredFile, upload.file_id)
            store().abort_parts(file.ref, upload.upload_id)
        db.session.rollback()


def test_cancelled_upload_is_forgotten(world: World, people: People, tmp_path: Path) -> None:
    path = _large_zip(tmp_path)
    person = people(world.stack, world.cookie("wanda"))

    def hold(route: Route) -> None:
        """Let no second part through: the upload is under way when it is cancelled."""

    person.context.route(re.compile(r"[?&]partNumber=2(&|$)"), hold)
    _begin(person, world, path)
    expect(person.page.locator("[data-upload-text]")).to_contain_text("sent")
    with person.page.expect_response(re.compile("/resources/$")):
        person.page.get_by_role("button", name="Cancel upload").click()
    expect(person.page.locator("[data-upload-text]")).to_contain_text("Upload cancelled")
    person.go(world.path("library.listing"))
    expect(person.page.get_by_text("No files yet")).to_be_visible()

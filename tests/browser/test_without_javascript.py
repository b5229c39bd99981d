"""The participant's path in a browser that runs no scripts."""

from __future__ import annotations

import time

from playwright.sync_api import expect

from tests.browser import benchmarks
from tests.browser.conftest import People
from tests.browser.person import Person
from tests.browser.world import World
from tests.patience import PATIENCE_S

_SLEEPS = "import time\nprint('still here', flush=True)\ntime.sleep(900)\n"


def _refreshed_until(person: Person, words: str) -> None:
    """Follow the page's own link again and again, until it says the words."""
    end = time.monotonic() + PATIENCE_S
    while words not in person.page.get_by_role("main").inner_text():
        assert time.monotonic() < end, f"The page never said {words!r}."
        person.page.wait_for_timeout(300)
        person.follow("Refresh")


def _submitted(person: Person, file_name: str, content: bytes) -> int:
    person.follow("Submit")
    person.choose(file_name, content)
    person.press("Upload and review")
    expect(person.page.get_by_role("main")).to_contain_text(file_name)
    person.press("Submit to Development")
    expect(person.page.get_by_role("heading", level=2)).to_contain_text("Submission")
    return int(person.page.url.rpartition("/")[2])


def test_participant_needs_no_script(world: World, people: People) -> None:
    plain = benchmarks.bundle(
        "One for old browsers", registration_auto_approve=False, terms="Be patient."
    )
    world.import_bundle("plain", plain)
    person = people(world.stack, java_script_enabled=False)
    person.go(world.path("competitions.detail", competition_id="plain"))
    person.follow("Take part")
    person.follow("Sign up")
    person.sign_up("pina")
    person.press("Take part")
    expect(person.page.get_by_role("alert")).to_contain_text("Accept the terms to take part.")
    person.page.get_by_label("I accept the terms").check()
    person.press("Take part")
    expect(person.page.get_by_role("status").first).to_contain_text("with the organizer")

    organizer = people(world.stack, world.cookie("olga"), java_script_enabled=False)
    organizer.go(world.path("competitions.participants", competition_id="plain"))
    organizer.press("Approve pina")
    expect(organizer.page.get_by_role("row", name="pina")).to_contain_text("Approved")

    _submitted(person, "numbers.zip", benchmarks.result(0.625))
    assert [one.method for one in person.requests if one.method == "PUT"] == []
    _refreshed_until(person, "Finished")
    expect(person.page.locator(".scores")).to_contain_text("0.625")
    person.follow("Detailed results")
    expect(person.page.locator("iframe").content_frame.get_by_role("heading")).to_be_visible()

    slow = _submitted(person, "slow.zip", benchmarks.program(_SLEEPS))
    _refreshed_until(person, "still here")
    person.follow(f"Cancel submission {slow}")
    person.press(f"Cancel submission {slow}")
    expect(person.page.get_by_role("main")).to_contain_text("The participant cancelled it.")

    person.follow("Leaderboard")
    expect(person.page.get_by_role("rowheader", name="pina")).to_be_visible()
    person.page.locator("header .menu summary").click()
    person.page.get_by_role("button", name="Log out").click()
    expect(person.page.get_by_role("status").first).to_contain_text("You are logged out.")


def test_organizer_needs_no_script(world: World, people: People) -> None:
    person = people(world.stack, world.cookie("olga"), java_script_enabled=False)
    person.go(world.path("bundles.new"))
    person.choose("plain.zip", benchmarks.bundle("Brought without a script"))
    person.press("Import")
    _refreshed_until(person, "The benchmark is made.")
    person.follow("Open the benchmark")
    person.follow("Manage")
    person.press("Publish")
    expect(person.page.get_by_role("status").first).to_contain_text("The benchmark is published.")


_TWO_PHASES = [
    {"name": "Development", "start": "2025-01-01", "end": "2098-01-01", "tasks": [0]},
    {"name": "Final", "start": "2099-01-01", "tasks": [0]},
]


def _says(person: Person, words: str) -> None:
    expect(person.page.get_by_role("status").first).to_contain_text(words)


def test_organizer_runs_again_and_migrates_without_a_script(world: World, people: People) -> None:
    world.import_bundle("revised", benchmarks.bundle("A task that is revised", phases=_TWO_PHASES))
    task = world.newest_task()
    world.join("pavel", "revised")
    world.wait(world.submit("pavel", "revised phase", benchmarks.result(0.5)))
    person = people(world.stack, world.cookie("olga"), java_script_enabled=False)
    person.go(world.path("tasks.detail", key=task))
    person.follow("Change it")
    person.page.get_by_label("Upload reference data").set_input_files(
        {"name": "truth.zip", "mimeType": "application/zip", "buffer": benchmarks.result(1)}
    )
    person.press("Save")
    expect(person.page.get_by_role("heading", name="Revision 2")).to_be_visible()

    board = world.path("leaderboards.board", phase_id="revised phase")
    person.go(board)
    expect(person.page.get_by_role("main")).to_contain_text("A task was changed since")
    person.follow("Run them again")
    person.press("Run the only one again")
    _says(person, "1 re-run is queued.")
    end = time.monotonic() + PATIENCE_S
    person.go(board)
    while "A task was changed since" in person.page.get_by_role("main").inner_text():
        assert time.monotonic() < end, "The re-run never took its place."
        person.page.wait_for_timeout(300)
        person.go(board)

    person.go(world.path("organizing.phases", competition_id="revised"))
    person.follow("Migrate 1 to Final")
    expect(person.page.get_by_role("main")).to_contain_text("Final is not open yet.")
    person.press("Migrate 1 to Final")
    _says(person, "1 submission is migrated.")
    expect(person.page.get_by_role("button", name="Migrate to Final")).to_be_disabled()
    person.follow("Run all of Development again")
    person.press("Run 1 submission again")
    _says(person, "1 re-run is queued.")

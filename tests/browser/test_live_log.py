"""What a program prints shows on the submission's page while it runs."""

from __future__ import annotations

import os
import re

from playwright.sync_api import expect

from client.launcher.home import ROOT
from tests.browser import axe, benchmarks
from tests.browser.conftest import People
from tests.browser.world import World
from tests.release import WAIT

LINES = 5
PICTURES = ROOT / "var" / "screenshots" if os.environ.get("SCREENSHOTS") else None
_TALKS = f"""
import sys
{WAIT}
for n in range({LINES}):
    print(f"This is line {{n}}.", flush=True)
    wait_for_word(sys.argv[1], f"heard{{n}}")
pathlib.Path(sys.argv[1], "answer.txt").write_text("0.5")
"""


def test_each_line_shows_before_the_program_writes_the_next(world: World, people: People) -> None:
    world.import_bundle("talk", benchmarks.bundle("A talkative one"))
    world.join("pavel", "talk")
    submission = world.submit("pavel", "talk phase", benchmarks.program(_TALKS))
    person = people(world.stack, world.cookie("pavel"))
    person.go(world.path("submissions.detail", submission_id=submission))
    person.mark()
    state = person.page.locator(f"#submission-{submission} > .row .state")
    log = person.page.locator("[data-log-text]")
    for number in range(LINES):
        expect(log).to_contain_text(f"This is line {number}.")
        expect(log).not_to_contain_text(f"This is line {number + 1}.")
        expect(state).to_have_text("Running")
        world.release(submission, f"heard{number}")
    expect(state).to_have_text("Finished")
    assert person.was_not_reloaded()


def test_page_stops_asking_once_a_submission_is_over(world: World, people: People) -> None:
    person = people(world.stack, world.cookie("pavel"))
    person.go(world.path("submissions.detail", submission_id="finished"))
    person.requests.clear()
    person.page.wait_for_timeout(1500)
    assert [one.url for one in person.requests if re.search("/live|/log", one.url)] == []


_DRAWS = f"""
import json, sys
{WAIT}
wait_for_word(sys.argv[1], "look")
for n in range(3):
    print(json.dumps({{"type": "plot", "name": "loss", "value": [n, 1 / (n + 1)]}}), flush=True)
print("\\x1b[31mred\\x1b[0m, and <b>not bold</b>", file=sys.stderr, flush=True)
wait_for_word(sys.argv[1], "go")
pathlib.Path(sys.argv[1], "answer.txt").write_text("0.5")
"""


def test_points_and_colours_show_as_they_are_printed(world: World, people: People) -> None:
    world.import_bundle("draw", benchmarks.bundle("One that draws"))
    world.join("pavel", "draw")
    submission = world.submit("pavel", "draw phase", benchmarks.program(_DRAWS))
    person = people(world.stack, world.cookie("pavel"))
    person.go(world.path("submissions.detail", submission_id=submission))
    person.mark()
    state = person.page.locator(f"#submission-{submission} > .row .state")
    expect(state).to_have_text("Running")
    world.release(submission, "look")
    expect(person.page.locator(".log__errors .ansi-red")).to_have_text("red")
    expect(person.page.locator("[data-log-text]")).to_contain_text("<b>not bold</b>")
    graph = person.page.locator("figure", has_text="plotted by the program")
    expect(graph.locator("svg[role=img] path.chart__line")).to_have_count(1)
    expect(graph).to_contain_text("loss")
    graph.get_by_text("As a table").click()
    expect(graph.get_by_role("row")).to_have_count(4)
    usage = person.page.locator("figure", has_text="Memory")
    expect(usage).to_be_visible()
    assert axe.findings(person.page) == []
    if PICTURES:
        person.page.screenshot(path=PICTURES / "drawing.png", full_page=True)
    world.release(submission, "go")
    expect(state).to_have_text("Finished")
    assert person.was_not_reloaded()


_TWO_TASKS = [
    {"index": place, "name": name, "scoring_program": "scoring/"}
    for place, name in enumerate(("First", "Second"))
]
_ONE_PHASE = [{"index": 0, "name": "Development", "start": "2025-01-01", "tasks": [0, 1]}]


def test_log_goes_on_to_the_next_task_unless_its_reader_chose_one(
    world: World, people: People
) -> None:
    bundle = benchmarks.bundle("One of two tasks", tasks=_TWO_TASKS, phases=_ONE_PHASE)
    world.import_bundle("twofold", bundle)
    world.join("pavel", "twofold")
    submission = world.submit("pavel", "twofold phase", benchmarks.program(_TALKS))
    address = world.path("submissions.detail", submission_id=submission)
    follower, chooser = (people(world.stack, world.cookie("pavel")) for _ in range(2))
    follower.go(address)
    follower.mark()
    expect(follower.page.locator("[data-log-text]")).to_contain_text("This is line 0.")
    current = follower.page.locator("#log a.button[aria-current=true]")
    expect(current).to_have_text("First")
    chooser.go(address)
    chooser.page.locator("#log a.button", has_text="First").click()
    expect(chooser.page.locator("[data-log-text]")).to_contain_text("This is line 0.")
    for number in range(LINES):
        expect(follower.page.locator("[data-log-text]")).to_contain_text(f"This is line {number}.")
        world.release(submission, f"heard{number}")
    expect(current).to_have_text("Second")
    log = follower.page.locator("[data-log-text]")
    expect(log).to_contain_text("This is line 0.")
    expect(log).not_to_contain_text("This is line 1.")
    chosen = chooser.page.locator("[data-log-text]")
    expect(chosen).to_contain_text(f"This is line {LINES - 1}.")
    expect(chooser.page.locator("#log a.button[aria-current=true]")).to_have_text("First")
    for number in range(LINES):
        expect(log).to_contain_text(f"This is line {number}.")
        world.release(submission, f"heard{number}", place=1)
    state = follower.page.locator(f"#submission-{submission} > .row .state")
    expect(state).to_have_text("Finished")
    expect(follower.page.get_by_role("group", name="Overall")).to_contain_text("0.500")
    assert axe.findings(follower.page) == []
    if PICTURES:
        follower.page.screenshot(path=PICTURES / "two-tasks.png", full_page=True)
    assert follower.was_not_reloaded()

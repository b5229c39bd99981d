"""What a program prints shows on the submission's page while it runs."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser import benchmarks
from tests.browser.conftest import People
from tests.browser.world import World
from tests.release import WAIT

LINES = 5
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

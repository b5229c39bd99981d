"""What a program prints shows on the submission's page while it runs."""

from __future__ import annotations

import re
from statistics import median

from playwright.sync_api import expect

from tests.browser import benchmarks
from tests.browser.conftest import People
from tests.browser.world import World

LINES = 24
_TALKS = f"""
import sys, time
for n in range({LINES}):
    print(f"line {{n}} written {{time.time():.3f}}.", flush=True)
    time.sleep(0.3)
"""
# Lines from before the page was opened could not be seen any sooner.
_NOTE_LINES = """() => {
  window.shown = {};
  const opened = Date.now() / 1000;
  const log = document.querySelector('[data-log-text]');
  const note = () => {
    for (const [, n, at] of log.textContent.matchAll(/line (\\d+) written ([\\d.]+)\\./g)) {
      if (Number(at) > opened) shown[n] ??= Date.now() / 1000 - Number(at);
    }
  };
  new MutationObserver(note).observe(log, {subtree: true, childList: true, characterData: true});
  note();
}"""
_BOUND_S = 3.0
"""Lines show within a second on a machine that does nothing else; this is for one that does."""


def test_each_line_shows_soon_after_it_was_written(world: World, people: People) -> None:
    world.import_bundle("talk", benchmarks.bundle("A talkative one"))
    world.join("pavel", "talk")
    submission = world.submit("pavel", "talk phase", benchmarks.program(_TALKS))
    person = people(world.stack, world.cookie("pavel"))
    person.go(world.path("submissions.detail", submission_id=submission))
    person.page.evaluate(_NOTE_LINES)
    person.mark()
    state = person.page.locator(f"#submission-{submission} > .row .state")
    expect(state).to_have_text("Finished", timeout=60_000)
    expect(person.page.locator("[data-log-text]")).to_contain_text(f"line {LINES - 1} written")
    assert person.was_not_reloaded()
    delays = list(person.page.evaluate("Object.values(shown)"))
    print(f"A line showed after {median(delays):.2f} s (median), {max(delays):.2f} s at most.")
    assert len(delays) >= LINES / 2
    assert max(delays) < _BOUND_S, delays


def test_page_stops_asking_once_a_submission_is_over(world: World, people: People) -> None:
    person = people(world.stack, world.cookie("pavel"))
    person.go(world.path("submissions.detail", submission_id="finished"))
    person.requests.clear()
    person.page.wait_for_timeout(1500)
    assert [one.url for one in person.requests if re.search("status|log", one.url)] == []

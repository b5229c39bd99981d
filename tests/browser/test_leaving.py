"""What stays in a browser after somebody has logged out."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import People
from tests.browser.world import World

_STORED = """async () => ({
  local: Object.keys(localStorage),
  session: Object.keys(sessionStorage),
  databases: (await indexedDB.databases()).length,
  caches: (await caches.keys()).length,
})"""


@pytest.mark.security
def test_nothing_but_the_chosen_theme_stays(world: World, people: People) -> None:
    person = people(world.stack, world.cookie("pavel"))
    for endpoint, number in (
        ("leaderboards.board", {"phase_id": "demo phase"}),
        ("submissions.detail", {"submission_id": "finished"}),
        ("competitions.detail", {"competition_id": "ward"}),
    ):
        person.go(world.path(endpoint, **number))
    person.page.wait_for_load_state("networkidle")
    assert person.page.evaluate(_STORED)["session"] == []
    person.page.get_by_label("Appearance").select_option("dark")
    person.page.locator("header .menu summary").click()
    person.page.get_by_role("button", name="Log out").click()
    expect(person.page.get_by_role("status").first).to_contain_text("You are logged out.")
    assert person.page.evaluate(_STORED) == {
        "local": ["plumbline.theme"], "session": [], "databases": 0, "caches": 0,
    }  # fmt: skip
    person.page.go_back()
    person.page.go_back()
    expect(person.page.get_by_role("heading", name="Log in")).to_be_visible()

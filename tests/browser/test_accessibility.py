"""Every page: no finding of axe-core, no sideways scrolling, and all of it by keyboard."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

import pytest
from flask import Flask
from playwright.sync_api import Page as OpenPage
from playwright.sync_api import ViewportSize, expect

from client.launcher.home import ROOT
from tests.browser import axe, benchmarks
from tests.browser.conftest import WIDE, People
from tests.browser.pages import NOT_PAGES, PAGES, Page
from tests.browser.person import Person
from tests.browser.world import World

Visit = Callable[[Page], Person]

NARROW = ViewportSize(width=360, height=740)
ZOOMED = ViewportSize(width=640, height=400)
"""A window of 1280 by 800 at 200 %."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PICTURES = ROOT / "var" / "screenshots" if os.environ.get("SCREENSHOTS") else None
"""Where pictures of every page go, if somebody asked for them by SCREENSHOTS=1."""

_MORE_STOPS = 20
"""Some elements take several: a date has a day, a month and a year."""
_FOLLOW_FOCUS = """() => {
  const wanted = 'a[href], button, input, select, textarea, summary, [tabindex]';
  const shown = {visibilityProperty: true, opacityProperty: true};
  const groups = new Set();
  window.tabbable = [...document.querySelectorAll(wanted)].filter((element) => {
    if (element.disabled || element.tabIndex < 0 || !element.checkVisibility(shown)) return false;
    if (element.type !== 'radio') return true;
    const isFirst = !groups.has(element.name);
    groups.add(element.name);
    return isFirst;
  });
  window.reached = new Set();
  window.unmarked = [];
  addEventListener('focusin', ({target}) => {
    reached.add(target);
    const {outlineStyle, outlineWidth} = getComputedStyle(target);
    if (outlineStyle === 'none' || parseFloat(outlineWidth) < 1) unmarked.push(target.outerHTML.slice(0, 120));
  });
  return tabbable.length;
}"""
_REPEATED_IDS = """() => [...document.querySelectorAll('[id]')]
  .map(({id}) => id).filter((id, place, all) => all.indexOf(id) !== place)"""
_MISSED = """() => tabbable
  .filter((element) => !reached.has(element)
    && !(element.type === 'radio' && [...reached].some((other) => other.name === element.name)))
  .map((element) => element.outerHTML.slice(0, 120))"""


def _sideways(page: OpenPage) -> float:
    """Return by how many pixels the page scrolls sideways."""
    pixels: float = page.evaluate("(scrollTo({left: 9999, behavior: 'instant'}), scrollX)")
    page.evaluate("scrollTo({left: 0, behavior: 'instant'})")
    return pixels


def test_every_page_of_the_site_is_listed(app: Flask) -> None:
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    listed = {page.endpoint for page in PAGES} - {""}
    assert routes - set(NOT_PAGES) == listed
    assert set(NOT_PAGES) <= routes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_has_no_findings(page: Page, visit: Visit) -> None:
    person = visit(page)
    found = {}
    for size in (WIDE, NARROW):
        person.page.set_viewport_size(size)
        for scheme in SCHEMES:
            person.page.emulate_media(color_scheme=scheme)
            if PICTURES:
                picture = PICTURES / f"{page.name}-{size['width']}-{scheme}.png"
                person.page.screenshot(path=picture, full_page=True)
            found[size["width"], scheme] = axe.findings(person.page)
    assert found == {key: [] for key in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_never_scrolls_sideways_and_is_all_reached_by_keyboard(
    page: Page, visit: Visit
) -> None:
    person = visit(page)
    sideways = {}
    for size in (WIDE, ZOOMED, NARROW):
        person.page.set_viewport_size(size)
        sideways[size["width"]] = _sideways(person.page)
    assert sideways == {1600: 0, 640: 0, 360: 0}
    assert person.page.evaluate(_REPEATED_IDS) == []
    count = person.page.evaluate(_FOLLOW_FOCUS)
    # Another field may have the focus from the beginning; the way leads from the first link.
    person.page.locator(".skip-link").focus()
    for _ in range(count):
        person.page.keyboard.press("Tab")
    for _ in range(_MORE_STOPS):
        if not person.page.evaluate(_MISSED):
            break
        person.page.keyboard.press("Tab")
    assert person.page.evaluate(_MISSED) == []
    assert person.page.evaluate("unmarked") == []


_OVERLAPPING = """() => {
  const boxes = [...document.querySelectorAll('.timeline__axis text')]
    .map((label) => [label.textContent, label.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], place) => boxes.slice(place + 1)
    .filter(([, b]) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
    .map(([other]) => `${one} and ${other}`));
}"""


@pytest.mark.parametrize("width", [360, 640, 970, 1600])
def test_labels_of_the_timeline_never_overlap(width: int, visit: Visit) -> None:
    person = visit(next(page for page in PAGES if page.name == "phases"))
    person.page.set_viewport_size(ViewportSize(width=width, height=800))
    expect(person.page.locator(".timeline__axis text")).to_have_count(3)
    assert person.page.evaluate(_OVERLAPPING) == []


def test_skip_link_leads_past_the_header(visit: Visit) -> None:
    person = visit(next(page for page in PAGES if page.name == "board"))
    person.page.keyboard.press("Tab")
    link = person.page.get_by_role("link", name="Skip to the content")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#main")).to_be_focused()
    person.page.keyboard.press("Tab")
    assert person.page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize(
    ("name", "button"),
    [("log-in", "Log in"), ("sign-up", "Sign up"), ("register", "Take part"),
     ("account", "Change password"), ("review-questions", "Submit to Development"),
     ("manage-staff", "Save the grants")],
)  # fmt: skip
def test_refused_form_has_no_findings(name: str, button: str, visit: Visit) -> None:
    person = visit(next(page for page in PAGES if page.name == name))
    if name == "manage-staff":
        person.page.get_by_label("Memory").fill("1")
    person.press(button)
    expect(person.page.locator("[aria-invalid=true]").first).to_be_focused()
    assert axe.findings(person.page) == []


def test_running_submission_has_no_findings_and_can_be_cancelled(
    world: World, people: People
) -> None:
    world.import_bundle("slow", benchmarks.bundle("A slow one"))
    world.join("pavel", "slow")
    code = "import time\nfor n in range(5000):\n    print('line', n, flush=True)\n    time.sleep(0.2)\n"
    submission = world.submit("pavel", "slow phase", benchmarks.program(code))
    person = people(world.stack, world.cookie("pavel"), viewport=WIDE, reduced_motion="reduce")
    person.go(world.path("submissions.detail", submission_id=submission))
    expect(person.page.locator("[data-log-text]")).to_contain_text("line 3")
    found = axe.findings(person.page)
    if PICTURES:
        for scheme in SCHEMES:
            person.page.emulate_media(color_scheme=scheme)
            person.page.screenshot(path=PICTURES / f"running-1600-{scheme}.png", full_page=True)
    person.follow(f"Cancel submission {submission}")
    person.press(f"Cancel submission {submission}")
    expect(person.page.locator(f"#submission-{submission}")).to_contain_text("Cancelled")
    assert found == []

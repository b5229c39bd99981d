"""Wide tables on narrow pages: what says that there is more, and what is in view first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, ViewportSize, expect

from tests.browser.pages import PAGES, Page
from tests.browser.person import Person

NARROW = ViewportSize(width=360, height=740)
_SHADOWS = """region => ['before', 'after']
  .map((side) => Number(getComputedStyle(region).getPropertyValue(`--more-${side}`)))"""


def _page(name: str) -> Page:
    return next(page for page in PAGES if page.name == name)


def _scrolled(region: Locator, to: int) -> list[float]:
    """Scroll a region sideways; return how much of its shadows shows at its start and end."""
    region.evaluate("(region, to) => new Promise((done) => { region.scrollLeft = to;"
                    " requestAnimationFrame(() => requestAnimationFrame(done)); })", to)  # fmt: skip
    found: list[float] = region.evaluate(_SHADOWS)
    return found


def test_shadows_say_on_which_side_there_is_more(visit: Callable[[Page], Person]) -> None:
    person = visit(_page("board-own"))
    region = person.page.locator(".table-region").first
    assert _scrolled(region, 0) == [0, 0]
    person.page.set_viewport_size(NARROW)
    assert _scrolled(region, 0) == [0, 1]
    assert _scrolled(region, 100) == [1, 1]
    assert _scrolled(region, 9999) == [1, 0]


@pytest.mark.parametrize(
    ("name", "words"),
    [("submissions", "Finished"), ("submissions-all", "Finished"), ("server-status-staff", "Finished")],
)  # fmt: skip
def test_state_is_in_view_on_a_narrow_page(
    name: str, words: str, visit: Callable[[Page], Person]
) -> None:
    person = visit(_page(name))
    person.page.set_viewport_size(NARROW)
    state = person.page.locator("tbody .state").filter(has_text=words).first
    state.scroll_into_view_if_needed()
    expect(state).to_be_in_viewport(ratio=0.9)
    assert person.page.locator(".table-region").first.evaluate("region => region.scrollLeft") == 0

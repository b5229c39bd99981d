from __future__ import annotations

import pytest

from app.submissions.live.pace import LONGEST_MS, SHORTEST_MS, Pace


def asked(pages: int, seconds: float) -> Pace:
    """Let pages ask for a while, each when it was told to."""
    pace, at = Pace(), 0.0
    due = [page / max(pages, 1) * 0.5 for page in range(pages)]
    while at < seconds:
        page = min(range(pages), key=due.__getitem__)
        at = due[page]
        due[page] = at + pace.next_wait_ms(at) / 1000
    return pace


def test_few_pages_ask_often() -> None:
    assert asked(3, 10).next_wait_ms(10) == SHORTEST_MS


def test_many_pages_ask_less_often_and_never_wait_longer_than_the_longest() -> None:
    pace = asked(1000, 12)
    assert pace.pages(12) == pytest.approx(1000, rel=0.1)
    assert pace.next_wait_ms(12) == LONGEST_MS


def test_pages_that_were_closed_are_forgotten() -> None:
    pace = asked(1000, 12)
    assert pace.next_wait_ms(30) == SHORTEST_MS
    assert pace.pages(60) == 0

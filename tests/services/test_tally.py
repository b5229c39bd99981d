"""Counting in a real Redis."""

from __future__ import annotations

import secrets
from datetime import date

import pytest

from app.errors import Unavailable
from app.platform.tally import RedisTally

pytestmark = pytest.mark.services
DAY = date(2027, 1, 14)


@pytest.fixture
def tally(redis_url: str) -> RedisTally:
    return RedisTally(redis_url)


def test_everybody_counts_once_a_day_and_what_is_taken_is_gone(tally: RedisTally) -> None:
    counter = f"test-{secrets.token_hex(4)}"
    for thing, who in ((1, "a"), (1, "a"), (1, "b"), (2, "a")):
        tally.note(counter, thing, who, DAY)
    tally.note(counter, 1, "a", DAY.replace(day=15))
    assert tally.take(counter) == {1: 3, 2: 1}
    assert tally.take(counter) == {}
    tally.note(counter, 1, "a", DAY)
    assert tally.take(counter) == {}
    tally.give_back(counter, {1: 3})
    tally.note(counter, 1, "c", DAY)
    assert tally.take(counter) == {1: 4}


def test_tally_that_is_away_says_so_at_once() -> None:
    away = RedisTally("redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable):
        away.note("test", 1, "a", DAY)
    with pytest.raises(Unavailable):
        away.take("test")

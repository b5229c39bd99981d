from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.submissions.live import drawing

numbers = st.floats(-1e15, 1e15)


def test_series_share_a_scale_with_round_ticks() -> None:
    drawn = drawing.draw(
        "Loss", "", {"train": [(0, 0.9), (10, 0.1)], "test": [(5, 0.5)]}, is_amount=False
    )
    assert drawn is not None
    assert [tick.text for tick in drawn.x_ticks] == ["0", "5", "10"]
    assert [tick.text for tick in drawn.y_ticks] == ["0.5"] or len(drawn.y_ticks) >= 2
    assert (drawn.smallest, drawn.largest) == ("0.1", "0.9")
    assert drawn.lines[1].dots
    assert drawn.rows[0] == ["0", "0.9", ""]


@pytest.mark.parametrize("used", [[(0, 90), (1, 100)], [(0, 0), (5, 0)], [(0, 3)], [(0, 0)]])
def test_amount_begins_at_zero_and_never_below(used: list[tuple[float, float]]) -> None:
    drawn = drawing.draw("Processors", "processors", {"a": used}, is_amount=True)
    assert drawn is not None
    assert drawn.y_ticks[0].text == "0"
    assert not any(tick.text.startswith("-") for tick in drawn.y_ticks)
    assert drawn.is_over_time


def test_nothing_is_drawn_without_a_point() -> None:
    assert drawing.draw("x", "", {"a": []}, is_amount=False) is None


@given(st.dictionaries(st.text(max_size=3), st.lists(st.tuples(numbers, numbers), max_size=9)),
       st.booleans())  # fmt: skip
def test_every_point_lies_in_the_box(
    found: dict[str, list[tuple[float, float]]], is_amount: bool
) -> None:
    if is_amount:
        found = {name: [(x, abs(y)) for x, y in points] for name, points in found.items()}
    drawn = drawing.draw("x", "", found, is_amount=is_amount)
    if drawn is None:
        assert not any(found.values())
        return
    for line in drawn.lines:
        placed = [float(one) for one in re.findall(r"-?[\d.]+(?:e[+-]\d+)?", line.path)]
        assert all(0 <= x <= drawing.WIDTH for x in placed[::2])
        assert all(0 <= y <= drawing.HEIGHT for y in placed[1::2])
    assert len(drawn.x_ticks) <= 9
    assert len(drawn.rows) <= 20

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from app.submissions.live import drawing

numbers = st.floats(-1e15, 1e15)


def test_series_share_a_scale_with_round_ticks() -> None:
    drawn = drawing.draw(
        "Loss", "", {"train": [(0, 0.9), (10, 0.1)], "test": [(5, 0.5)]}, from_zero=False
    )
    assert drawn is not None
    assert [tick.text for tick in drawn.x_ticks] == ["0", "5", "10"]
    assert [tick.text for tick in drawn.y_ticks] == ["0.5"] or len(drawn.y_ticks) >= 2
    assert (drawn.smallest, drawn.largest) == ("0.1", "0.9")
    assert drawn.lines[1].dots
    assert drawn.rows[0] == ["0", "0.9", ""]


def test_amount_begins_at_zero() -> None:
    drawn = drawing.draw("Memory", "MiB", {"a": [(0, 90), (1, 100)]}, from_zero=True)
    assert drawn is not None
    assert drawn.y_ticks[0].text == "0"


def test_nothing_is_drawn_without_a_point() -> None:
    assert drawing.draw("x", "", {"a": []}, from_zero=False) is None


@given(st.dictionaries(st.text(max_size=3), st.lists(st.tuples(numbers, numbers), max_size=9)),
       st.booleans())  # fmt: skip
def test_every_point_lies_in_the_box(
    found: dict[str, list[tuple[float, float]]], from_zero: bool
) -> None:
    drawn = drawing.draw("x", "", found, from_zero=from_zero)
    if drawn is None:
        assert not any(found.values())
        return
    for line in drawn.lines:
        placed = [float(one) for one in re.findall(r"-?[\d.]+(?:e[+-]\d+)?", line.path)]
        assert all(0 <= x <= drawing.WIDTH for x in placed[::2])
        assert all(0 <= y <= drawing.HEIGHT for y in placed[1::2])
    assert len(drawn.x_ticks) <= 9
    assert len(drawn.rows) <= 20

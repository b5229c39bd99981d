from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.submissions.live import series


def test_long_series_is_thinned_evenly_and_keeps_its_ends() -> None:
    made = series.extended(None, [])
    for start in range(0, 10_000, 7):
        made = series.extended(made, [(x, x * 2) for x in range(start, min(start + 7, 10_000))])
    points = series.points_of(made)
    assert len(points) <= series.MOST + 1
    assert [points[0], points[-1]] == [(0, 0), (9999, 19998)]
    gaps = {b[0] - a[0] for a, b in pairwise(points[:-1])}
    assert len(gaps) == 1


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), max_size=30))
def test_short_series_is_kept_whole_through_json(points: list[tuple[int, int]]) -> None:
    made = json.loads(json.dumps(series.extended(None, points)))
    kept = series.points_of(made)
    assert [(int(x), int(y)) for x, y in kept] == points


@pytest.mark.parametrize(
    "value", ["1,2", [1], [1, 2, 3], [1, "2"], [True, 1], [1, None], [1, float("nan")],
              [float("inf"), 1], [10**400, 1], [1, 1e300], {"x": 1}, None],
)  # fmt: skip
def test_value_that_cannot_be_drawn_is_no_point(value: object) -> None:
    assert series.point(value) is None


def test_two_numbers_are_a_point() -> None:
    assert series.point([1, -0.5]) == (1.0, -0.5)

"""Numbers as a board writes them."""

from __future__ import annotations

import pytest

from app.leaderboards.standings import number


@pytest.mark.parametrize(
    ("value", "precision", "text"),
    [
        (0.875, 2, "0.88"),
        (2.5, 0, "2"),
        (1.0, 3, "1.000"),
        (-0.001, 2, "0.00"),
        (-1.006, 2, "-1.01"),
        (0.0, 0, "0"),
        (12345678.9, 1, "12345678.9"),
        (3e15, 2, "3.00e+15"),
        (-1e299, 1, "-1.0e+299"),
    ],
)
def test_number_has_the_columns_precision(value: float, precision: int, text: str) -> None:
    assert number(value, precision) == text

"""Series as the shapes of a small SVG: scaled, with round ticks, in the units of its box. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 144
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 20, 32
"""Room for the ticks and, above and below them, for what the axes are."""
_MAX_ROWS = 20

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """One series: its name, the path's ``d``, and its place among the line styles."""

    name: str
    path: str
    style: int
    last: float
    dots: tuple[tuple[float, float], ...] = ()
    """Centres, for a series of a single point."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in units of the box, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Drawing:
    """A chart; ``rows`` is the table behind it: x, then y by series, empty where there is none."""

    title: str
    unit: str
    """Of y; empty for numbers of a program's own."""
    is_over_time: bool
    """Whether x counts seconds since the start."""
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    rows: list[list[str]]
    smallest: str
    largest: str


def draw(title: str, unit: str, series: Mapping[str, Points], *, is_amount: bool) -> Drawing | None:
    """Return series on shared scales; None when no series has a point.

    Args:
        series: by name, points in the order they were made.
        is_amount: whether they say how much of something was in use over time; the scale of y then
            begins at zero. Otherwise it is as wide as the points are apart.
    """
    shown = {name: points for name, points in series.items() if points}
    xs = [x for points in shown.values() for x, _ in points]
    ys = [y for points in shown.values() for _, y in points]
    if not xs:
        return None
    x_low, x_high = _span(min(xs), max(xs))
    y_low, y_high = (0.0, max(ys) or 1.0) if is_amount else _span(min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low) * (WIDTH - _LEFT - _RIGHT)
        up = (y - y_low) / (y_high - y_low) * (HEIGHT - _TOP - _BOTTOM)
        return round(_LEFT + across, 1), round(HEIGHT - _BOTTOM - up, 1)

    lines = []
    for style, (name, points) in enumerate(shown.items()):
        placed = [place(x, y) for x, y in points]
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in placed)
        dots = tuple(placed) if len(placed) == 1 else ()
        lines.append(Line(name, path, style % 6, points[-1][1], dots))
    return Drawing(
        title, unit, is_amount, lines,
        [Tick(place(x, y_low)[0], number(x)) for x in _ticks(x_low, x_high, 4)],
        [Tick(place(x_low, y)[1], number(y)) for y in _ticks(y_low, y_high, 3)],
        _rows(shown), number(min(ys)), number(max(ys)),
    )  # fmt: skip


def number(value: float) -> str:
    """Return a number as an axis shows it: at most four digits that matter."""
    return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.3g}"


def _span(low: float, high: float) -> tuple[float, float]:
    if high > low:
        return low, high
    room = abs(low) / 10 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers within a span: 1, 2 or 5 times a power of ten apart."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [(first + place) * step for place in range(min(count, 2 * most))]


def _rows(series: Mapping[str, Points]) -> list[list[str]]:
    """Return the table: few rows, evenly chosen, the last one always."""
    values = {name: dict(points) for name, points in series.items()}
    xs = sorted({x for points in values.values() for x in points})
    if len(xs) > _MAX_ROWS:
        xs = [xs[round(place * (len(xs) - 1) / (_MAX_ROWS - 1))] for place in range(_MAX_ROWS)]
    return [
        [number(x), *(number(values[name][x]) if x in values[name] else "" for name in values)]
        for x in xs
    ]

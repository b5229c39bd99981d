"""Times, durations and sizes as people read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal

from babel.dates import format_datetime
from babel.numbers import format_decimal
from flask_babel import get_locale, gettext, ngettext
from jinja2 import Environment
from markupsafe import Markup

from app.platform import clock

MINUTE_S, HOUR_S, DAY_S, YEAR_S = 60, 3600, 86_400, 31_557_600
OPEN_TAIL = 6
"""Percent of a time scale that the dashed end of an open span takes."""
NO_END_S = 50 * YEAR_S
"""A time further ahead than this is how people write that something never ends, or has no date yet."""
Show = Literal["both", "relative", "absolute"]


@dataclass(frozen=True)
class Bar:
    """One span on a time scale, in percent of the scale's length."""

    x: float
    width: float
    state: Literal["past", "current", "future"]
    is_open: bool
    """True when the span has no end: it is drawn to the scale's end and marked."""


@dataclass(frozen=True)
class TimeScale:
    """Spans on one common scale, and where now is on it (None when it is off the scale)."""

    bars: tuple[Bar, ...]
    low: datetime
    high: datetime
    now_x: float | None
    is_open: bool


def relative(moment: datetime, *, now: datetime) -> str:
    """Return how far away a moment is: "in 3 days", "5 minutes ago".

    Whole units, rounded down, and a unit only from two of it on (47 hours, then 2 days), so that
    a deadline is never made to look later than it is.

    Raises:
        ValueError: one of the two times is naive.
    """
    seconds = (_utc(moment) - _utc(now)).total_seconds()
    ahead, distance = seconds > 0, abs(seconds)
    if distance < MINUTE_S:
        return str(gettext("in less than a minute") if ahead else gettext("just now"))
    if distance < 2 * HOUR_S:
        n = int(distance // MINUTE_S)
        if ahead:
            return str(ngettext("in %(num)d minute", "in %(num)d minutes", n))
        return str(ngettext("%(num)d minute ago", "%(num)d minutes ago", n))
    if distance < 2 * DAY_S:
        n = int(distance // HOUR_S)
        if ahead:
            return str(ngettext("in %(num)d hour", "in %(num)d hours", n))
        return str(ngettext("%(num)d hour ago", "%(num)d hours ago", n))
    if distance < 2 * YEAR_S:
        n = int(distance // DAY_S)
        if ahead:
            return str(ngettext("in %(num)d day", "in %(num)d days", n))
        return str(ngettext("%(num)d day ago", "%(num)d days ago", n))
    n = int(distance // YEAR_S)
    if ahead:
        return str(ngettext("in %(num)d year", "in %(num)d years", n))
    return str(ngettext("%(num)d year ago", "%(num)d years ago", n))


def absolute(moment: datetime, *, now: datetime, zone: tzinfo = UTC) -> str:
    """Return a date and time with its zone, "12 Dec, 23:59 UTC"; the year when it is not now's."""
    local = _utc(moment).astimezone(zone)
    same_year = local.year == _utc(now).astimezone(zone).year
    # Patterns of Unicode's date language; translators reorder the parts.
    pattern = gettext("d MMM, HH:mm") if same_year else gettext("d MMM y, HH:mm")
    return f"{format_datetime(local, pattern, locale=_locale())} {local.tzname()}"


def day(moment: datetime, *, zone: tzinfo = UTC) -> str:
    """Return the date alone, "12 Dec 2026", where there is no room for more."""
    local = _utc(moment).astimezone(zone)
    return str(format_datetime(local, gettext("d MMM y"), locale=_locale()))


def when(moment: datetime, *, now: datetime, zone: tzinfo = UTC, show: Show = "both") -> Markup:
    """Return a ``<time>`` element that a person and a program can read; its title is in UTC.

    Args:
        show: "both" is "in 3 days (12 Dec, 23:59 UTC)"; the other two are its halves.
    """
    exact = _utc(moment)
    parts = []  # a page may show hundreds of times: only what is shown is worked out
    if show != "absolute":
        parts.append(relative(moment, now=now))
    if show != "relative":
        date = absolute(moment, now=now, zone=zone)
        parts.append(f"({date})" if parts else date)
    text = " ".join(parts)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact.strftime("%Y-%m-%dT%H:%M:%SZ"), exact.strftime("UTC %Y-%m-%d %H:%M:%S"), text
    )


def open_ended(moment: datetime | None, *, now: datetime) -> bool:
    """Return whether an end is none that anybody waits for: absent, or more than 50 years ahead."""
    return moment is None or undated(moment, now=now)


def undated(moment: datetime, *, now: datetime) -> bool:
    """Return whether a start says only that there is no date yet: it is more than 50 years ahead."""
    return (_utc(moment) - _utc(now)).total_seconds() > NO_END_S


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: "0.35 s", "42 s", "1 min 12 s", "2 d 4 h".

    Raises:
        ValueError: seconds is negative.
    """
    if seconds < 0:
        raise ValueError(f"A duration cannot be negative: {seconds} s.")
    if seconds < 1:
        return f"{_decimal(seconds, '0.##')} s"
    if round(seconds, 1) < 10:
        return f"{_decimal(seconds, '0.#')} s"
    whole = round(seconds)
    for unit, size, part, part_size in (
        ("d", DAY_S, "h", HOUR_S),
        ("h", HOUR_S, "min", MINUTE_S),
        ("min", MINUTE_S, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // part_size
            return f"{whole // size} {unit} {rest} {part}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def size(n_bytes: int) -> str:
    """Return an amount of data in binary units, as limits have them: "0 B", "412 KiB", "3.4 MiB".

    Raises:
        ValueError: n_bytes is negative.
    """
    if n_bytes < 0:
        raise ValueError(f"A size cannot be negative: {n_bytes} bytes.")
    if n_bytes < 1024:
        return f"{n_bytes} B"
    value, units = float(n_bytes), ["KiB", "MiB", "GiB", "TiB", "PiB"]
    for unit in units:
        value /= 1024
        if value < 1023.5 or unit == units[-1]:
            break
    return f"{_decimal(value, '0.0' if value < 9.95 else '0')} {unit}"


def time_scale(
    starts: Sequence[datetime], ends: Sequence[datetime | None], *, now: datetime
) -> TimeScale:
    """Place spans on a common scale from the first start to the last end.

    Args:
        starts: when each span begins; what is :func:`undated` stands at the scale's end.
        ends: when each ends, same order; what is :func:`open_ended` reaches to the scale's end.
    """
    if not starts:
        return TimeScale((), now, now, None, False)
    here = _utc(now).timestamp()
    begins = [None if undated(start, now=now) else _utc(start).timestamp() for start in starts]
    stops = [
        None if end is None or open_ended(end, now=now) else _utc(end).timestamp() for end in ends
    ]
    known = [begin for begin in begins if begin is not None] or [here]
    low = min(known)
    high = max([*known, *(stop for stop in stops if stop is not None)])
    if None in stops:  # room for what has no end, and for today within it
        high = max(high, here) + 0.15 * max(max(high, here) - low, DAY_S)
    length = max(high - low, 1.0)

    def percent(value: float) -> float:
        return (value - low) / length * 100

    bars = []
    for begin, stop in zip(begins, stops, strict=True):
        end = 100 - OPEN_TAIL if stop is None else percent(stop)
        x = end if begin is None else percent(begin)
        state: Literal["past", "current", "future"] = "current"
        if begin is None or here < begin:
            state = "future"
        elif stop is not None and stop <= here:
            state = "past"
        bars.append(Bar(round(x, 2), round(max(end - x, 0.5), 2), state, stop is None))
    now_x = round(percent(here), 2) if low <= here <= high else None
    edges = datetime.fromtimestamp(low, UTC), datetime.fromtimestamp(high, UTC)
    return TimeScale(tuple(bars), *edges, now_x, None in stops)


def install(environment: Environment, now: Callable[[], datetime] = clock.now) -> None:
    """Give templates ``when``, ``is_past``, ``open_ended``, ``undated``, ``time_scale``, and filters for days and amounts."""

    def when_now(moment: datetime, show: Show = "both") -> Markup:
        return when(moment, now=now(), show=show)

    def is_past(moment: datetime) -> bool:
        return _utc(moment) <= _utc(now())

    def open_ended_now(moment: datetime | None) -> bool:
        return open_ended(moment, now=now())

    def undated_now(moment: datetime) -> bool:
        return undated(moment, now=now())

    def scale_now(starts: Sequence[datetime], ends: Sequence[datetime | None]) -> TimeScale:
        return time_scale(starts, ends, now=now())

    environment.globals.update(
        when=when_now,
        is_past=is_past,
        open_ended=open_ended_now,
        undated=undated_now,
        time_scale=scale_now,
    )
    environment.filters.update(day=day, duration=duration, size=size)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"A time without a zone cannot be shown: {moment.isoformat()}.")
    return moment.astimezone(UTC)


def _locale() -> str:
    return str(get_locale() or "en")


def _decimal(value: float, pattern: str) -> str:
    return format_decimal(value, format=pattern, locale=_locale())

"""Times as bundles write them, in any of the ways that have been accepted over the years."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil import parser
from dateutil.tz import tzoffset

_MAX_CHARS = 64
# Text that leaves out the day, month or year reads differently against these two.
_BASES = (datetime(2000, 1, 1), datetime(2001, 2, 2))


def moment(value: date | datetime | str) -> datetime:
    """Return the aware UTC time that ``value`` means.

    A day alone is its midnight; a time without offset is UTC; an offset is converted. Text is read
    month first (``1-2-2026`` is 2 January), day first where that cannot be.

    Raises:
        ValueError: it is no complete date; the text completes "found …".
    """
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    text = value.strip()
    if len(text) > _MAX_CHARS:
        raise ValueError(f"a text of {len(text)} characters")
    try:
        readings = [parser.parse(text, default=base, tzinfos=_zone) for base in _BASES]
        found = {_utc(reading) for reading in readings}
    except _UnknownZone as error:
        raise ValueError(f"“{text}”, whose time zone {error} is ambiguous") from None
    except (ValueError, OverflowError, TypeError):
        raise ValueError(f"“{text}”") from None
    if len(found) > 1:
        raise ValueError(f"“{text}”, which lacks the day, the month or the year")
    return found.pop()


class _UnknownZone(Exception):
    """A time zone name that different countries read differently."""


def _zone(name: str | None, offset: int | None) -> tzinfo:
    if offset is not None:
        return tzoffset(name, timedelta(seconds=offset))
    if name is None or name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    raise _UnknownZone(name)


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bundles.dates import moment


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 1, 1), datetime(2026, 1, 1)),
        (datetime(2026, 1, 1, 13, 30), datetime(2026, 1, 1, 13, 30)),
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2025, 12, 31, 23)),
        ("2026-01-01", datetime(2026, 1, 1)),
        ("1-2-2026", datetime(2026, 1, 2)),
        ("31-12-2026", datetime(2026, 12, 31)),
        ("12/31/2026 11:59 PM", datetime(2026, 12, 31, 23, 59)),
        ("2026-01-01 13:30", datetime(2026, 1, 1, 13, 30)),
        ("2026-01-01T10:00:00+02:00", datetime(2026, 1, 1, 8)),
        ("2026-01-01 10:00 UTC", datetime(2026, 1, 1, 10)),
        (" Jan 5 2026 3pm ", datetime(2026, 1, 5, 15)),
    ],
)
def test_accepted_ways_to_write_a_time(value: date | str, expected: datetime) -> None:
    assert moment(value) == expected.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", "“”"),
        ("soon", "“soon”"),
        ("2026-02-29", "“2026-02-29”"),
        ("10:00", "lacks the day, the month or the year"),
        ("March 2026", "lacks the day, the month or the year"),
        ("2026-01-01 10:00 EST", "whose time zone EST is ambiguous"),
        ("9999-12-31T23:00-05:00", "“9999-12-31T23:00-05:00”"),
        ("1" * 65, "a text of 65 characters"),
    ],
)
def test_what_is_no_complete_time_is_refused(value: str, found: str) -> None:
    with pytest.raises(ValueError, match=r"^(“|a text)") as caught:
        moment(value)
    assert found in str(caught.value)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_iso_times_mean_themselves(value: datetime) -> None:
    assert moment(value.isoformat()) == value.replace(tzinfo=UTC)

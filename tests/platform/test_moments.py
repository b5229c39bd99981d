"""Times, durations and sizes in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from flask_babel import Babel
from jinja2 import Environment

from app.platform import moments

NOW = datetime(2026, 12, 9, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "in less than a minute"),
        (timedelta(seconds=-59), "just now"),
        (timedelta(seconds=60), "in 1 minute"),
        (timedelta(minutes=-1, seconds=-30), "1 minute ago"),
        (timedelta(minutes=119, seconds=59), "in 119 minutes"),
        (timedelta(hours=2), "in 2 hours"),
        (timedelta(hours=47, minutes=59), "in 47 hours"),
        (timedelta(days=2), "in 2 days"),
        (timedelta(days=-12, hours=-23), "12 days ago"),
        (timedelta(days=700), "in 700 days"),
        (timedelta(days=-731), "2 years ago"),
        (timedelta(days=1100), "in 3 years"),
    ],
)
def test_distance_is_said_in_whole_units_rounded_down(delta: timedelta, words: str) -> None:
    assert moments.relative(NOW + delta, now=NOW) == words


def test_deadline_is_never_said_to_be_later_than_it_is() -> None:
    for minutes in range(1, 6000, 7):
        words = moments.relative(NOW + timedelta(minutes=minutes), now=NOW).split()
        unit = {"m": 1, "h": 60, "d": 1440}[words[2][0]]
        assert int(words[1]) * unit <= minutes


def test_absolute_time_names_its_zone_and_the_year_only_when_it_differs() -> None:
    assert moments.absolute(datetime(2026, 12, 12, 23, 59, tzinfo=UTC), now=NOW) == (
        "12 Dec, 23:59 UTC"
    )
    assert moments.absolute(datetime(2027, 1, 2, 0, 5, tzinfo=UTC), now=NOW) == (
        "2 Jan 2027, 00:05 UTC"
    )


def test_absolute_time_is_converted_to_the_readers_zone() -> None:
    cet = timezone(timedelta(hours=1), "CET")
    moment = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert moments.absolute(moment, now=NOW, zone=cet) == "1 Jan 2027, 00:30 CET"


def test_naive_time_is_refused() -> None:
    naive = datetime(2026, 12, 12)
    with pytest.raises(ValueError, match="without a zone"):
        moments.relative(naive, now=NOW)
    with pytest.raises(ValueError, match="without a zone"):
        moments.absolute(naive, now=NOW)


def test_time_element_carries_both_readings_and_utc_for_programs() -> None:
    east = timezone(timedelta(hours=2), "EET")
    html = moments.when(datetime(2026, 12, 13, 1, 59, tzinfo=east), now=NOW)
    assert html == (
        '<time datetime="2026-12-12T23:59:00Z" title="UTC 2026-12-12 23:59:00">'
        "in 3 days (12 Dec, 23:59 UTC)</time>"
    )
    assert ">in 3 days</time>" in moments.when(NOW + timedelta(days=3), now=NOW, show="relative")
    assert ">12 Dec, 20:30 UTC<" in moments.when(NOW + timedelta(days=3), now=NOW, show="absolute")


def test_words_follow_the_locale_of_the_request() -> None:
    app = Flask("t")
    Babel(app, default_locale="de")
    with app.test_request_context():
        assert moments.absolute(NOW, now=NOW) == "9 Dez., 20:30 UTC"
        assert moments.size(3_565_158) == "3,4 MiB"
        assert moments.duration(3.24) == "3,2 s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.354, "0.35 s"),
        (1, "1 s"),
        (3.24, "3.2 s"),
        (9.96, "10 s"),
        (42.4, "42 s"),
        (59.7, "1 min"),
        (72, "1 min 12 s"),
        (3600, "1 h"),
        (3659.8, "1 h 1 min"),
        (7500, "2 h 5 min"),
        (86_400 * 2 + 3600 * 4 + 61, "2 d 4 h"),
    ],
)
def test_duration_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert moments.duration(seconds) == words


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10_180, "9.9 KiB"),
        (10_200, "10 KiB"),
        (412 * 1024, "412 KiB"),
        (1_048_000, "1023 KiB"),
        (1_048_500, "1.0 MiB"),
        (3_565_158, "3.4 MiB"),
        (2 * 2**30, "2.0 GiB"),
        (5000 * 2**50, "5000 PiB"),
    ],
)
def test_size_is_said_in_binary_units(n_bytes: int, words: str) -> None:
    assert moments.size(n_bytes) == words


def test_negative_amounts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        moments.duration(-0.1)
    with pytest.raises(ValueError, match="negative"):
        moments.size(-1)


def test_spans_share_one_scale_and_know_their_state() -> None:
    day = timedelta(days=1)
    starts = [NOW - 60 * day, NOW - 20 * day, NOW + 20 * day]
    scale = moments.time_scale(starts, [NOW - 20 * day, NOW + 20 * day, NOW + 40 * day], now=NOW)
    assert [(bar.x, bar.width, bar.state) for bar in scale.bars] == [
        (0, 40, "past"),
        (40, 40, "current"),
        (80, 20, "future"),
    ]
    assert (scale.low, scale.high) == (NOW - 60 * day, NOW + 40 * day)
    assert scale.now_x == 60
    assert not scale.is_open


def test_open_span_reaches_today_and_the_end_of_the_scale() -> None:
    start = NOW - timedelta(days=100)
    scale = moments.time_scale([start], [None], now=NOW)
    (bar,) = scale.bars
    assert bar.is_open
    assert scale.is_open
    assert bar.x == 0
    assert scale.now_x is not None
    assert scale.now_x < bar.width < 100
    assert scale.high > NOW


def test_end_that_nobody_waits_for_is_an_open_one() -> None:
    day = timedelta(days=1)
    assert moments.open_ended(None, now=NOW)
    assert moments.open_ended(NOW + 69 * 365 * day, now=NOW)
    assert not moments.open_ended(NOW + 49 * 365 * day, now=NOW)
    assert not moments.open_ended(NOW - 69 * 365 * day, now=NOW)
    scale = moments.time_scale([NOW - day], [NOW + 69 * 365 * day], now=NOW)
    assert scale.is_open
    assert scale.high - NOW < 30 * day


def test_start_that_nobody_waits_for_is_no_date_and_stretches_no_scale() -> None:
    day = timedelta(days=1)
    never = NOW + 69 * 365 * day
    assert moments.undated(never, now=NOW)
    assert not moments.undated(NOW + 49 * 365 * day, now=NOW)
    assert not moments.undated(NOW - 69 * 365 * day, now=NOW)
    scale = moments.time_scale([NOW - 10 * day, never], [never, None], now=NOW)
    assert scale.high - NOW < 30 * day
    assert [bar.state for bar in scale.bars] == ["current", "future"]
    assert scale.bars[1].x > scale.bars[0].x
    (alone,) = moments.time_scale([never], [None], now=NOW).bars
    assert alone.state == "future"
    assert alone.x + alone.width <= 100


def test_now_is_left_out_when_it_is_off_the_scale() -> None:
    day = timedelta(days=1)
    scale = moments.time_scale([NOW - 9 * day], [NOW - 2 * day], now=NOW)
    assert scale.now_x is None
    assert scale.bars[0].state == "past"


def test_bar_of_no_length_is_still_seen() -> None:
    scale = moments.time_scale([NOW], [NOW], now=NOW)
    assert scale.bars[0].width >= 0.5
    assert moments.time_scale([], [], now=NOW).bars == ()


def test_templates_get_the_words_with_the_clock_already_bound() -> None:
    environment = Environment(autoescape=True)
    moments.install(environment, now=lambda: NOW)
    text = environment.from_string(
        "{{ when(m, show='relative') }}|{{ 72|duration }}|{{ 3400000|size }}|"
        "{{ time_scale([m], [none]).is_open }}|{{ is_past(m) }}|{{ m|day }}"
    ).render(m=NOW + timedelta(days=3))
    assert text.endswith("in 3 days</time>|1 min 12 s|3.2 MiB|True|False|12 Dec 2026")

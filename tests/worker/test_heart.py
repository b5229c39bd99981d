"""What a machine makes of the answers to its heartbeats."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.worker.site import Site
from worker.heart import MOST_REFUSALS, Heart
from worker.settings import Settings


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> Settings:
    return Settings(
        api_url=site.url, broker_url="redis://h", queue="q1w2e3r4", token="t", home=tmp_path
    )


def heart_of(settings: Settings, end: threading.Event) -> Heart:
    return Heart(settings, lambda: {"engine": "docker"}, end.set, every_s=0.01)


def test_app_that_says_so_again_and_again_shows_the_machine_out(
    site: Site, settings: Settings
) -> None:
    site.answers = [404] * MOST_REFUSALS
    end = threading.Event()
    heart = heart_of(settings, end)
    heart.start()
    assert end.wait(PATIENCE_S)
    assert heart.is_shown_out
    assert site.heartbeats == []


def test_one_beat_that_is_heard_makes_the_count_begin_anew(site: Site, settings: Settings) -> None:
    heart = heart_of(settings, threading.Event())
    site.answers = [404, 404, 200, 404, 404]
    for _ in range(5):
        heart.beat()
    assert not heart.is_shown_out
    assert len(site.heartbeats) == 1


@pytest.mark.parametrize("status", [500, 503, 429, 401, 403, 409])
def test_site_that_is_away_or_says_anything_else_is_waited_for(
    site: Site, settings: Settings, status: int
) -> None:
    heart = heart_of(settings, threading.Event())
    site.answers = [status] * 10
    for _ in range(10):
        heart.beat()
    assert not heart.is_shown_out


def test_404_that_the_app_did_not_say_shows_nobody_out(site: Site, settings: Settings) -> None:
    elsewhere = replace(settings, api_url=f"{site.url}/elsewhere")  # answers 404 with {}
    heart = heart_of(elsewhere, threading.Event())
    for _ in range(10):
        heart.beat()
    assert not heart.is_shown_out


def test_site_that_does_not_answer_is_waited_for(settings: Settings) -> None:
    heart = heart_of(replace(settings, api_url="http://127.0.0.1:1"), threading.Event())
    for _ in range(10):
        heart.beat()
    assert not heart.is_shown_out

"""The rounds of cron."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask

from app.cli import serve
from app.submissions import dispatch
from tests.factories import NOW


class Rounds:
    """Rounds of the duty that sweeps, at moments that a test names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.took: list[bool] = []
        """Whether each of them took runs from silent machines."""
        self.failure: Exception | None = None
        self._at, self._duty = NOW, serve._sweeping()
        monkeypatch.setattr(serve, "now", lambda: self._at)
        monkeypatch.setattr(dispatch, "sweep", self._sweep)
        monkeypatch.setattr(dispatch, "dispatch", lambda *, now: 0)

    def at(self, *seconds: float) -> None:
        for one in seconds:
            self._at = NOW + timedelta(seconds=one)
            serve._round([self._duty])

    def _sweep(self, *, now: datetime, takes_silent: bool) -> int:
        assert now == self._at
        self.took.append(takes_silent)
        if self.failure:
            raise self.failure
        return 0


@pytest.fixture
def rounds(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(monkeypatch)


def test_machines_are_heard_before_runs_are_taken_from_them(rounds: Rounds) -> None:
    rounds.at(0, 10, 14, 15, 25)
    assert rounds.took == [False, False, False, True, True]


def test_site_that_was_away_hears_its_machines_first(rounds: Rounds) -> None:
    rounds.at(0, 12, 24)
    rounds.failure = RuntimeError("no database")
    rounds.at(35)
    rounds.failure = None
    rounds.at(40, 54, 55)
    assert rounds.took == [False, False, True, True, False, False, True]


def test_site_that_slept_hears_its_machines_first(rounds: Rounds) -> None:
    rounds.at(0, 12, 24, 600, 614, 615)
    assert rounds.took == [False, False, True, False, False, True]

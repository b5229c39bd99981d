"""A site, a home and a way to run one attempt, for every worker test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.engine import FakeEngine
from tests.worker.site import Site, make_spec, zip_of
from worker import client
from worker.engines import Engine
from worker.home import Home
from worker.runner import perform
from worker.settings import Settings

SCORING = {"metadata.yaml": "command: python3 $program/score.py $input $output\n", "score.py": ""}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site that takes results for scoring: a scoring program, reference data, one submission."""
    monkeypatch.setattr(client, "_MAX_PAUSE_S", 0.05)
    site = Site()
    site.inputs = {
        "submission": zip_of({"answer.txt": "42\n"}),
        "scoring_program": zip_of(SCORING),
        "reference_data": zip_of({"truth.txt": "42\n"}),
    }
    yield site
    site.close()


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> Settings:
    return Settings(
        api_url=site.url, broker_url="redis://unused", queue="q1w2e3r4", token="machine",
        name="test", home=tmp_path / "home", grace_s=0.1,
    )  # fmt: skip


@pytest.fixture
def home(settings: Settings) -> Home:
    return Home(settings.home)


@pytest.fixture
def attempt(settings: Settings, home: Home) -> Callable[..., None]:
    """Run one attempt with an engine and overrides of the spec; the folder must be clean after."""

    def run(engine: Engine | None = None, **overrides: Any) -> None:
        perform(make_spec(**overrides), "q1w2e3r4-test", settings, engine or FakeEngine(), home)
        left = list((settings.home / "runs").glob("*/*"))
        assert left == []

    return run

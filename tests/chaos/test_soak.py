"""A short seeded piece of ``./run soak``; the Docker Engine, which other tests use too, is spared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.soaking import soak
from tests.soak.world import open_folder

pytestmark = [pytest.mark.chaos, pytest.mark.services]

_SEED = 7
_SUBMISSIONS = 16
_FAULTS = 8


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


def test_nothing_is_lost_stuck_or_scored_twice(
    folder: Path, docker_settings: dict[str, str]
) -> None:
    found = soak(folder, docker_settings, None, _SEED, _SUBMISSIONS, _FAULTS)
    assert found.is_good, found
    assert found.submissions == _SUBMISSIONS
    assert found.faults == _FAULTS

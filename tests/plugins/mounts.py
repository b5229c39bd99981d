"""Workers that tests kill leave mounts to their next start, which never comes: taken away here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from worker.volumes import release


@pytest.fixture(scope="session", autouse=True)
def _no_mount_outlives_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Release what is mounted below this session's folder, and below those that pytest gave up."""
    base = tmp_path_factory.getbasetemp()
    for abandoned in [*base.parent.glob("garbage-*"), *base.parent.parent.glob("garbage-*")]:
        release(abandoned)
    yield
    release(base)

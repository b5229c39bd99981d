"""One stack for all faults of a pytest process: mended before each test, examined after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from docker import DockerClient

from tests.chaos.invariants import assert_invariants
from tests.insider import Benchmark, Insider
from tests.loose import SHORT, LooseStack, containers_of, eventually
from tests.plugins.machine import fresh_database
from tests.services import bundles

SLOW_SCORING = f"""\
{bundles.COMPARE}
import time
nap = home / "res" / "nap.txt"
time.sleep(float(nap.read_text()) if nap.exists() else 0)
"""


@pytest.fixture(scope="session")
def shaken(
    docker_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LooseStack]:
    """A stack on PostgreSQL and Docker with short leases."""
    with ExitStack() as open_things:
        database = open_things.enter_context(fresh_database())
        folder = tmp_path_factory.mktemp("shaken")
        settings = {**SHORT, **docker_settings}
        stack = LooseStack(folder / "stack", settings, database_url=database)
        yield open_things.enter_context(stack)


@pytest.fixture(scope="session")
def insider(shaken: LooseStack) -> Iterator[Insider]:
    with Insider(shaken.environ) as insider:
        yield insider


@pytest.fixture(scope="session")
def benchmark(insider: Insider) -> Benchmark:
    """A benchmark whose scoring naps as long as the submission says; Pavel and Petra take part."""
    bundle = bundles.bundle(
        "Shaken", scoring=bundles.program(SLOW_SCORING), input_data=bundles.NUMBERS
    )
    return insider.benchmark(bundle, "pavel", "petra")


@pytest.fixture
def stack(shaken: LooseStack, docker_client: DockerClient) -> Iterator[LooseStack]:
    """The stack, whole at the beginning; whatever the test did to it, nothing may be broken then."""
    shaken.mend()
    yield shaken
    shaken.send_home()
    shaken.mend()
    database, environ = shaken.environ["PLUMBLINE_DATABASE_URL"], shaken.environ
    s3 = {
        name.lower(): environ[f"PLUMBLINE_{name}"]
        for name in ("S3_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    }
    assert_invariants(database, s3)
    for _ in eventually("nothing is left of any run"):
        # The last container and folder go a moment after the last word of their run.
        if not containers(shaken, docker_client) and not run_folders(shaken):
            break


def containers(stack: LooseStack, client: DockerClient) -> list[str]:
    """Return the containers that workers of this stack have left or still use."""
    return containers_of(stack.home.path, client)


def run_folders(stack: LooseStack) -> list[str]:
    """Return the folders of attempts on the worker's disk."""
    return [os.fspath(path) for path in (stack.home.path / "worker" / "runs").glob("*/*")]

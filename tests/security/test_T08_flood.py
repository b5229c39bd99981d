"""A program that floods its output, while nobody on the other side listens, comes to its end.

That a log is capped and the run goes on, is in tests/worker/test_engines.py.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from tests.loose import eventually
from tests.worker.programs import SCORE, program
from tests.worker.site import Site, make_spec, zip_of
from worker.contract import Answer
from worker.engines import Owner
from worker.engines.choice import choose
from worker.engines.docker import DockerEngine
from worker.home import Home
from worker.runner import perform
from worker.settings import Settings

pytestmark = [pytest.mark.security, pytest.mark.services]

_OWNER = Owner(f"t08-{os.getpid()}", f"q1w2e3r4-t08-{os.getpid()}")
_FLOOD = """
import os, sys
block = b"flood " * 20000
for _ in range(2**28 // len(block)):
    os.write(1, block)
    os.write(2, block)
open(os.path.join(sys.argv[2], "answer.txt"), "w").write("42")
"""
_ENDLESS = "import os\nblock = b'flood ' * 20000\nwhile True: os.write(1, block)\n"


class _Deaf(Site):
    """A site that hears the first words of a flood, and then answers nothing until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_deaf = threading.Event()
        self.listens = threading.Event()

    def _take(self, listed: list[object]) -> Answer:
        answer = super()._take(listed)
        if self._heard("flood"):
            self.is_deaf.set()
            self.listens.wait()
        return answer


@pytest.fixture
def site() -> Iterator[_Deaf]:
    site = _Deaf()
    site.inputs = {
        "scoring_program": program(SCORE), "reference_data": zip_of({"truth.txt": "42"}),
    }  # fmt: skip
    yield site
    site.listens.set()
    site.close()


@pytest.fixture
def engine(
    site: Site, tmp_path: Path, docker_host: str, runtime_image: str
) -> Iterator[DockerEngine]:
    found = choose(_settings(site, tmp_path, docker_host, runtime_image), _OWNER)
    assert isinstance(found, DockerEngine)
    yield found
    found.close()


def _settings(site: Site, folder: Path, host: str = "", image: str = "") -> Settings:
    return Settings(
        api_url=site.url, broker_url="redis://unused", queue="q1w2e3r4", token="machine",
        name="test", engine="docker", docker_host=host, image_map=f"*={image}",
        home=folder / "home",
    )  # fmt: skip


def _states(client: DockerClient) -> list[str]:
    mine = {"label": ["plumbline=run", f"plumbline.worker={_OWNER.worker}"]}
    return [one["State"] for one in client.api.containers(all=True, filters=mine)]


def _perform(site: Site, engine: DockerEngine, folder: Path, **limits: int) -> threading.Thread:
    settings = _settings(site, folder)
    spec, home = make_spec(**limits), Home(settings.home)
    run = threading.Thread(
        target=perform, args=(spec, "q1w2e3r4-test", settings, engine, home), daemon=True
    )
    run.start()
    return run


def test_flood_that_nobody_takes_ends_all_the_same(
    site: _Deaf, engine: DockerEngine, docker_client: DockerClient, tmp_path: Path
) -> None:
    site.inputs["submission"] = program(_FLOOD)
    run = _perform(site, engine, tmp_path)
    assert site.is_deaf.wait(120)
    for _ in eventually("both containers have ended while the site answers nothing"):
        if _states(docker_client) == ["exited", "exited"]:
            break
    site.listens.set()
    run.join(120)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text
    assert len(site.log("prediction_stdout")) < 70_000
    assert len(site.log("prediction_stderr")) < 70_000
    assert _states(docker_client) == []


def test_endless_flood_that_nobody_takes_is_ended_at_the_limit(
    site: _Deaf, engine: DockerEngine, docker_client: DockerClient, tmp_path: Path
) -> None:
    site.inputs["submission"] = program(_ENDLESS)
    run = _perform(site, engine, tmp_path, timeout_s=3)
    assert site.is_deaf.wait(120)
    for _ in eventually("the container has ended while the site answers nothing"):
        if "running" not in _states(docker_client):
            break
    site.listens.set()
    run.join(120)
    assert "took longer than the limit of 3 seconds" in site.last().text
    assert _states(docker_client) == []

"""What happens to programs that write too much, on every engine and on a disk that is full."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worker.programs import SCORE, program
from tests.worker.site import Site, make_spec
from worker import watch
from worker.contract import Blame, Kind
from worker.engines import Engine, Owner
from worker.engines.choice import choose
from worker.engines.docker import DockerEngine
from worker.engines.process import ProcessEngine, find_bubblewrap
from worker.home import Home
from worker.runner import perform
from worker.settings import Settings
from worker.volumes import MIB, Volumes, release

pytestmark = pytest.mark.services
Attempt = Callable[..., None]
_OWNER = Owner(f"watch-{os.getpid()}", f"q1w2e3r4-watch-{os.getpid()}")

_FILL = """
import os, sys
done, place = 0, sys.argv[2]
try:
    with open(place + "/big", "wb", buffering=0) as file:
        while done < 400:
            file.write(bytes(2**20))
            done += 1
except OSError as error:
    print(error.errno, done, flush=True)
"""
_MANY = """
import os, sys
done = 0
try:
    while done < 200_000:
        os.close(os.open(f"{sys.argv[2]}/{done}", os.O_CREAT | os.O_WRONLY))
        done += 1
except OSError as error:
    print(error.errno, done, flush=True)
"""


@pytest.fixture(params=["docker", "bubblewrap", "subprocess"])
def engine(request: pytest.FixtureRequest, settings: Settings, home: Home) -> Iterator[Engine]:
    if lack := home.volumes.lack(seen=True):
        pytest.skip(f"no file systems of fixed size here: {lack}")
    if request.param == "docker":
        values = {
            "engine": "docker", "docker_host": request.getfixturevalue("docker_host"),
            "image_map": f"*={request.getfixturevalue('runtime_image')}",
        }  # fmt: skip
        docker = choose(Settings(**{**vars(settings), **values}), _OWNER)
        assert isinstance(docker, DockerEngine)
        yield docker
        docker.close()
        return
    bubblewrap = find_bubblewrap() if request.param == "bubblewrap" else ""
    if not bubblewrap and request.param == "bubblewrap":
        pytest.skip("no bubblewrap that works here")
    yield ProcessEngine(settings.home, bubblewrap, Path(sys.executable).resolve())


@pytest.fixture(autouse=True)
def _scoring(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.inputs["scoring_program"] = program(SCORE)
    monkeypatch.setattr(watch, "LOOK_S", 3600.0)  # only before and after: nobody hurries to stop it


@pytest.mark.parametrize("place", ["$output", "."])
def test_disk_of_a_run_ends_at_its_limit(
    site: Site, attempt: Attempt, engine: Engine, place: str
) -> None:
    site.inputs["submission"] = program(_FILL, f"python3 main.py $input {place}")
    attempt(engine, output_mib=48)
    errno, done = map(int, site.log("prediction_stdout").split())
    assert errno == 28
    assert 48 <= done <= 80
    assert site.last().blame == Blame.PARTICIPANT
    assert "The output is too large: the limit is 48 MiB" in site.last().text


def test_disk_of_a_run_takes_so_many_files_and_no_more(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["submission"] = program(_MANY)
    attempt(engine, output_mib=900)
    errno, done = map(int, site.log("prediction_stdout").split())
    assert errno == 28
    assert 100_000 <= done < 140_000
    assert site.last().blame == Blame.PARTICIPANT
    assert "100000 files" in site.last().text


def test_scoring_program_that_fills_its_disk_is_the_organizers(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    site.inputs["scoring_program"] = program(_FILL)
    attempt(engine, output_mib=16)
    assert site.log("scoring_stdout").startswith("28 ")
    assert site.last().blame == Blame.ORGANIZER
    assert "The output is too large" in site.last().text


def test_limit_does_not_count_what_a_submission_brings(
    site: Site, attempt: Attempt, engine: Engine
) -> None:
    brought = os.urandom(40 * MIB)
    site.inputs["submission"] = program(
        "import sys; open(sys.argv[2] + '/answer.txt', 'w').write('42' + ' ' * 6 * 2**20)",
        more={"weights.bin": brought},
    )
    attempt(engine, output_mib=16)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text


@pytest.mark.parametrize("engine", ["subprocess"], indirect=True)
def test_machine_whose_own_disk_is_full_is_to_blame(
    site: Site, settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    Volumes(tmp_path / "volumes").make(place, 20 * MIB, 1000)
    site.inputs["submission"] = program(_FILL, "python3 main.py $input .")
    home = Home(place / "home")
    try:
        perform(make_spec(output_mib=420), "q1w2e3r4-test", settings, engine, home)
    finally:
        release(place)
    assert site.last().kind == Kind.FAILED
    assert site.last().blame == Blame.PLATFORM
    assert site.last().text == "The disk of the machine that ran this is full."

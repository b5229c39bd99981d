"""A run finds nothing of another: not while both run, not afterwards, not after a crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from tests.insider import Benchmark, Insider
from tests.loose import SHORT, LooseStack, containers_of, eventually
from tests.person import Person
from tests.security.sandboxed import LITTER, SEARCH
from tests.services.bundles import bundle, code

pytestmark = [pytest.mark.security, pytest.mark.services]

_CANARY = "canary-of-another-run"
_HEX = _CANARY.encode().hex()
_NOTHING = ["looked at many files", "foreign: 0 [] 0 0"]


@pytest.fixture(scope="module")
def stack(
    docker_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LooseStack]:
    folder = tmp_path_factory.mktemp("isolation") / "stack"
    with LooseStack(folder, SHORT | docker_settings) as stack:
        yield stack


@pytest.fixture(scope="module")
def insider(stack: LooseStack) -> Iterator[Insider]:
    with Insider(stack.environ) as insider:
        yield insider


@pytest.fixture(scope="module")
def benchmark(insider: Insider) -> Benchmark:
    return insider.benchmark(bundle("Neighbours"), "pavel", "petra")


def _litter(insider: Insider, benchmark: Benchmark, nap: float) -> int:
    command = f"command: python3 $program/main.py $output {_HEX} {nap}\n"
    return insider.submit("pavel", benchmark.phases[0], code(LITTER, command))


def _search(insider: Insider, benchmark: Benchmark) -> int:
    command = f"command: python3 $program/main.py $output {_HEX}\n"
    return insider.submit("petra", benchmark.phases[0], code(SEARCH, command))


def _said(insider: Insider, submission: int) -> list[str]:
    seen = insider.wait(submission)
    assert seen.state == "finished", seen
    return seen.run.logs["prediction_stdout"].splitlines()


def _wait_for_litter(insider: Insider, submission: int) -> None:
    for _ in eventually("the first run has littered its container"):
        if "littered" in insider.look(submission).run.logs.get("prediction_stdout", ""):
            return


def _on_disk(stack: LooseStack) -> list[str]:
    """Return what holds the canary below the worker's folder."""
    found = []
    for folder, folders, files in os.walk(stack.home.path / "worker"):
        for name in (*folders, *files):
            path = Path(folder, name)
            is_plain = path.is_file() and not path.is_symlink()
            if _CANARY in name or (is_plain and _CANARY.encode() in path.read_bytes()):
                found.append(str(path))
    return found


def test_search_of_this_test_finds_what_the_same_run_left(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    both = LITTER + SEARCH.replace("target, needle = sys.argv[1]", "target, needle = target")
    command = f"command: python3 $program/main.py $output {_HEX} 0\n"
    submission = insider.submit("pavel", benchmark.phases[0], code(both, command))
    littered, *found, looked, foreign = _said(insider, submission)
    assert int(littered.split()[1]) >= 4  # /tmp, /dev/shm, the output and the program's folder
    assert len(found) >= 4
    assert looked == "looked at many files"
    assert foreign.startswith("foreign: 1 ['litter', ")  # shared memory and a queue


def test_run_after_another_finds_nothing(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    first = _litter(insider, benchmark, 0)
    assert insider.wait(first).state == "finished"
    assert _said(insider, _search(insider, benchmark)) == _NOTHING
    for _ in eventually("nothing of the first run is on the worker's disk"):
        if not _on_disk(stack):
            break


def test_run_beside_another_finds_nothing(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    stack.another_worker()
    first = _litter(insider, benchmark, 3600)
    _wait_for_litter(insider, first)
    assert _said(insider, _search(insider, benchmark)) == _NOTHING
    assert insider.state(first) == "running"
    _cancel(stack, insider, first)
    stack.send_home()


def test_run_after_a_sudden_death_finds_nothing(
    stack: LooseStack, insider: Insider, benchmark: Benchmark, docker_client: DockerClient
) -> None:
    first = _litter(insider, benchmark, 3600)
    _wait_for_litter(insider, first)
    stack.worker.kill()
    assert containers_of(stack.home.path, docker_client)  # nobody has taken it away yet
    _cancel(stack, insider, first)
    stack.mend()
    assert _said(insider, _search(insider, benchmark)) == _NOTHING
    for _ in eventually("nothing of the first run is left"):
        if not _on_disk(stack) and not containers_of(stack.home.path, docker_client):
            break
    assert not _mounts(stack)


def _cancel(stack: LooseStack, insider: Insider, submission: int) -> None:
    with Person(stack.base_url, insider.cookie("pavel")) as pavel:
        answer = pavel.post(f"/submissions/{submission}/cancel", {})
    assert answer.status in (302, 303), answer.data
    insider.wait(submission)


def _mounts(stack: LooseStack) -> list[str]:
    place = str(stack.home.path / "worker")
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if place in line]

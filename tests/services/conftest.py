"""A whole stack for each engine, with the benchmarks of the cases on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from client.launcher.environment import child_environ, python_module, worker_environ
from client.launcher.home import Home
from tests.insider import Benchmark, Insider
from tests.loose import Part
from tests.services import cases
from tests.services.hostile import EVERY
from tests.stack import RunningStack

SMALL = {
    "PLUMBLINE_RUN_MEMORY_MIB": "256",
    "PLUMBLINE_RUN_OUTPUT_MIB": "16",
    "PLUMBLINE_RUN_LOG_KIB": "64",
    "PLUMBLINE_SWEEP_S": "0.5",
}


@dataclass
class Hall:
    """A stack with benchmarks, and every case handed in."""

    engine: str
    stack: RunningStack
    insider: Insider
    benchmarks: Mapping[str, Benchmark]
    submitted: dict[str, int]
    """Submission ids by the name of the case."""


Halls = Callable[[str], Hall]


@pytest.fixture(scope="session")
def halls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Halls]:
    """Open the hall of an engine, once; all its cases are on their way then."""
    with ExitStack() as open_things:

        @cache
        def hall(engine: str) -> Hall:
            folder = tmp_path_factory.mktemp(engine)
            settings = {**SMALL, **_engine(engine, request, folder)}
            return _open(engine, settings, folder, open_things)

        yield hall


def _open(engine: str, settings: dict[str, str], folder: Path, open_things: ExitStack) -> Hall:
    stack = open_things.enter_context(RunningStack(folder / "stack", settings))
    open_things.callback(_second_worker(stack, settings, folder).stop)
    insider = open_things.enter_context(Insider(stack.environ))
    chosen = [case for case in EVERY if engine in case.engines]
    needed = {case.benchmark for case in chosen}
    made = {
        name: insider.benchmark(content, "pavel", **cases.GRANTS.get(name, {}))
        for name, content in cases.benchmarks().items()
        if name in needed
    }
    ids = {
        case.name: insider.submit(
            "pavel", made[case.benchmark].phases[0], case.content,
            answers=cases.ANSWERS.get(case.benchmark),
        )
        for case in chosen
    }  # fmt: skip
    return Hall(engine, stack, insider, made, ids)


def _engine(engine: str, request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    if engine == "docker":
        settings: dict[str, str] = request.getfixturevalue("docker_settings")
        return settings
    process = {"PLUMBLINE_WORKER_ENGINE": "process"}
    if engine == "subprocess":
        return process | {"PATH": _without_bubblewrap(folder / "bin")}
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not here: ./run test installs it where it can")
    return process


def _without_bubblewrap(folder: Path) -> str:
    """Make a folder of links to every program of the PATH but bubblewrap."""
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        if not Path(place).is_dir():
            continue
        for program in Path(place).iterdir():
            if program.name != "bwrap" and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return str(folder)


def _second_worker(stack: RunningStack, settings: Mapping[str, str], folder: Path) -> Part:
    """Start another worker of the same machine, so that one slow case delays the others less."""
    home = Home(stack.folder)
    environ = stack.environ | worker_environ(home, home.read_secrets()) | dict(settings)
    part = Part("worker", python_module("worker"), child_environ(environ), folder / "worker.log")
    part.start()
    return part

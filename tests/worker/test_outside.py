"""What proves that a container was ended by something else than its program."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import requests
from docker import APIClient
from docker.errors import APIError

from worker.engines import Ended
from worker.engines import container as containers
from worker.engines.container import Container
from worker.engines.outside import STARVED, TOLD, oom_kills
from worker.engines.process import _ProcessRunning

BEGAN, OVER = "2026-11-21T06:00:00.1Z", "2026-11-21T06:00:02.5Z"


class _Events(list[dict[str, Any]]):
    def close(self) -> None:
        return


class _Engine:
    """An engine whose container has ended, and what it says happened."""

    def __init__(self, code: int, *happened: tuple[str, str], starved: bool = False) -> None:
        self._state = {
            "ExitCode": code, "OOMKilled": starved, "Error": "", "StartedAt": BEGAN,
            "FinishedAt": OVER,
        }  # fmt: skip
        self._events = _Events({"Action": what, "Actor": {"ID": whose}} for what, whose in happened)
        self.asked: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    def inspect_container(self, _id: str) -> dict[str, Any]:
        return {"State": self._state}

    def wait(self, _id: str) -> None:
        return

    def events(self, **asked: Any) -> _Events:
        self.asked.append(asked)
        if self.failure:
            raise self.failure
        return self._events


class _NoOutput:
    class raw:
        @staticmethod
        def read(_size: int) -> bytes:
            return b""

    def close(self) -> None:
        return


Kernel = Callable[..., None]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Sets what the kernel has counted when the container starts, and when it is over."""

    def counts(*found: int) -> None:
        told = iter(found)
        monkeypatch.setattr(containers, "oom_kills", lambda: next(told))
        monkeypatch.setattr("worker.engines.process.oom_kills", lambda: next(told))

    counts(5, 5)
    return counts


def _end(engine: _Engine, *, tells_oom: bool = True) -> Ended:
    running = Container(
        cast(APIClient, engine), "mine", lambda *_: None, lambda: None, tells_oom=tells_oom
    )
    running._follow(cast(requests.Response, _NoOutput()))
    found = running.ended()
    assert found is not None
    return found


@pytest.mark.parametrize("code", [137, 143])
def test_code_alone_proves_nothing(kernel: Kernel, code: int) -> None:
    assert _end(_Engine(code)) == Ended(code, 2.4)


@pytest.mark.parametrize("what", ["kill", "stop"])
def test_what_the_engine_was_told_is_proof(kernel: Kernel, what: str) -> None:
    assert _end(_Engine(143, (what, "mine"))).outside == TOLD


def test_engine_is_asked_by_its_own_clock(kernel: Kernel) -> None:
    engine = _Engine(137)
    _end(engine)
    (asked,) = engine.asked
    began = datetime(2026, 11, 21, 6, 0, 0, 100_000, tzinfo=UTC).timestamp()
    assert float(asked["since"]) == pytest.approx(began)
    assert float(asked["until"]) == pytest.approx(began + 3.4)


def test_end_of_another_container_is_no_proof(kernel: Kernel) -> None:
    assert _end(_Engine(137, ("kill", "other"))).outside == ""


def test_kernel_that_killed_while_no_container_met_its_limit_is_proof(kernel: Kernel) -> None:
    kernel(5, 6)
    assert _end(_Engine(137)).outside == STARVED


def test_another_container_that_met_its_limit_explains_the_kernels_count(kernel: Kernel) -> None:
    kernel(5, 6)
    assert _end(_Engine(137, ("oom", "other"))) == Ended(137, 2.4)


def test_limit_of_its_own_is_no_end_from_outside(kernel: Kernel) -> None:
    kernel(5, 6)
    assert _end(_Engine(137, ("oom", "mine"), starved=True)) == Ended(137, 2.4, out_of_memory=True)


def test_engine_that_says_nothing_of_memory_has_its_containers_at_their_limit(
    kernel: Kernel,
) -> None:
    kernel(5, 6)
    assert _end(_Engine(137), tells_oom=False) == Ended(137, 2.4, out_of_memory=True)


def test_other_codes_ask_nobody(kernel: Kernel) -> None:
    engine = _Engine(1, ("kill", "mine"))
    assert _end(engine).outside == ""
    assert not engine.asked


def test_engine_that_is_gone_when_asked_has_lost_the_container(kernel: Kernel) -> None:
    engine = _Engine(143)
    engine.failure = requests.ConnectionError("gone")
    assert _end(engine).problem == "the container engine lost it: ConnectionError"


def test_engine_that_cannot_say_proves_nothing(kernel: Kernel) -> None:
    engine = _Engine(137)
    engine.failure = APIError("no such thing", explanation="no such thing")
    assert _end(engine) == Ended(137, 2.4)


def test_process_that_the_kernel_killed_was_ended_by_the_machine(kernel: Kernel) -> None:
    kernel(5, 6)
    running = _ProcessRunning(lambda *_: None, lambda: None, 2**30)
    assert running._how(137, 1.0) == Ended(137, 1.0, outside=STARVED)


def test_process_that_used_more_than_its_limit_brought_it_upon_itself(kernel: Kernel) -> None:
    kernel(5, 6)
    running = _ProcessRunning(lambda *_: None, lambda: None, 2**30)
    running._peak_bytes = 2**31
    assert running._how(137, 1.0) == Ended(137, 1.0, out_of_memory=True)


def test_process_that_killed_itself_proves_nothing(kernel: Kernel) -> None:
    running = _ProcessRunning(lambda *_: None, lambda: None, 2**30)
    assert running._how(137, 1.0) == Ended(137, 1.0)


def test_kernel_is_read(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("pgfault 12\noom_kill 7\noom_killer 3\n")
    assert oom_kills(tmp_path / "vmstat") == 7
    assert oom_kills(tmp_path / "none") == 0

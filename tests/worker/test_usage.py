from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fakes.engine import Desk, FakeEngine, score_of
from tests.patience import PATIENCE_S
from tests.worker.programs import program
from tests.worker.site import Site
from tests.worker.test_runner import Attempt
from worker import usage
from worker.command import Role
from worker.contract import Stream
from worker.engines import Ended, Usage
from worker.engines.container import _usage
from worker.engines.family import family_usage
from worker.usage import Sampler


class _Running:
    """A container that uses more with each look, until it has ended."""

    def __init__(self, looks: int) -> None:
        self._left, self.over = looks, threading.Event()

    def ended(self) -> Ended | None:
        return Ended(0) if self._left <= 0 else None

    def usage(self) -> Usage | None:
        self._left -= 1
        if self._left == 0:
            self.over.set()
        return Usage(cpu_s=10.0 - self._left, memory_bytes=100, peak_memory_bytes=200)

    def kill(self) -> None:
        return

    def remove(self) -> None:
        return


def test_sampler_says_what_is_used_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "EVERY_S", 0.01)
    said: list[tuple[Stream, Mapping[str, float]]] = []
    running = _Running(3)
    sampler = Sampler(
        [(Stream.SCORING_STDOUT, running)], lambda stream, used: said.append((stream, used))
    )
    sampler.start()
    assert running.over.wait(PATIENCE_S)
    sampler.stop()
    stream, first = said[0]
    assert stream == Stream.SCORING_STDOUT
    assert first == {"memory": 100, "peak_memory": 200}  # a rate needs two looks
    assert said[1][1]["cpu"] > 0


def test_gpus_are_asked_for_where_they_are_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '50, 1024'\necho '100, 2048'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert usage._gpu_usage() == {"gpu": 75.0, "gpu_memory": 3072 * 2**20}
    tool.write_text("#!/bin/sh\necho 'No devices were found'\n")
    assert usage._gpu_usage() == {}


def test_family_of_a_process_is_counted_as_one() -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'x = bytearray(50_000_000); "
        "print(1, flush=True); input()'], stdin=subprocess.PIPE)\nchild.wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == "1\n"
        found = family_usage(parent.pid)
        assert found is not None
        assert found.memory_bytes > 50_000_000
        assert found.cpu_s >= 0
    finally:
        os.killpg(parent.pid, 9)
        parent.wait()
        parent.stdout.close()
    assert family_usage(parent.pid) is None


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ({"usage": 900, "max_usage": 950, "stats": {"total_inactive_file": 100}}, (800, 950)),
        ({"usage": 900, "stats": {"inactive_file": 300}}, (600, 0)),
    ],
    ids=["cgroup v1", "cgroup v2"],
)
def test_engines_figures_are_read_from_either_kind_of_control_groups(
    memory: dict[str, object], expected: tuple[int, int]
) -> None:
    stats = {"memory_stats": memory, "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}}}
    found = _usage(stats)
    assert found is not None
    assert (found.cpu_s, found.memory_bytes, found.peak_memory_bytes) == (2.5, *expected)
    assert _usage({"memory_stats": {}}) is None


def test_run_reports_what_its_programs_use(
    site: Site, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "_FIRST_S", 0.0)
    site.inputs["submission"] = program("")
    heard = threading.Event()
    say = usage.Sampler._tell

    def tell(*arguments: object) -> None:
        say(*arguments)  # type: ignore[arg-type]
        heard.set()

    monkeypatch.setattr(usage.Sampler, "_tell", tell)

    def work(desk: Desk) -> int:
        desk.usage = Usage(1.0, 12345)
        assert heard.wait(PATIENCE_S)
        desk.write("answer.txt", "42")
        return 0

    attempt(FakeEngine({Role.PREDICTION_PROGRAM: work, Role.SCORING_PROGRAM: score_of(a=1.0)}))
    samples = [one for one in site.events if one.kind == "sample"]
    assert samples[0].stream == Stream.PREDICTION_STDOUT
    assert samples[0].usage["memory"] == 12345

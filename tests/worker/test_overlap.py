from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job

from tests.patience import PATIENCE_S
from tests.plugins.machine import RunsServer
from worker.guard import SafeJob, SafeQueue, connect, worker_name
from worker.overlap import OverlappingWorker

pytestmark = pytest.mark.services

_current: list[OverlappingWorker] = []


def work(
    folder: str, name: str, *, free: bool, until: str, nap: float = 0.0, end: str = ""
) -> None:
    """Say who is here, be free or not, wait for somebody, and write down what was there then."""
    place = Path(folder)
    before = sorted(path.name for path in place.glob("*.done"))
    (place / f"{name}.begun").write_text(" ".join(before))
    if free:
        _current[0].say_free()
    give_up = time.monotonic() + PATIENCE_S
    while until and not (place / until).exists():
        if time.monotonic() > give_up:
            return
        time.sleep(0.01)
    time.sleep(nap)
    if end == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    (place / f"{name}.done").write_text("")


class PadJob(SafeJob):
    allowed = {"pad.work": work}


class Pad(OverlappingWorker):
    """A worker that writes down which of its children it lost."""

    def __init__(self, server: RunsServer) -> None:
        queue = SafeQueue(server.queue_id, connect(server.worker_url), PadJob)
        super().__init__(queue, worker_name(server.queue_id, "pad"))
        self.lost: list[str] = []

    def main_work_horse(self, job: Job, queue: Queue) -> NoReturn:
        _current[:] = [self]
        super().main_work_horse(job, queue)

    def on_horse_lost(self, job: Job) -> None:
        self.lost.append(str(job.description))


Push = Callable[..., None]


@pytest.fixture
def push(runs_server: RunsServer, tmp_path: Path) -> Push:
    queue = SafeQueue(runs_server.queue_id, Redis.from_url(runs_server.app_url), PadJob)

    def push(
        name: str, *, free: bool = False, until: str = "", nap: float = 0.0, end: str = ""
    ) -> None:
        call = {"free": free, "until": until, "nap": nap, "end": end}
        queue.enqueue_call(
            "pad.work", args=(str(tmp_path), name), kwargs=call, timeout=600, result_ttl=0,
            job_id=f"{queue.name}-{name}", description=name,
        )  # fmt: skip

    return push


@pytest.fixture
def pad(runs_server: RunsServer) -> Iterator[Pad]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    worker = Pad(runs_server)
    yield worker
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)
    worker.connection.close()


def drain(worker: Pad) -> None:
    worker.work(burst=True, logging_level="CRITICAL")


def test_next_job_begins_once_the_first_is_free(push: Push, pad: Pad, tmp_path: Path) -> None:
    push("first", free=True, until="second.done")
    push("second")
    drain(pad)
    assert (tmp_path / "first.done").exists()
    assert pad.lost == []


def test_next_job_waits_for_one_that_is_not_free(push: Push, pad: Pad, tmp_path: Path) -> None:
    push("first")
    push("second")
    drain(pad)
    assert (tmp_path / "second.begun").read_text() == "first.done"


def test_third_job_waits_until_the_first_is_gone(push: Push, pad: Pad, tmp_path: Path) -> None:
    push("first", free=True, until="second.done", nap=0.5)
    push("second", free=True)
    push("third")
    drain(pad)
    assert "first.done" in (tmp_path / "third.begun").read_text()


def test_worker_stays_until_its_last_child_is_gone(push: Push, pad: Pad, tmp_path: Path) -> None:
    push("first", free=True, until="second.begun")
    push("second", free=True, until="first.done")
    drain(pad)
    assert (tmp_path / "second.done").exists()
    assert pad.children == []


def test_child_that_is_killed_after_it_was_free_is_noticed(
    push: Push, pad: Pad, tmp_path: Path
) -> None:
    push("first", free=True, until="second.begun", end="killed")
    push("second", until="first.begun")
    drain(pad)
    assert pad.lost == ["first"]
    assert (tmp_path / "second.done").exists()


def test_child_that_is_killed_before_is_noticed_too(push: Push, pad: Pad, tmp_path: Path) -> None:
    push("first", end="killed")
    push("second")
    drain(pad)
    assert pad.lost == ["first"]
    assert (tmp_path / "second.done").exists()

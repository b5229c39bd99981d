"""What a compute queue may ask for: one function, ``run``, and nothing else."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from rq import Queue
from rq.job import Job

from worker.contract import RUN_FUNCTION, ContractError, RunSpec
from worker.engines import Engine
from worker.guard import SafeJob, SafeQueue
from worker.home import Home
from worker.logs import event
from worker.overlap import OverlappingWorker
from worker.runner import perform
from worker.settings import Settings

log = logging.getLogger("worker.jobs")


@dataclass(frozen=True)
class Station:
    """What a worker process has ready before any run: forked children inherit it."""

    worker: str
    settings: Settings
    engine: Engine
    home: Home
    say_free: Callable[[], None] = lambda: None
    """Called by a run that needs the machine's processors no more."""


_station: Station | None = None


def equip(station: Station | None) -> None:
    """Make a station the one that runs use in this process and its children."""
    global _station
    _station = station


def run(spec: dict[str, Any]) -> None:
    """Run one attempt; everything there is to say goes to the app by HTTP."""
    if _station is None:
        raise RuntimeError("python -m worker sets this up; nothing else calls run()")
    try:
        read = RunSpec.from_json(spec)
    except ContractError as error:
        event(log, "spec.refused", level=logging.ERROR, why=str(error))
        return
    if read.queue_id != _station.settings.queue:
        event(log, "spec.foreign", level=logging.ERROR, run_id=read.run_id)
        return
    perform(
        read, _station.worker, _station.settings, _station.engine, _station.home, _station.say_free
    )  # fmt: skip


class RunJob(SafeJob):
    """A job of a compute queue."""

    allowed = {RUN_FUNCTION: run}


class RunWorker(OverlappingWorker):
    """The worker of one compute queue; when told to stop it tells its runs too."""

    def __init__(self, queue: SafeQueue, station: Station) -> None:
        super().__init__(queue, station.worker)
        self._station = station

    def handle_warm_shutdown_request(self) -> None:
        """Pass the signal on: the run ends in its grace time or is handed back."""
        super().handle_warm_shutdown_request()
        for pid in self.children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def main_work_horse(self, job: Job, queue: Queue) -> NoReturn:
        """Let the run say when its containers have ended."""
        equip(replace(self._station, say_free=self.say_free))
        super().main_work_horse(job, queue)

    def on_horse_lost(self, job: Job) -> None:
        """Kill and remove what the lost child left of its attempt."""
        try:
            spec = RunSpec.from_json(job.args[0])
        except (ContractError, IndexError):
            return
        station = self._station
        containers = station.engine.remove_attempt(spec.run_id, spec.attempt)
        station.home.remove_run(station.worker, spec.run_id, spec.attempt)
        event(log, "horse.lost", run_id=spec.run_id, containers=containers)

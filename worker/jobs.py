"""What a compute queue may ask for: one function, ``run``, and nothing else."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import dataclass
from typing import Any

from rq.job import Job

from worker.contract import RUN_FUNCTION, ContractError, RunSpec
from worker.engines import Engine
from worker.guard import SafeJob, SafeQueue, SafeWorker
from worker.home import Home
from worker.logs import event
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
    perform(read, _station.worker, _station.settings, _station.engine, _station.home)


class RunJob(SafeJob):
    """A job of a compute queue."""

    allowed = {RUN_FUNCTION: run}


class RunWorker(SafeWorker):
    """The worker of one compute queue; when told to stop it tells its run too."""

    def __init__(self, queue: SafeQueue, station: Station) -> None:
        super().__init__(queue, station.worker)
        self._station = station

    def handle_warm_shutdown_request(self) -> None:
        """Pass the signal on: the run ends in its grace time or is handed back."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            os.kill(self.horse_pid, signal.SIGTERM)

    def on_horse_lost(self, job: Job) -> None:
        """Kill what the lost child started: it carried this worker's name, and so does nobody else."""
        removed = self._station.engine.sweep(lambda worker: worker != self._station.worker)
        event(log, "horse.lost", job_id=job.id, containers=removed)

"""A worker that takes its next job while the one before is still putting its results away."""

from __future__ import annotations

import os
import select
import signal
import threading
from contextlib import suppress
from typing import Any

from rq import Queue
from rq.job import Job

from worker.guard import SafeQueue, SafeWorker

_FREE = b"."
_BEAT_S = 15.0
_STUCK_S = 60
"""How long after its own limit a child counts as stuck."""


class OverlappingWorker(SafeWorker):
    """Goes on as soon as its child says that the next may come, and prepare itself beside it.

    One child at a time may be under way beyond that point; the next to reach it waits for its end.
    """

    def __init__(self, queue: SafeQueue, name: str, **options: Any) -> None:
        super().__init__(queue, name, **options)
        self._heard = self._said = -1
        self._job: Job | None = None
        self._is_free = False
        self._leaving: _Leaving | None = None

    def say_free(self) -> None:
        """Let the parent take the next job; called in the child."""
        os.write(self._said, _FREE)

    @property
    def children(self) -> list[int]:
        """The process ids of the children that live."""
        leaving = self._leaving
        pids = [self.horse_pid, leaving.pid if leaving and leaving.is_alive() else 0]
        return [pid for pid in pids if pid]

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Give the child a pipe to say that it is free; its end closes the pipe in any case."""
        if self._heard >= 0:
            os.close(self._heard)
        self._heard, self._said = os.pipe()
        self._job, self._is_free = job, False
        super().fork_work_horse(job, queue)
        os.close(self._said)

    def wait_for_horse(self) -> tuple[Any, Any, Any]:
        """Return when the child ended or said that it is free; an alarm may end any of the waits."""
        if not self._is_free:
            select.select([self._heard], [], [])
            self._is_free = os.read(self._heard, 1) == _FREE
        if not self._is_free or self._job is None:
            ended = super().wait_for_horse()
            # It may have been turned away by the one before: another would be, too.
            self._see_off()
            return ended
        self._see_off()
        self._leaving = _Leaving(self, self.horse_pid, self._job)
        self._leaving.start()
        self._horse_status = 0
        return self.horse_pid, 0, None

    def teardown(self) -> None:
        """Stay until the last child is gone: it would die with this process."""
        self._see_off()
        super().teardown()  # type: ignore[no-untyped-call]

    def _see_off(self) -> None:
        """Wait for the end of the child before this one; this worker is well meanwhile."""
        while self._leaving is not None and self._leaving.is_alive():
            self._leaving.join(_BEAT_S)
            if self._leaving.is_alive():
                self.heartbeat()


class _Leaving(threading.Thread):
    """Waits for the end of a child that said that it is free."""

    def __init__(self, worker: OverlappingWorker, pid: int, job: Job) -> None:
        super().__init__(daemon=True, name="leaving")
        self._worker, self.pid, self._job = worker, pid, job

    def run(self) -> None:
        timer = threading.Timer((self._job.timeout or 0) + _STUCK_S, self._kill)
        timer.daemon = True
        timer.start()
        status = 0
        with suppress(ChildProcessError):
            _, status = os.waitpid(self.pid, 0)
        timer.cancel()
        if status:
            self._worker.on_horse_lost(self._job)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

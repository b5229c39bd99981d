"""The most memory that the background jobs of a stack held at once."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

_EVERY_S = 0.05


class HighWater:
    """Watches the jobs process and the child that does the work; use as a context manager.

    The kernel keeps each one's own mark (``VmHWM``), so that nothing between two looks is missed.
    """

    def __init__(self, jobs_pid: int) -> None:
        self._jobs = psutil.Process(jobs_pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._marks: dict[int, float] = {}

    def __enter__(self) -> HighWater:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def mib(self) -> float:
        """The resident set of the largest process, at its largest."""
        return round(max(self._marks.values()), 1)

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            with suppress(psutil.Error):
                for process in [*self._jobs.children(recursive=True), self._jobs]:
                    self._note(process.pid)

    def _note(self, pid: int) -> None:
        with suppress(OSError, StopIteration):  # it ended meanwhile
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            mark = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
            self._marks[pid] = max(self._marks.get(pid, 0), mark / 1024)

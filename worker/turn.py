"""Whose containers run: one attempt of a worker at a time, while the next one prepares itself."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from worker.errors import Stop

_SHORT_S = 5.0
"""After turns shorter than this the next run may be claimed while this one's containers run."""
_PATIENCE_S = 15.0
"""How long a run that was claimed early waits for its turn; then another machine may have it."""
_LOOK_S, _EAGER_S, _LOOK_LATER_S = 0.002, 2.0, 0.05


class Turn:
    """One attempt's turn: a lock on a file, which also tells how long the last turn was.

    The lock goes with its process, so a killed run keeps nobody waiting.

    Args:
        path: the file, the same for all attempts of a worker.
        say_free: lets the worker take its next run.
        stop: ends this attempt.
    """

    def __init__(
        self, path: Path, say_free: Callable[[], None], stop: Callable[[Stop], None]
    ) -> None:
        self._path, self._stop = path, stop
        self._say_free: Callable[[], None] | None = say_free
        self._fd = -1
        self._took_at = 0.0

    @property
    def is_taken(self) -> bool:
        """Whether this attempt's containers may run now."""
        return self._fd >= 0

    def take(self, check: Callable[[], None]) -> None:
        """Wait until no other attempt's containers run.

        Args:
            check: raises what ends the waiting.
        """
        if self.is_taken:
            return
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(fd, check)
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._took_at = fd, time.monotonic()
        if _last_turn_s(fd) < _SHORT_S:
            self._free()

    def give_back(self) -> None:
        """Let the next attempt have it; nothing happens when this one does not have it."""
        if self._fd < 0:
            return
        seconds = f"{time.monotonic() - self._took_at:012.3f}"
        with suppress(OSError):  # a full disk costs the next run its head start, nothing else
            os.pwrite(self._fd, seconds.encode(), 0)
        os.close(self._fd)
        self._fd = -1
        self._free()

    def _wait(self, fd: int, check: Callable[[], None]) -> None:
        began = time.monotonic()
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            check()
            waited = time.monotonic() - began
            if waited > _PATIENCE_S:
                self._stop(Stop.BUSY)
            time.sleep(_LOOK_S if waited < _EAGER_S else _LOOK_LATER_S)

    def _free(self) -> None:
        if self._say_free is not None:
            self._say_free()
            self._say_free = None


def _last_turn_s(fd: int) -> float:
    """Return how long the turn before lasted; for ever, when nobody knows."""
    try:
        return float(os.pread(fd, 32, 0))
    except (ValueError, OSError):
        return float("inf")

"""Detailed results on their way: stored again whenever the scoring program rewrote them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from worker.errors import RunFailed, Stopped
from worker.limits import html_file
from worker.logs import event

log = logging.getLogger("worker.preview")

EVERY_S = 2.0
MAX_BYTES = 2 * 1024 * 1024
"""A larger page is stored once, when scoring has ended."""


class Preview:
    """Looks at an output folder every two seconds while something writes to it.

    Args:
        store: takes the page's bytes; may raise RunFailed or Stopped, which ends the previews only.
    """

    def __init__(self, folder: Path, store: Callable[[bytes], None]) -> None:
        self._folder, self._store = folder, store
        self._over = threading.Event()
        self._seen: tuple[object, ...] = ()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def watch(self) -> None:
        """Store each version that is found, until stopped."""
        while not self._over.wait(EVERY_S):
            try:
                self._look()
            except (RunFailed, Stopped, OSError) as error:
                event(log, "preview.ended", why=type(error).__name__)
                return

    def _look(self) -> None:
        found = html_file(self._folder)
        if found is None:
            return
        name, fd = found
        with os.fdopen(fd, "rb") as file:
            facts = os.fstat(file.fileno())
            seen = (name, facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if seen == self._seen or not 0 < facts.st_size <= MAX_BYTES:
                return
            content = file.read(MAX_BYTES)
        self._seen = seen
        self._store(content)

"""How much the programs of a step write: on a file system of fixed size, or else looked at."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from worker.contract import Blame
from worker.engines import Mount
from worker.errors import RunFailed
from worker.limits import MAX_ENTRIES, used_bytes
from worker.logs import event
from worker.run import Run
from worker.transfer import disk_failure
from worker.volumes import MIB, Volume

log = logging.getLogger("worker.watch")

LOOK_S = 0.5
"""How often the size of what programs write is looked at, if looking is cheap."""
_OUTPUTS = ("/app/output", "/app/shared")
"""Nothing is started from there; programs are started from their own folders."""
_PROGRAMS = 3
_TOO_MANY_BYTES = 2**40


class Watch:
    """Ends a step whose programs write more than the run may leave behind.

    Args:
        mounts: what its containers see; where they write is moved to a file system of fixed size,
            if this machine can make one.
    """

    def __init__(self, run: Run, name: str, mounts: Sequence[Mount], blame: Blame) -> None:
        self._run, self._blame = run, blame
        self._limit_mib = run.spec.output_mib
        folders = {mount.source: mount.target for mount in mounts if mount.writable}
        self._before = {folder: used_bytes(folder) for folder in folders}
        self._volume = _confine(run, name, folders, sum(self._before.values()))
        self._room = self._volume.room() if self._volume else None
        self.next_look_s = LOOK_S

    def check(self) -> None:
        """Raise RunFailed when more was written than the run may leave behind."""
        began = time.monotonic()
        too_much = self._is_too_much()
        self.next_look_s = max(LOOK_S, 10 * (time.monotonic() - began))
        if too_much:
            raise RunFailed(
                f"The output is too large: the limit is {self._limit_mib} MiB and {MAX_ENTRIES} "
                "files. The programs were stopped. Write less, or smaller files.",
                self._blame,
            )

    def settle(self) -> None:
        """Raise RunFailed when the disk below cannot hold what was written, all ended by now.

        Programs are not told: what they write waits in memory for its way to the disk.
        """
        if self._volume is None or self._room is None:
            return
        host = os.statvfs(self._run.folder)
        if host.f_bavail * host.f_frsize > self._room.bytes:
            return
        try:
            self._volume.flush()
        except OSError as error:
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise disk_failure(full) from error

    def _is_too_much(self) -> bool:
        limit = self._limit_mib * MIB
        if self._volume is None or self._room is None:
            written = sum(used_bytes(folder) - was for folder, was in self._before.items())
            return written > limit
        left = self._volume.room()
        return self._room.bytes - left.bytes > limit or self._room.files - left.files > MAX_ENTRIES


def _confine(run: Run, name: str, folders: dict[Path, str], content: int) -> Volume | None:
    """Move folders, and what they hold, to a file system of their own, or return None."""
    volumes = run.volumes
    if volumes is None or content > _TOO_MANY_BYTES:
        return None
    place = run.folder / f"volume-{name}"
    place.mkdir(mode=0o700)
    files = MAX_ENTRIES + _PROGRAMS * (run.settings.submission_files + 1000)
    try:
        volume = volumes.make(place, content + run.spec.output_mib * MIB, files)
    except OSError as error:
        event(log, "volume.failed", level=logging.WARNING, why=str(error))
        return None
    try:
        for folder, target in folders.items():
            volume.take_over(folder, executable=target not in _OUTPUTS)
    except OSError as error:
        raise disk_failure(error) from error
    return volume

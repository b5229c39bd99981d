"""Objects from and to the object store, by presigned URL: sized, checked, tried again."""

from __future__ import annotations

import errno
import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

import urllib3

from worker.client import pause_s
from worker.contract import Blame, Download
from worker.errors import RunFailed
from worker.logs import event

log = logging.getLogger("worker.transfer")

PATIENCE_S = 120.0
"""How long the store may be away before the attempt is given up."""
_CHUNK = 1024 * 1024


class _Again(Exception):
    """Worth another try; the text says why and never holds a URL."""


class Store:
    """The object store as a worker reaches it.

    Args:
        pause: waits that many seconds, and raises once the attempt must stop.
    """

    def __init__(self, pause: Callable[[float], None]) -> None:
        timeout = urllib3.Timeout(connect=5, read=60)
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=timeout)
        self._pause = pause

    def fetch(self, download: Download, target: Path) -> None:
        """Write one object to ``target``.

        Raises:
            RunFailed: the object is not what was promised, or the store stays away (PLATFORM).
            Stopped: the attempt must stop.
        """
        self._persist("download", lambda: self._fetch_once(download, target))

    def put(self, url: str, source: Path) -> None:
        """Store one file; raises as :meth:`fetch`."""
        self._persist("upload", lambda: self._put_once(url, source))

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()

    def _fetch_once(self, download: Download, target: Path) -> None:
        reply = self._pool.request("GET", download.url, preload_content=False, redirect=False)
        try:
            _check_status(reply.status)
            digest, size = hashlib.sha256(), 0
            with target.open("wb") as file:
                for chunk in reply.stream(_CHUNK):
                    size += len(chunk)
                    if size > download.size_bytes:
                        break
                    digest.update(chunk)
                    file.write(chunk)
                    self._pause(0)
        finally:
            reply.release_conn()
        if size < download.size_bytes:
            raise _Again("the answer was cut short")
        if size > download.size_bytes or download.sha256 not in ("", digest.hexdigest()):
            raise RunFailed(
                f"The stored file {download.file_name} is not the one that was uploaded: its size or "
                "checksum differs.",
                Blame.PLATFORM,
            )

    def _put_once(self, url: str, source: Path) -> None:
        with source.open("rb") as file:
            reply = self._pool.request(
                "PUT", url, body=file, redirect=False,
                headers={"Content-Length": str(source.stat().st_size)},
            )  # fmt: skip
        _check_status(reply.status)

    def _persist(self, what: str, once: Callable[[], None]) -> None:
        deadline, failures = time.monotonic() + PATIENCE_S, 0
        while True:
            self._pause(0)
            try:
                once()
                return
            except (_Again, urllib3.exceptions.HTTPError) as error:
                why = str(error) if isinstance(error, _Again) else type(error).__name__
                failures += 1
                event(log, f"{what}.again", why=why, tries=failures)
                if time.monotonic() > deadline:
                    raise RunFailed(
                        f"The file store did not take part in the {what}: {why}.", Blame.PLATFORM
                    ) from None
            except OSError as error:
                raise disk_failure(error) from error
            self._pause(pause_s(failures))


def disk_failure(error: OSError) -> RunFailed:
    """Return what a failed write on this machine means: never the fault of a person."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "is full" if full else f"failed ({error.strerror or type(error).__name__})"
    return RunFailed(f"The disk of the machine that ran this {reason}.", Blame.PLATFORM)


def _check_status(status: int) -> None:
    if status >= 500 or status in (408, 429):
        raise _Again(f"status {status}")
    if status not in (200, 201, 204):
        raise RunFailed(f"The file store refused a transfer with status {status}.", Blame.PLATFORM)

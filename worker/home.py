"""The worker's folder: one lock per live worker, one folder per attempt, and the bundle cache."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from worker.limits import used_bytes
from worker.volumes import Volumes, release


class Home:
    """``locks``, ``turns``, ``runs/<worker>/<attempt>``, ``cache`` and ``volumes``, all private."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.volumes = Volumes(folder / "volumes")
        for name in ("", "locks", "turns", "runs", "cache"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def sign_in(self, worker: str) -> IO[bytes]:
        """Hold a lock for as long as this worker, or a child of it, lives; keep the result."""
        path = self.folder / "locks" / worker
        while True:
            lock = path.open("wb")
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another worker may have tidied it away before it was held; then nobody would see it.
            if path.exists() and os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                return lock
            lock.close()

    def is_alive(self, worker: str) -> bool:
        """Return whether somebody holds a worker's lock."""
        path = self.folder / "locks" / Path(worker).name
        return bool(worker) and path.exists() and not _is_free(path)

    def sweep(self) -> int:
        """Remove the folders and locks of workers that are gone; return how many attempts."""
        removed = 0
        for folder in (self.folder / "runs").iterdir():
            if not self.is_alive(folder.name):
                removed += len(list(folder.iterdir()))
                _clear(folder)
        for turn in (self.folder / "turns").iterdir():
            if not self.is_alive(turn.name):
                turn.unlink(missing_ok=True)
        for lock in (self.folder / "locks").iterdir():
            _remove_free(lock)
        for draft in (self.folder / "cache").glob("*.draft"):
            if _is_free(draft.with_name(draft.name.split(".")[0] + ".lock")):
                remove_tree(draft)
        return removed

    def new_run(self, worker: str, run_id: int, attempt: int) -> Path:
        """Make an empty private folder for one attempt."""
        parent = self.folder / "runs" / worker
        parent.mkdir(mode=0o700, exist_ok=True)
        path = parent / f"{run_id}-{attempt}-{secrets.token_hex(4)}"
        path.mkdir(mode=0o700)
        return path

    def turn_file(self, worker: str) -> Path:
        """Return the file whose lock says whose containers run."""
        return self.folder / "turns" / worker

    def remove_run(self, worker: str, run_id: int, attempt: int) -> None:
        """Remove what an attempt left that could not do so itself."""
        for folder in (self.folder / "runs" / worker).glob(f"{run_id}-{attempt}-*"):
            _clear(folder)


def _clear(folder: Path) -> None:
    """Remove a folder with everything mounted in it."""
    release(folder)
    remove_tree(folder)


class Cache:
    """Unpacked bundles by the SHA-256 of their zip; whole or not there, never half.

    Args:
        max_bytes: the least recently used ones go when there are more.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._held: dict[str, IO[bytes]] = {}

    def get(self, sha256: str) -> Path | None:
        """Return the tree, and keep it from being evicted until :meth:`release`; or None."""
        self._hold(sha256)
        tree = self._folder / sha256
        return tree if tree.is_dir() else None

    def add(self, sha256: str, build: Callable[[Path], None]) -> Path:
        """Build a tree in a folder of its own and put it in place at once.

        Args:
            build: gets a path that does not exist yet, and makes a folder of it.
        """
        self._hold(sha256)
        tree, draft = self._folder / sha256, self._folder / f"{sha256}.{secrets.token_hex(4)}.draft"
        try:
            build(draft)
            (self._folder / f"{sha256}.size").write_text(str(used_bytes(draft)), encoding="ascii")
            try:
                draft.rename(tree)
            except OSError:  # another worker was faster: the content is the same
                if not tree.is_dir():
                    raise
        finally:
            remove_tree(draft)
        self._evict()
        return tree

    def release(self) -> None:
        """Let go of every tree that was got or added."""
        for lock in self._held.values():
            lock.close()
        self._held.clear()

    def _hold(self, sha256: str) -> None:
        if sha256 not in self._held:
            lock = (self._folder / f"{sha256}.lock").open("ab")
            fcntl.flock(lock, fcntl.LOCK_SH)
            self._held[sha256] = lock
        os.utime(self._folder / f"{sha256}.lock")

    def _evict(self) -> None:
        sizes = {
            path.stem: int(path.read_text("ascii") or 0) for path in self._folder.glob("*.size")
        }
        total = sum(sizes.values())
        for lock in sorted(self._folder.glob("*.lock"), key=lambda path: path.stat().st_mtime):
            if total <= self._max_bytes:
                return
            if lock.stem in sizes and lock.stem not in self._held and self._drop(lock):
                total -= sizes[lock.stem]

    def _drop(self, lock: Path) -> bool:
        with lock.open("ab") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            remove_tree(lock.with_suffix(""))
            lock.with_suffix(".size").unlink(missing_ok=True)
        return True


def remove_tree(folder: Path) -> None:
    """Remove a folder whatever modes its owner gave it; nothing happens when it is not there."""

    def unlock(_function: Callable[..., Any], path: str, _: Any) -> None:
        with suppress(OSError):
            for target in (os.path.dirname(path), path):
                if stat.S_ISDIR(os.lstat(target).st_mode):
                    os.chmod(target, 0o700)
            if stat.S_ISDIR(os.lstat(path).st_mode):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)

    if folder.is_dir():
        shutil.rmtree(folder, onerror=unlock)


def _remove_free(lock: Path) -> None:
    """Remove a lock that nobody holds, holding it: whoever waits for it sees then that it is gone."""
    with suppress(FileNotFoundError, BlockingIOError), lock.open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.unlink()


def _is_free(lock: Path) -> bool:
    try:
        with lock.open("ab") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False

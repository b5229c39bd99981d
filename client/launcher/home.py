"""The folder that holds a stack's state: secrets, databases, stored objects, logs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.launcher.errors import LaunchError

ROOT = Path(__file__).resolve().parents[2]
_LEAST_FREE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Home:
    """A state folder; ``var/`` unless ``--var`` names another."""

    path: Path

    @property
    def logs(self) -> Path:
        """Where the output of each process is kept."""
        return self.path / "log"

    @property
    def pids(self) -> Path:
        """One file per child, so that a killed launcher leaves nothing behind for ever."""
        return self.path / "pid"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "plumbline.db"

    @property
    def objects(self) -> Path:
        """The folder of the S3 server: a folder per bucket, a file per object."""
        return self.path / "s3"

    @property
    def record(self) -> Path:
        """What other commands must know about the running stack."""
        return self.path / "stack.json"

    def prepare(self) -> None:
        """Make the folders, private to this user.

        Raises:
            LaunchError: the disk is full.
        """
        for folder in (self.path, self.logs, self.pids):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(self.path).free
        if free < _LEAST_FREE_BYTES:
            raise LaunchError(
                f"The disk that holds {self.path} is full ({free // 2**20} MiB free): "
                f"free at least {_LEAST_FREE_BYTES // 2**20} MiB, then run this command again."
            )

    def read_secrets(self) -> dict[str, str]:
        """Return this machine's secrets; make the missing ones."""
        file = self.path / "secrets.env"
        lines = file.read_text().splitlines() if file.exists() else []
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        made = {name: make() for name, make in _makers().items() if name not in found}
        if made:
            write_private(file, "".join(f"{k}={v}\n" for k, v in (found | made).items()))
        return found | made

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the stack's lock: one stack per folder.

        Raises:
            LaunchError: a stack runs on this folder already.
        """
        # Not flock: a POSIX lock is not inherited, so it ends with the launcher, whoever survives.
        with (self.path / "stack.lock").open("w") as lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                record = self.running() or {}
                address = record.get("base_url", "its address")
                raise LaunchError(
                    f"Plumbline already runs on {self.path}: open {address}, or stop it first."
                ) from None
            yield
            self.record.unlink(missing_ok=True)

    def running(self) -> dict[str, Any] | None:
        """Return the record of the stack that runs on this folder, None when none does."""
        try:
            record: dict[str, Any] = json.loads(self.record.read_text())
            with (self.path / "stack.lock").open("r+") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        except OSError:
            return record
        return None


def write_private(file: Path, text: str) -> None:
    """Replace a file that only this user may read."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    draft.replace(file)


def _makers() -> dict[str, Callable[[], str]]:
    return {
        "SECRET_KEY": lambda: secrets.token_urlsafe(48),
        "S3_ACCESS_KEY": lambda: secrets.token_hex(10),
        "S3_SECRET_KEY": lambda: secrets.token_hex(24),
        "REDIS_PASSWORD": lambda: secrets.token_hex(32),
        "RUNS_APP_PASSWORD": lambda: secrets.token_hex(32),
        "RUNS_KEEPER_PASSWORD": lambda: secrets.token_hex(32),
        "RUNS_WORKER_PASSWORD": lambda: secrets.token_hex(32),
        "QUEUE_ID": lambda: secrets.token_hex(8),
        "MACHINE_TOKEN": lambda: f"plb_machine_{secrets.token_urlsafe(32)}",
    }

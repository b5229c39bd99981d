"""Servers as child processes on loopback ports, and the S3 server among them."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from client.launcher.errors import LaunchError

HOST = "127.0.0.1"
_DRAWN = range(20_000, 32_000)
BUCKETS = ("public", "private", "runs")
_UNFINISHED_UPLOAD = ".rclone_temp_multipart_"
"""How the S3 server calls what has arrived of an upload in parts, beside where the file will lie."""


def is_taken(port: int) -> bool:
    """Tell whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def free_port(wanted: int = 0) -> int:
    """Return the wanted port, or any free one when that is taken or not given.

    Drawn at random from below the ports that outgoing connections get: neither one of those nor
    somebody who draws at the same moment takes it before its server does.
    """
    if wanted and not is_taken(wanted):
        return wanted
    while True:
        port = secrets.choice(_DRAWN)
        if not is_taken(port):
            return port


@dataclass
class Service:
    """A child process that listens on a loopback port."""

    name: str
    command: list[str]
    port: int
    log: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    """Whom to run as; only root may choose."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start without waiting; in its own session, so that the terminal's Ctrl-C passes it by."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **self.environ}, start_new_session=True, user=self.user,
            )  # fmt: skip

    def wait_ready(self, seconds: float = 20) -> None:
        """Return once the port answers.

        Raises:
            LaunchError: it ended or stayed silent; the sentence ends with its last log line.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.is_running():
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return
            time.sleep(0.02)
        raise LaunchError(f"{self.name} did not start: {last_line(self.log)} (see {self.log})")

    @property
    def pid(self) -> int:
        """The process id, once started."""
        if self.process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self.process.pid

    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def ending(self) -> str:
        """Say how it ended: by which signal, or with which last words."""
        code = self.process.poll() if self.process is not None else None
        return f"signal {-code}" if code is not None and code < 0 else last_line(self.log)

    def stop(self, seconds: float = 10) -> None:
        """Ask it to end, then make it."""
        if self.process is None:
            return
        if self.is_running():
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def last_line(log: Path) -> str:
    """Return the last words of a log."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1].strip() if lines else "it printed nothing"


def drop_unfinished_uploads(folder: Path) -> None:
    """Delete the parts of uploads that an earlier S3 server on this folder did not bring to an end.

    No server knows uploads that another one began: nobody could go on with them, or delete them.
    Call it while none serves the folder.
    """
    for place, _folders, names in os.walk(folder):
        for name in names:
            if name.startswith(_UNFINISHED_UPLOAD):
                (Path(place) / name).unlink(missing_ok=True)


def object_service(
    folder: Path, port: int, *, key: str, secret: str, origin: str, log: Path
) -> Service:
    """Return an S3 server on loopback that keeps objects as files.

    Args:
        origin: the address whose pages may read and write by presigned URL.
    """
    for bucket in BUCKETS:
        (folder / bucket).mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [
        str(Path(sys.executable).parent / "rclone"), "serve", "s3", "--config", "",
        "--addr", f"{HOST}:{port}", "--allow-origin", origin, "--buffer-size", "1M",
        "--multipart-expiry", "8d", str(folder),
    ]  # fmt: skip
    # The key goes by environment: arguments can be read by every user of the machine.
    environ = {"RCLONE_AUTH_KEY": f'"{key},{secret}"', "GOGC": "50"}
    return Service("S3", command, port, log, environ)

"""A whole stack of its own for one test: web, jobs, cron, worker and their servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from client.launcher.companion import answers
from client.launcher.environment import child_environ, python_module
from client.launcher.home import ROOT
from client.launcher.services import HOST, free_port, last_line
from tests.patience import PATIENCE_S


class RunningStack:
    """``./run --empty`` on a folder and port of its own; use as a context manager."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """Describe it.

        Args:
            folder: keeps its state.
            settings: ``PLUMBLINE_…`` variables beside those of the launcher.
        """
        self.folder = folder
        self.base_url = f"http://{HOST}:{free_port()}"
        self.log = folder.with_name(f"{folder.name}.log")
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RunningStack:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it on its old state, and wait for the health page."""
        port = self.base_url.rpartition(":")[2]
        command = python_module(
            "client.launcher", "serve", "--empty", "--port", port, "--var", self.folder
        )
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=child_environ(self._settings), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        if not answers(self.base_url, PATIENCE_S):
            self.stop()
            raise AssertionError(f"The stack did not start: {last_line(self.log)}\n{self.output()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, as Ctrl-C would; return its exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return self._process.wait(PATIENCE_S) if self._process is not None else 0

    @property
    def launcher_pid(self) -> int:
        """The process id of the launcher."""
        if self._process is None:
            raise RuntimeError("the stack has not been started")
        return self._process.pid

    def flask(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an administrator's command on it."""
        return subprocess.run(
            python_module("client.launcher", "flask", *arguments), cwd=ROOT, text=True, capture_output=True,
            env=child_environ(self._settings) | {"VAR": str(self.folder)}, check=check,
        )  # fmt: skip

    def pid(self, name: str) -> int:
        """Return the process id of ``web``, ``jobs``, ``cron``, ``worker``, ``redis``, ``s3`` …"""
        return int((self.folder / "pid" / f"{name}.pid").read_text())

    def kill(self, name: str) -> None:
        """End one process, and nothing else, as a power cut would."""
        os.kill(self.pid(name), signal.SIGKILL)

    @property
    def environ(self) -> dict[str, str]:
        """The settings of its app."""
        found: dict[str, str] = json.loads((self.folder / "stack.json").read_text())["environ"]
        return found

    def output(self) -> str:
        """Return what it has printed, and after that what its processes have."""
        logs = (self.log, self.folder / "log" / "stack.log")
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

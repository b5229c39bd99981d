"""The running stack: data servers, the app's processes, and one command beside them."""

from __future__ import annotations

import hashlib
import multiprocessing
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from honcho.manager import Manager
from honcho.printer import Printer

from client.launcher import leftovers
from client.launcher.environment import DataServers, python_module
from client.launcher.errors import LaunchError
from client.launcher.home import ROOT, Home
from client.launcher.services import HOST, last_line

_HAND_BACK_S = 15.0
"""How long the worker may take to finish its run or hand it back."""


class _Watched:
    """Honcho's event queue; whoever waits on it also looks after what honcho does not know."""

    def __init__(self, events: Any, watch: Callable[[], None]) -> None:
        self._events = events
        self._watch = watch

    def put(self, message: object) -> None:
        self._events.put(message)

    def get(self, timeout: float) -> object:
        self._watch()
        message: object = self._events.get(timeout=timeout)
        return message


class Processes(Manager):  # type: ignore[misc]  # honcho has no types
    """Honcho's manager, which also watches others and survives a signal while it is starting.

    The first to end is asked first, and the others once it is gone: what it still has to say needs
    them.
    """

    def __init__(self, printer: Printer, watch: Callable[[], None], first: str) -> None:
        super().__init__(printer)
        self._look_after = watch
        self._first, self._first_asked_at = first, 0.0
        self._is_wanted_down = False
        self.ended_alone: dict[str, int] = {}
        """Exit codes of the processes that ended before anyone asked them to."""
        self.events: Any = _Watched(self.events, self._watch)

    def terminate(self) -> None:
        """Ask for the end; a signal may do so before every child has a process id to be stopped by."""
        if not self._is_wanted_down:
            self._is_wanted_down = True
            self.ended_alone = {
                name: process["returncode"]
                for name, process in self._processes.items()
                if process.get("returncode") is not None
            }

    def _watch(self) -> None:
        self._look_after()
        if self._is_wanted_down and self._all_started() and self._first_is_gone():
            super().terminate()

    def _first_is_gone(self) -> bool:
        first = self._processes[self._first]
        if first.get("returncode") is not None:
            return True
        if not self._first_asked_at:
            self._first_asked_at = time.monotonic()
            self._procmgr.terminate(first["pid"])
        return time.monotonic() - self._first_asked_at > _HAND_BACK_S


@dataclass
class Stack:
    """One stack on one state folder, for as long as its launcher lives."""

    home: Home
    port: int
    servers: DataServers
    environ: dict[str, str]
    printer: Printer
    command: list[str]
    """What the companion runs: options and a command, see ``client.launcher.companion``."""
    serves_on: bool
    """Go on after the companion has ended."""
    failure: str = ""
    companion: subprocess.Popen[bytes] | None = None
    processes: Processes = field(init=False)

    def run(self) -> int:
        """Bring everything up, wait for the end, take everything down.

        Returns:
            The companion's exit code; 0 when a stack that serves on was asked to stop.

        Raises:
            LaunchError: a process ended by itself; the sentence names it.
        """
        multiprocessing.set_start_method("fork", force=True)
        self.processes = Processes(self.printer, self._look_after, first="worker")
        try:
            for service in self.servers.all:
                service.start()
                leftovers.note(self.home, service.name, service.pid)
            migrate(self.home, self.servers, self.environ)
            self._add_processes()
            self.companion = subprocess.Popen(
                python_module(
                    "client.launcher.companion", "--address", self.address, *self.command
                ),
                env=self.environ | {"PYTHONPATH": str(ROOT)},
            )
            self.processes.loop()
        finally:
            self._take_down()
        return self._verdict()

    @property
    def address(self) -> str:
        """Where the web process answers."""
        return f"http://{HOST}:{self.port}"

    def _add_processes(self) -> None:
        bind = ["--bind", f"{HOST}:{self.port}", "--pids", str(self.home.pids)]
        self._add("app", python_module("flask", "embedded", *bind))
        # The first page gets both cores: the worker begins once the web process listens.
        self._add("worker", python_module("worker"), waits=True)

    def _add(self, name: str, command: list[str], *, waits: bool = False) -> None:
        probe = f"(exec 3<>/dev/tcp/{HOST}/{self.port}) 2>/dev/null"
        line = "; ".join(
            [
                f"echo $$ >{shlex.quote(str(leftovers.file(self.home, name)))}",
                *([f"until {probe}; do sleep 0.1; done"] if waits else []),
                f"exec {shlex.join(command)}",
            ]
        )
        self.processes.add_process(
            name, f"exec bash -c {shlex.quote(line)}", env=self.environ, cwd=str(ROOT)
        )

    def _look_after(self) -> None:
        for service in self.servers.all:
            if not service.is_running() and not self.failure:
                self.failure = f"{service.name} stopped by itself ({service.ending()})."
                self.processes.terminate()
        if self.companion is not None and self.companion.poll() is not None and not self.serves_on:
            self.processes.terminate()

    def _take_down(self) -> None:
        if self.companion is not None and self.companion.poll() is None:
            self.companion.terminate()
            self.companion.wait()
        for child in multiprocessing.active_children():
            child.kill()
        for service in self.servers.all:
            leftovers.file(self.home, service.name).unlink(missing_ok=True)
        leftovers.stop(self.home)
        for service in self.servers.all:
            service.stop()

    def _verdict(self) -> int:
        if self.failure:
            raise LaunchError(self.failure)
        for name, code in self.processes.ended_alone.items():
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise LaunchError(
                f"The {name} process stopped by itself ({how}), so everything was stopped."
            )
        if self.serves_on or self.companion is None:
            return 0
        if self.processes.returncode == 128 + signal.SIGINT:
            return 130
        return abs(int(self.companion.returncode))


def migrate(home: Home, servers: DataServers, environ: dict[str, str]) -> None:
    """Bring the database and the buckets up to date, unless they are already.

    Raises:
        LaunchError: a migration failed.
    """
    queue, token = environ["PLUMBLINE_WORKER_QUEUE"], environ["PLUMBLINE_WORKER_TOKEN"]
    wanted = hashlib.sha256(f"{queue} {token}".encode())
    for path in sorted((ROOT / "migrations").rglob("*.py")):
        wanted.update(path.read_bytes())
    # Starting the app to find nothing to do would cost the first page a second.
    mark = home.path / "migrated"
    is_own = home.database.exists() and environ["PLUMBLINE_DATABASE_URL"].endswith(
        str(home.database)
    )
    if is_own and mark.exists() and mark.read_text() == wanted.hexdigest():
        return
    for service in servers.all:
        service.wait_ready()
    log = home.logs / "migrate.log"
    with log.open("wb") as stream:
        for command in (["migrate"], ["embedded-queue", "--qid", queue]):
            done = subprocess.run(
                python_module("flask", *command), cwd=ROOT, env=environ, check=False,
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
            )  # fmt: skip
            if done.returncode:
                raise LaunchError(
                    f"The database could not be brought up to date: {last_line(log)} (see {log})"
                )
    mark.write_text(wanted.hexdigest())

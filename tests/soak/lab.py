"""A second host on this machine: a network namespace whose only way out is a cable that can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from client.launcher.home import ROOT
from client.launcher.services import HOST
from tests.setup.packages import program

_HERE, _THERE = "10.213.77.1", "10.213.77.2"


def can_make_one() -> bool:
    """Tell whether this process may make network namespaces."""
    return os.geteuid() == 0 and bool(program("ip")) and bool(shutil.which("nsenter"))


class Lab:
    """A host that reaches the given ports of this one, at the same loopback addresses.

    A relay stands at either end of the cable, so every URL and signature holds on both sides.

    Args:
        ports: of this host's loopback, to be reached from inside.
        log: what the relays print.
    """

    def __init__(self, name: str, ports: Sequence[int], log: Path) -> None:
        self._name, self._ports, self._log = name, ports, log
        self._cable = f"v{name}"[:14]
        self._running = ExitStack()

    @property
    def prefix(self) -> list[str]:
        """What stands before a command to run it inside, with this host's own mounts."""
        return ["nsenter", f"--net=/run/netns/{self._name}", "--"]

    def __enter__(self) -> Lab:
        with ExitStack() as undo:
            undo.callback(self.__exit__)
            self._lay()
            self._relay(_HERE, HOST, inside=False)
            self._relay(HOST, _HERE, inside=True)
            undo.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._running.close()

    def cut(self) -> None:
        """Pull the cable: nothing arrives and nothing is refused, either way."""
        _ip("link", "set", self._cable, "down")

    def join(self) -> None:
        """Plug the cable in again."""
        _ip("link", "set", self._cable, "up")

    def _lay(self) -> None:
        there = f"{self._cable}p"
        _ip("netns", "add", self._name)
        self._running.callback(_ip, "netns", "delete", self._name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", there)
        # The kernel takes a namespace apart some time later, and its cable only then.
        self._running.callback(_ip, "link", "delete", self._cable)
        _ip("link", "set", there, "netns", self._name)
        _ip("address", "add", f"{_HERE}/30", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        for words in (
            ("address", "add", f"{_THERE}/30", "dev", there),
            ("link", "set", there, "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", self._name, *words)

    def _relay(self, listens: str, leads_to: str, *, inside: bool) -> None:
        """Pass the ports on in a process of its own."""
        ports = [str(port) for port in self._ports]
        command = [sys.executable, "-m", "tests.soak.relay", listens, leads_to, *ports]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [*(self.prefix if inside else []), *command], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._running.callback(_end, process)
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"The relay did not start: see {self._log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _ip(*words: str) -> None:
    subprocess.run([program("ip") or "ip", *words], check=True, capture_output=True)

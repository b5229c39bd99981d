"""Where programs run: one protocol, behind it containers (Docker, Podman) or a process sandbox."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

SHIM_FOLDER = "/app/.bin"
"""Holds ``python`` where only ``python3`` exists; at the end of PATH, so an image's own wins."""

_FIRST_UID, _UIDS = 2_000_000, 1_000_000_000


@dataclass(frozen=True)
class Mount:
    """A folder of the machine, as a program sees it."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Owner:
    """Whose containers these are, so that the ones of dead workers can be told apart."""

    machine: str
    """The machine's name and the worker's folder: who is alive is known per folder."""
    worker: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One container to start.

    ``scratch`` is an empty folder of this container alone, for what the engine itself needs;
    ``output_mib`` bounds a single file, the whole is watched by the caller.
    """

    role: str
    run_id: int
    attempt: int
    image: str
    argv: tuple[str, ...]
    mounts: tuple[Mount, ...]
    scratch: Path
    memory_mib: int
    cpus: float
    pids: int
    output_mib: int
    network: bool = False
    writable_root: bool = False
    image_user: bool = False


@dataclass(frozen=True)
class Ended:
    """How a container ended.

    ``code`` is -1 when it never ran: then ``problem`` is a sentence that says why. ``seconds`` is
    from the engine's own clock. ``out_of_memory`` means the container's own limit.
    """

    code: int
    seconds: float = 0.0
    out_of_memory: bool = False
    problem: str = ""
    outside: str = ""
    """What else ended it than its program and its limits, where that is proven; part of a sentence."""


@dataclass(frozen=True)
class Usage:
    """What a container uses: processor seconds since its start, and memory now and at most."""

    cpu_s: float
    memory_bytes: int
    peak_memory_bytes: int = 0
    """0 where the engine does not know it."""


class Running(Protocol):
    """A started container."""

    def ended(self) -> Ended | None:
        """Return how it ended, or None while it runs or its output is not read to the end."""

    def usage(self) -> Usage | None:
        """Return what it uses at this moment; None when that is not to be had."""

    def kill(self) -> None:
        """End it now, with everything in it; no error when it is over already."""

    def remove(self) -> None:
        """Take away what is left of it."""


OnOutput = Callable[[bool, bytes], None]
"""Takes (is it standard error, the bytes); called from a thread of the engine."""


class Engine(Protocol):
    """What can run a program."""

    name: str
    trusted_only: bool
    """True where a program is not kept from harming the machine."""

    @property
    def sees_mounts(self) -> bool:
        """Whether what the worker mounts is there for programs, too."""

    def prepare(self, image: str) -> str:
        """Make an image ready and return its digest ("" where there are no images).

        Raises:
            RunFailed: the image is not to be had; the reason names it.
        """

    def misfit(self, image: str) -> str:
        """Return a sentence on why a prepared image cannot run here: its processor; else ""."""

    def prefix(self, scratch: Path) -> str:
        """Return the real folder that stands for ``/`` in a plan's targets; "" when ``/`` does."""

    def give(self, folder: Path, *, image_user: bool) -> None:
        """Let the user that programs run as write in ``folder`` and everything below it."""

    def start(self, plan: Plan, on_output: OnOutput, on_exit: Callable[[], None]) -> Running:
        """Start one container; must be called from the main thread.

        Args:
            on_exit: called once ``ended()`` has its answer.
        """

    def remove_attempt(self, run_id: int, attempt: int) -> int:
        """Remove the containers of an attempt whose own process is gone; return how many."""

    def sweep(self, is_alive: Callable[[str], bool]) -> int:
        """Remove what dead workers of this machine left running; return how many."""

    def prune(self, max_bytes: int) -> int:
        """Remove images that were pulled for runs until the others fit; return how many."""

    def close(self) -> None:
        """Take away what is kept ready for programs to come; nothing is started after that."""

    def details(self) -> dict[str, Any]:
        """Return what operators want to see of this engine."""


def run_uid() -> int | None:
    """Return the user id of this process's programs, unlike that of any other live attempt.

    None when the worker is not root and so cannot give files away; then programs run as its user.
    """
    return _uid_of(os.getpid()) if os.geteuid() == 0 else None


@cache
def _uid_of(_pid: int) -> int:
    # Each attempt has a process of its own. Chance, not the process id, because workers in
    # containers of one machine count their processes separately.
    return _FIRST_UID + secrets.randbelow(_UIDS)


def give_to(folder: Path, uid: int) -> None:
    """Give a tree to a user; links are not followed."""
    os.chown(folder, uid, uid, follow_symlinks=False)
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            os.chown(os.path.join(parent, name), uid, uid, follow_symlinks=False)


def open_to_all(folder: Path) -> None:
    """Make a tree writable for whoever an image runs as; its parent folder stays private."""
    folder.chmod(0o777)
    for parent, folders, files in os.walk(folder):
        for name in folders:
            os.chmod(os.path.join(parent, name), 0o777)  # noqa: S103 - its parent is private
        for name in files:
            os.chmod(os.path.join(parent, name), 0o777)  # noqa: S103

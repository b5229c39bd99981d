"""System packages, installed where this is root on Debian or Ubuntu and they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client.launcher.errors import LaunchError

_PROGRAMS = {
    "dockerd": "docker.io",
    "chromium": "chromium",
    "bwrap": "bubblewrap",
    "debootstrap": "debootstrap",
    "redis-server": "redis-server",
    "docker-compose": "docker-compose",
    "initdb": "postgresql",
    "faketime": "faketime",
    "ip": "iproute2",
}
_FONTS = Path("/usr/share/fonts/truetype/dejavu"), "fonts-dejavu-core"
_POLICY = Path("/usr/sbin/policy-rc.d")


def is_installer() -> bool:
    """Tell whether this process may install system packages."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def program(name: str) -> str | None:
    """Find a program on the PATH, in the system folders, or among PostgreSQL's versions."""
    places = [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    places += [
        str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    ]
    return shutil.which(name, path=os.pathsep.join(places))


def missing() -> list[str]:
    """Return the packages whose program is not here."""
    names = [package for name, package in _PROGRAMS.items() if program(name) is None]
    folder, fonts = _FONTS
    return names if folder.exists() else [*names, fonts]


def install(log: Path) -> None:
    """Install what is missing.

    Raises:
        LaunchError: the package manager failed; the sentence says where its words are.
    """
    names = missing()
    if not names or not is_installer():
        return
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    commands = (
        ["apt-get", "-q", "update"],
        ["apt-get", "-q", "-y", "install", "--no-install-recommends", *names],
    )
    with log.open("wb") as stream, _services_stay_off():
        for command in commands:
            done = subprocess.run(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=stream,
                stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
            if done.returncode:
                raise LaunchError(
                    f"The system packages {', '.join(names)} were not installed: see {log}"
                )


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Keep freshly installed servers from starting on their own ports."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)

"""A PostgreSQL cluster of the tests' own: on loopback, without durability."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from client.launcher.errors import LaunchError
from client.launcher.services import HOST, Service
from tests.setup.packages import program


def cluster(folder: Path, port: int, log: Path, mark: str) -> Service:
    """Make a cluster and return its server, not started yet.

    Args:
        mark: stands on the command line, so that a leftover is known as ours.

    Raises:
        LaunchError: the cluster could not be made.
    """
    initdb, postgres = program("initdb"), program("postgres")
    if not initdb or not postgres:
        raise LaunchError("PostgreSQL is not installed.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    user = _server_user()
    if user is not None:
        shutil.chown(folder, user, None)
    done = subprocess.run(
        [initdb, "-D", str(folder), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8",
         "--locale=C.UTF-8"],
        user=user, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise LaunchError(f"PostgreSQL's cluster could not be made: {done.stderr.strip()}")
    options = (
        f"listen_addresses={HOST}", f"port={port}", "unix_socket_directories=", "fsync=off",
        "full_page_writes=off", "synchronous_commit=off", "max_connections=200", f"cluster_name={mark}",
    )  # fmt: skip
    command = [
        postgres,
        "-D",
        str(folder),
        *(part for option in options for part in ("-c", option)),
    ]
    return Service("PostgreSQL", command, port, log, user=user)


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"

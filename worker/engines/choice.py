"""Which engine a machine uses: what its operator names, else the first that answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from worker.engines import Engine, Owner
from worker.engines.docker import DockerEngine
from worker.engines.process import ProcessEngine, find_bubblewrap, write_shim
from worker.errors import EngineUnavailable
from worker.settings import Settings

_DOCKER_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock")


def choose(settings: Settings, owner: Owner) -> Engine:
    """Return the engine that ``settings`` ask for.

    Raises:
        EngineUnavailable: the named engine does not answer; with ``auto`` this cannot happen.
    """
    if settings.engine == "process":
        return _process(settings)
    tried = []
    for socket in _sockets(settings):
        try:
            return _containers(settings, owner, socket)
        except EngineUnavailable as error:
            tried.append(str(error))
    if settings.engine == "auto":
        return _process(settings)
    raise EngineUnavailable(" ".join(tried) or f"no {settings.engine} socket was found")


def _sockets(settings: Settings) -> list[str]:
    if settings.docker_host:
        return [settings.docker_host]
    podman = [f"/run/user/{os.getuid()}/podman/podman.sock", "/run/podman/podman.sock"]
    places: list[str] = []
    if settings.engine in ("auto", "docker"):
        places += _DOCKER_SOCKETS
    if settings.engine in ("auto", "podman"):
        places += podman
    return [f"unix://{place}" for place in places if os.path.exists(place)]


def _containers(settings: Settings, owner: Owner, socket: str) -> DockerEngine:
    shims = settings.home / "shims"
    shims.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_shim(shims / "python", "python3")
    return DockerEngine(
        socket, owner, shims, rules=settings.image_rules(), pull_policy=settings.pull_policy,
        gpus=settings.gpus,
    )  # fmt: skip


def _process(settings: Settings) -> ProcessEngine:
    # In a virtual environment sys.executable is a link; behind it is the interpreter itself.
    python = Path(settings.python) if settings.python else Path(sys.executable).resolve()
    return ProcessEngine(settings.home, find_bubblewrap(), python)

"""Python packages as files, so that images can be built without a network."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from client.launcher.errors import LaunchError
from client.launcher.home import ROOT

_FILES = ("requirements-server.txt", "worker/requirements.txt", "constraints.txt")


def download(cache: Path, python: str, log: Path) -> Path:
    """Return a folder with a wheel of everything the two images install.

    Args:
        python: the version inside the image, e.g. ``3.11``.

    Raises:
        LaunchError: the registry cannot be reached, or lacks a wheel.
    """
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in _FILES)).hexdigest()
    folder = cache / f"{python}-{wanted[:12]}"
    if folder.exists():
        return folder
    shutil.rmtree(cache, ignore_errors=True)
    draft = cache / "draft"
    # Also the constraints: what they name may be needed by the image's Python alone.
    server, worker, constraints = (str(ROOT / name) for name in _FILES)
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--only-binary=:all:", "--python-version", python, "--implementation", "cp",
        "--dest", str(draft), "-r", constraints, "-r", server, "-r", worker,
    ]  # fmt: skip
    with log.open("wb") as stream:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        raise LaunchError(f"The packages of the images could not be downloaded: see {log}")
    draft.rename(folder)
    return folder

"""What machine the figures are of, and how busy it was with something else."""

from __future__ import annotations

import os
import platform
from typing import Any

import psutil


def describe() -> dict[str, Any]:
    """Return size, system and load of this machine."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": _system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()

"""What this machine tells its owner with each heartbeat, beside what its engine says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from worker import __version__
from worker.settings import Settings

_DRIVER = Path("/proc/driver/nvidia/gpus")
_MODEL = re.compile(r"^Model:\s*(.+)$", re.MULTILINE)


def about(settings: Settings, *, driver: Path = _DRIVER) -> dict[str, Any]:
    """Return the worker's version, the GPUs that programs get, the free disk, and ``/app/data``.

    Args:
        driver: where the NVIDIA driver lists its devices.
    """
    return {
        "worker_version": __version__,
        "gpus": _for_programs(settings.gpus, models(driver)),
        "disk_free_bytes": shutil.disk_usage(_existing(settings.home)).free,
        "has_data": bool(settings.data_dir),
    }


def models(driver: Path = _DRIVER) -> list[str]:
    """Return the model of each GPU that the NVIDIA driver lists; works inside a container, too."""
    if not driver.is_dir():
        return []
    texts = [one.read_text(errors="replace") for one in sorted(driver.glob("*/information"))]
    return [found[1].strip() if (found := _MODEL.search(text)) else "GPU" for text in texts]


def _for_programs(wanted: str, here: list[str]) -> list[str]:
    """Return what the setting gives to programs: everything, or the one a device name counts to."""
    if not wanted:
        return []
    number = wanted.rpartition("=")[2]
    if wanted != "all" and number.isdigit():
        return [here[int(number)]] if int(number) < len(here) else [wanted]
    return here or [wanted]


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())

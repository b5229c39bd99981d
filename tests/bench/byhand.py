"""What an administrator would do in place of an import or a dump: unzip and copy, fetch and zip."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from app.settings import Settings

_BUCKET = "private/by-hand"


class ByHand:
    """Plain programs on the S3 server of a stack; every method returns seconds."""

    def __init__(self, settings: Settings) -> None:
        self._environ = os.environ | {
            "RCLONE_CONFIG": "",
            "RCLONE_S3_PROVIDER": "Other",
            "RCLONE_S3_ENDPOINT": settings.s3_url,
            "RCLONE_S3_ACCESS_KEY_ID": settings.s3_access_key,
            "RCLONE_S3_SECRET_ACCESS_KEY": settings.s3_secret_key,
        }

    def unzip(self, bundle: Path, folder: Path) -> float:
        """Unpack a bundle."""
        return self._timed("unzip", "-q", str(bundle), "-d", str(folder))

    def copy(self, folder: Path) -> float:
        """Copy every file of a folder to the store, four at a time."""
        return self._rclone("copy", str(folder), f":s3:{_BUCKET}")

    def fetch(self, folder: Path) -> float:
        """Copy what :meth:`copy` stored back to a folder."""
        return self._rclone("copy", f":s3:{_BUCKET}", str(folder))

    def zip(self, folder: Path, bundle: Path) -> float:
        """Pack a folder without compressing it, as a dump does with files."""
        return self._timed("zip", "-q", "-0", "-r", str(bundle), ".", folder=folder)

    def clear(self) -> None:
        """Delete what :meth:`copy` stored."""
        self._rclone("purge", f":s3:{_BUCKET}")

    def _rclone(self, *arguments: str) -> float:
        return self._timed(str(Path(sys.executable).parent / "rclone"), *arguments)

    def _timed(self, *command: str, folder: Path | None = None) -> float:
        began = time.monotonic()
        subprocess.run(command, check=True, env=self._environ, cwd=folder)
        return time.monotonic() - began

"""Which images this worker brought to its machine, and which of them may go again."""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, ImageNotFound

from worker.logs import event

log = logging.getLogger("worker.engines.pulled")

_SPARED_S = 3600.0
"""An image that was used within this time stays: a run may be about to start from it."""


class Pulled:
    """A note for each image that was pulled, touched whenever the image is used.

    The machine's other images have no note, so that nothing is ever done to them.

    Args:
        folder: keeps the notes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, name: str, image: dict[str, Any]) -> None:
        """Write down that an image was pulled for a run."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = {"name": name, "id": image["Id"]}
        draft = self._folder / f"{os.getpid()}.draft"
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.rename(self._path(image["Id"]))

    def touch(self, image: dict[str, Any]) -> None:
        """Note that an image is used now, if it is one of ours."""
        with suppress(FileNotFoundError):
            os.utime(self._path(image["Id"]))

    def prune(self, client: APIClient, max_bytes: int) -> int:
        """Remove the least recently used images until the others take at most ``max_bytes``.

        Images that share layers count them each, as the engine does.

        Returns:
            How many were removed.
        """
        notes = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        sizes = {path: self._size(client, path) for path in notes}
        total, removed = sum(sizes.values()), 0
        for path in notes:
            if total <= max_bytes:
                break
            if time.time() - path.stat().st_mtime > _SPARED_S and self._remove(client, path):
                total -= sizes[path]
                removed += 1
        return removed

    def _path(self, image_id: str) -> Path:
        return self._folder / f"{image_id.replace(':', '-')}.json"

    def _size(self, client: APIClient, path: Path) -> int:
        """Return an image's size in bytes; the note of one that is gone goes, too."""
        try:
            return int(client.inspect_image(_read(path)["id"])["Size"])  # type: ignore[no-untyped-call]
        except ImageNotFound:
            path.unlink(missing_ok=True)
            return 0

    def _remove(self, client: APIClient, path: Path) -> bool:
        if not path.exists():
            return False
        known = _read(path)
        try:
            client.remove_image(known["id"], force=True)
        except ImageNotFound:
            pass
        except APIError as error:  # a container of somebody's uses it
            event(log, "image.kept", image=known["name"], why=str(error.explanation)[:200])
            return False
        path.unlink(missing_ok=True)
        event(log, "image.removed", image=known["name"])
        return True


def _read(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found

"""What people called their files, made fit to be shown and offered for saving; pure."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

MAX_CHARS = 255
_FALLBACK = "file"
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def clean(raw: str) -> str:
    """Return the last part of a path without control and direction characters, at most 255 long."""
    last = raw.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if unicodedata.category(char) not in _HIDDEN)
    name = unicodedata.normalize("NFC", " ".join(shown.split()))
    if not name.strip("."):
        return _FALLBACK
    if len(name) <= MAX_CHARS:
        return name
    ending = PurePosixPath(name).suffix[:20]
    return name[: MAX_CHARS - len(ending)] + ending


def is_zip(name: str) -> bool:
    """Return whether a file says that it is a zip."""
    return name.lower().endswith(".zip")

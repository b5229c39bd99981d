"""What a scoring program says against a submission, in a file beside the scores."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from worker.limits import open_file

NAME = "submission_error.txt"
MAX_CHARS = 1000
_MAX_READ_BYTES = 16 * 1024
_CONTROL = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_TURNS_TEXT = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They would reorder the sentence that quotes them."""


def read(folder: Path) -> str:
    """Return the first 1000 characters of ``submission_error.txt`` as one line of plain text.

    Returns:
        "" when there is no such plain file in the root of the folder, or only blanks in it.

    Source: docs/reference/contract.md, "When the submission is at fault".
    """
    opened = open_file(folder, NAME)
    if opened is None:
        return ""
    with os.fdopen(opened[0], "rb") as file:
        text = file.read(_MAX_READ_BYTES).decode("utf-8-sig", "replace")
    plain = "".join(_shown(char) for char in text)
    return " ".join(plain.split())[:MAX_CHARS].rstrip()


def _shown(char: str) -> str:
    if char in _TURNS_TEXT:
        return ""
    if unicodedata.category(char) in _CONTROL:
        return " " if char.isspace() else ""
    return char

"""What a task is made of, and the files that come with one; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from app.resources.models import FileKind

ROLES = (
    FileKind.SCORING_PROGRAM,
    FileKind.INGESTION_PROGRAM,
    FileKind.INPUT_DATA,
    FileKind.REFERENCE_DATA,
)
"""What the files of a task are for; a draft and a revision have one field for each."""


@dataclass(frozen=True)
class Incoming:
    """A file that comes with a task."""

    file_name: str
    write: Callable[[BinaryIO], None]
    """Writes its content; asked once to judge it, and once to store it."""

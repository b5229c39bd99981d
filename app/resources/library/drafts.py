"""What somebody asks for with a file of the library; pure."""

from __future__ import annotations

from dataclasses import dataclass

from app.resources.models import FileKind

MAX_NAME, MAX_DESCRIPTION, MAX_LICENCE = 255, 10_000, 128

KINDS = (
    FileKind.INPUT_DATA,
    FileKind.REFERENCE_DATA,
    FileKind.PUBLIC_DATA,
    FileKind.INGESTION_PROGRAM,
    FileKind.SCORING_PROGRAM,
    FileKind.STARTING_KIT,
    FileKind.SOLUTION,
)
"""What people keep here on purpose; submissions and bundles come here by themselves."""


@dataclass(frozen=True)
class FileDraft:
    """What a file is called and how it is described."""

    name: str
    description: str = ""
    license: str = ""


@dataclass(frozen=True)
class Filters:
    """What a list is asked for; all of it stands in the address."""

    words: str = ""
    kind: str = ""
    """A :class:`FileKind`; empty means all of :data:`KINDS`."""
    whose: str = "mine"
    """``mine``, or ``public`` for what anybody shares."""
    origin: str = ""
    """``bundle`` for what came with one, ``hand`` for what did not, empty for both."""
    sort: str = "-created"
    """``name``, ``size``, ``downloads`` or ``created``, descending after a ``-``."""

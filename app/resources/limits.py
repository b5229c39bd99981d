"""How large a file of each kind may be, what it must be called, and what its zip may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from app.errors import Invalid, TooLarge
from app.platform import archive
from app.platform.archive import BadArchive, Limits
from app.platform.configured import settings
from app.resources import filenames
from app.resources.measuring import MIB, limit_sentence
from app.resources.models import FileKind

_ZIPS: Mapping[FileKind, Limits] = {
    FileKind.SUBMISSION: archive.SUBMISSION,
    FileKind.SOLUTION: archive.SUBMISSION,
    FileKind.INGESTION_PROGRAM: archive.BUNDLE,
    FileKind.SCORING_PROGRAM: archive.BUNDLE,
    FileKind.STARTING_KIT: archive.BUNDLE,
    FileKind.COMPETITION_BUNDLE: archive.BUNDLE,
    FileKind.TASK_ZIP: archive.BUNDLE,
    FileKind.INPUT_DATA: archive.DATASET,
    FileKind.PUBLIC_DATA: archive.DATASET,
    FileKind.REFERENCE_DATA: archive.DATASET,
}
"""Machines unpack what they get, and a dump is made of zips: every kind is one."""
_ON_THE_WAY = (FileKind.SUBMISSION, FileKind.COMPETITION_BUNDLE)
"""What is unpacked at once; everything else is kept in the library."""


def limit_bytes(kind: FileKind) -> int:
    """Return how large a file of this kind may be."""
    here = settings()
    return (here.upload_mib if kind in _ON_THE_WAY else here.dataset_mib) * MIB


def named(file_name: str) -> str:
    """Return a file's name made fit to be shown.

    Raises:
        Invalid: it is not called a zip.
    """
    name = filenames.clean(file_name)
    if not filenames.is_zip(name):
        raise Invalid(f"“{name}” is not a zip file. Choose a file that ends with .zip.")
    return name


def check_size(size: int, limit: int) -> None:
    """Raise unless a file may have this size.

    Args:
        limit: of :func:`limit_bytes`, or of a caller who knows better.

    Raises:
        Invalid: it is empty.
        TooLarge: it is over the limit.
    """
    if size <= 0:
        raise Invalid("The file is empty. Choose another one.")
    if size > limit:
        raise TooLarge(limit_sentence(limit))


def check_zip(file: BinaryIO, kind: FileKind) -> None:
    """Raise unless a file is a zip that may be unpacked; reads its directory only.

    Raises:
        Invalid: says everything that is wrong with it.
    """
    try:
        archive.check(file, _ZIPS[kind])
    except BadArchive as error:
        raise Invalid(error.message) from error

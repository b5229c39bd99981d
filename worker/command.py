"""A program's command: where it is declared, and what its tokens stand for.

Source: docs/reference/contract.md, "Programs" and "Tokens".
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from worker import plainyaml
from worker.limits import open_file

METADATA_NAMES = ("metadata.yaml", "metadata")
MAX_METADATA_BYTES = 256 * 1024
_CLUTTER = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db"})


class Role(StrEnum):
    """Who runs in a container; decides what the tokens mean."""

    PREDICTION_PROGRAM = "prediction_program"
    PREDICTION_INGESTION = "prediction_ingestion"
    SCORING_PROGRAM = "scoring_program"
    SCORING_INGESTION = "scoring_ingestion"

    @property
    def is_ingestion(self) -> bool:
        """Whether this is the ingestion program's container."""
        return self.value.endswith("ingestion")

    @property
    def is_scoring(self) -> bool:
        """Whether this runs in the scoring step."""
        return self.value.startswith("scoring")


@dataclass(frozen=True)
class Program:
    """An unpacked program: its root folder and what its metadata says."""

    root: Path
    has_metadata: bool
    words: tuple[str, ...] = ()
    """The command, split as a shell would; empty when there is none."""
    problem: str = ""
    """Why there is no command although there is metadata."""
    wrapped_in: str = ""
    """The one folder that the zip wrapped everything in."""


def read_program(folder: Path) -> Program:
    """Find a program's root and command.

    A zip that holds one folder, and the metadata inside it, counts as if the folder had not been
    there.
    """
    root, wrapped_in = folder, ""
    if not _metadata_name(folder):
        inner = only_folder(folder)
        if inner and _metadata_name(inner):
            root, wrapped_in = inner, inner.name
    name = _metadata_name(root)
    if not name:
        return Program(root, has_metadata=False)
    try:
        words = _words(root, name)
    except ValueError as error:
        return Program(root, True, problem=f"{name}: {error}", wrapped_in=wrapped_in)
    return Program(root, True, words, wrapped_in=wrapped_in)


def only_folder(folder: Path) -> Path | None:
    """Return the folder that is all there is in ``folder``, apart from an archiver's clutter."""
    entries = [entry for entry in folder.iterdir() if entry.name not in _CLUTTER]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else None


def _metadata_name(folder: Path) -> str:
    return next((name for name in METADATA_NAMES if (folder / name).is_file()), "")


def _words(root: Path, name: str) -> tuple[str, ...]:
    opened = open_file(root, name)
    if opened is None:
        raise ValueError("it is not a plain file")
    fd, size = opened
    with os.fdopen(fd, "rb") as file:
        if size > MAX_METADATA_BYTES:
            raise ValueError(f"it has {size} bytes; the limit is {MAX_METADATA_BYTES}")
        found = plainyaml.load(file.read())
    if not isinstance(found, dict) or found.get("command") in (None, ""):
        raise ValueError("it names no command, such as: command: python3 $program/run.py")
    if not isinstance(found["command"], str):
        raise ValueError("its command must be one line of text")
    try:
        words = tuple(shlex.split(found["command"]))
    except ValueError as error:
        raise ValueError(f"its command cannot be split into words ({error})") from error
    if not words:
        raise ValueError("its command is empty")
    if not all(_can_be_passed(word) for word in words):
        raise ValueError("its command holds a character that no program can be given")
    return words


def _can_be_passed(word: str) -> bool:
    """Return whether a word can be an argument of a program: no NUL, no half of a character."""
    try:
        return b"\0" not in word.encode()
    except UnicodeEncodeError:
        return False


def tokens(role: Role, prefix: str = "") -> Mapping[str, str]:
    """Return what each token stands for, in the order of replacement.

    Args:
        prefix: the real folder that stands for ``/`` where a machine has no containers.
    """
    paths = {
        "$input": "/app/input_data" if role.is_ingestion else "/app/input",
        "$output": "/app/output",
        "$program": "/app/program",
        "$ingestion_program": "/app/program",
        "$hidden": "/app/input/ref",
        "$shared": "/app/shared",
        "$submission_program": "/app/ingested_program",
        "$tmp": "/app/output",
        "$predictions": "/app/input/res" if role.is_scoring else "/app/output",
    }
    return {token: prefix + path for token, path in paths.items()}


def expand(words: tuple[str, ...], replacements: Mapping[str, str]) -> tuple[str, ...]:
    """Replace every token in every word, as plain text and in order."""
    expanded = []
    for word in words:
        for token, path in replacements.items():
            word = word.replace(token, path)
        expanded.append(word)
    return tuple(expanded)

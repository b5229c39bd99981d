"""Zips in and out: one from a stranger is checked whole before any of it is written."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from worker.limits import TooMuch, walk

MAX_RATIO = 200
RATIO_FREE_BYTES = 1024 * 1024
MAX_PATH_CHARS = 200
_CHUNK = 1024 * 1024
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError,
    NotImplementedError, RuntimeError, OverflowError,
)  # fmt: skip
"""What the library raises on a damaged file or an unknown method."""


class BadArchive(ValueError):
    """A zip that is not unpacked; the text says which entry and why."""


class TooLarge(ValueError):
    """An output tree larger than the run may leave behind."""


@dataclass(frozen=True)
class Bounds:
    """How much one zip may unpack to."""

    entries: int
    total_bytes: int


@dataclass(frozen=True)
class Packed:
    """What was put into a zip, and what was left out of it (path: reason)."""

    size_bytes: int
    sha256: str
    refused: tuple[str, ...]


def unpack(source: Path, target: Path, bounds: Bounds, check: Callable[[], None]) -> None:
    """Unpack a zip into a new folder, or nothing of it.

    Args:
        target: is made; its parent exists.
        check: called now and then; raises to stop.

    Raises:
        BadArchive: it is no zip, is damaged, or holds something that is refused.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            plan = _plan(archive.infolist(), bounds, source.stat().st_size)
            target.mkdir(mode=0o755)
            for path, entry in plan.items():
                _write(archive, entry, target / path, check)
    except BadArchive:
        raise
    except _UNREADABLE as error:
        raise BadArchive(f"it is not a readable zip file ({error})") from error


def _plan(
    entries: list[zipfile.ZipInfo], bounds: Bounds, size_bytes: int
) -> dict[str, zipfile.ZipInfo]:
    """Return what to write where, once every entry is acceptable."""
    if len(entries) > bounds.entries:
        raise BadArchive(f"it has {len(entries)} entries; the limit is {bounds.entries}")
    _check_overlap(entries, size_bytes)
    total, plan, seen = 0, dict[str, zipfile.ZipInfo](), dict[str, str]()
    for entry in entries:
        path = _safe_path(entry)
        _check_kind(entry, path)
        total += entry.file_size
        if total > bounds.total_bytes:
            raise BadArchive(f"it unpacks to more than {bounds.total_bytes // 2**20} MiB")
        if not path:
            continue
        other = seen.setdefault(path.casefold(), path)
        if path in plan and not (entry.is_dir() and plan[path].is_dir()):
            raise BadArchive(f"the entry {path!r} appears twice")
        if other != path:
            raise BadArchive(f"the entries {other!r} and {path!r} differ only in case")
        plan[path] = entry
    return plan


def _safe_path(entry: zipfile.ZipInfo) -> str:
    name = unicodedata.normalize("NFC", entry.filename.replace("\\", "/"))
    parts = [part for part in name.rstrip("/").split("/") if part != "."]
    shown = repr(entry.filename[:100])
    if name.startswith("/") or ".." in parts or ":" in name:
        raise BadArchive(f"the entry {shown} points outside the archive")
    if "" in parts and parts != [""]:
        raise BadArchive(f"the entry {shown} has an empty folder name")
    if len(name) > MAX_PATH_CHARS or any(len(part.encode()) > 255 for part in parts):
        raise BadArchive(f"the entry {shown} has a path longer than {MAX_PATH_CHARS} characters")
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        raise BadArchive(f"the entry {shown} has control characters in its name")
    return "/".join(parts)


def _check_kind(entry: zipfile.ZipInfo, path: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.flag_bits & _ENCRYPTED:
        raise BadArchive(f"the entry {path!r} is encrypted; save the zip without a password")
    if kind == stat.S_IFLNK:
        raise BadArchive(f"the entry {path!r} is a symbolic link; put the file itself in its place")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadArchive(f"the entry {path!r} is neither a file nor a folder")
    large = entry.file_size > RATIO_FREE_BYTES
    if large and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise BadArchive(f"the entry {path!r} unpacks to over {MAX_RATIO} times its packed size")


def _check_overlap(entries: list[zipfile.ZipInfo], size_bytes: int) -> None:
    """Entries that share bytes of the file are a bomb that declares harmless sizes."""
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise BadArchive(f"the entry {entry.filename[:100]!r} overlaps another one")
        end = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size
    if end > size_bytes:
        raise BadArchive("it is cut short")


def _write(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, check: Callable[[], None]
) -> None:
    if entry.is_dir():
        _make_folder(path)
        return
    _make_folder(path.parent)
    runnable = (entry.external_attr >> 16) & 0o111
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags, 0o755 if runnable else 0o644)
    except FileExistsError as error:
        raise BadArchive(f"the entry {entry.filename[:100]!r} is both file and folder") from error
    left = entry.file_size
    with os.fdopen(fd, "wb") as file, archive.open(entry) as packed:
        while chunk := packed.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BadArchive(f"the entry {entry.filename[:100]!r} is larger than it declares")
            file.write(chunk)
            check()


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadArchive(f"{path.name!r} is both file and folder") from error


def pack(folder: Path, target: Path, max_bytes: int, check: Callable[[], None]) -> Packed:
    """Zip an output folder that nobody writes to any more.

    Raises:
        TooLarge: its files claim more than ``max_bytes``, or it has too many of them.
    """
    refused, left = [], max_bytes
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        try:
            for found in walk(folder):
                if found.refused:
                    refused.append(f"{found.path} {found.refused}")
                    continue
                left -= found.size
                if left < 0:
                    raise TooLarge(f"its files are larger than {max_bytes // 2**20} MiB together")
                _add(archive, found.path, found.fd, found.size, check)
        except TooMuch as error:
            raise TooLarge(f"it has {error}") from error
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Packed(target.stat().st_size, digest, tuple(refused))


def _add(
    archive: zipfile.ZipFile, path: str, fd: int, size: int, check: Callable[[], None]
) -> None:
    entry = zipfile.ZipInfo(path)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.file_size = size
    source: IO[bytes]
    with os.fdopen(os.dup(fd), "rb") as source, archive.open(entry, "w") as packed:
        while size > 0 and (chunk := source.read(min(_CHUNK, size))):
            size -= len(chunk)
            packed.write(chunk)
            check()

"""Zip files from strangers: judged by their directory before a byte is unpacked, read by safe names.

Nested archives stay closed: a zip in a zip is a file like any other.
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from app.errors import Invalid

CHUNK = 1024 * 1024
MAX_FAULTS = 20
MAX_NAME_CHARS = 200
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say; a fixed one makes equal zips equal
_DRIVE = re.compile(r"[A-Za-z]:")
_END, _END64, _LOCATOR64, _ENTRY = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02"
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    NotImplementedError,  # a newer zip version
    ValueError,  # a name that is not in the encoding it claims, a place before the file
)
_APART, _AGAIN = "entries that lie apart", "Zip the files again."
_JUNK = re.compile(r"(^|/)(__MACOSX(/|$)|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._[^/]*$)", re.I)


@dataclass(frozen=True)
class Limits:
    """What an archive may declare."""

    entries: int = 10_000
    total_bytes: int = 2 * 1024**3
    ratio: int = 200
    ratio_from_bytes: int = 1024 * 1024
    """Smaller files may shrink as well as they like."""


SUBMISSION = Limits()
BUNDLE = Limits(entries=100_000, total_bytes=20 * 1024**3)
DATASET = Limits(entries=1_000_000, total_bytes=200 * 1024**3)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an archive, in words and in pieces."""

    name: str
    """The entry, as its author called it; empty for the archive as a whole."""
    found: str
    expected: str
    sentence: str
    hint: str
    """What to do about it, in a sentence."""

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}"


class BadArchive(Invalid):
    """The file is not a zip that may be unpacked; ``faults`` says why."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(map(str, self.faults)))


@dataclass(frozen=True)
class Member:
    """A file in the archive."""

    name: str
    """Normalised: relative, ``/`` between parts, NFC."""
    size: int
    """Bytes once unpacked."""
    info: zipfile.ZipInfo


class Archive:
    """An archive whose directory has been judged; members are opened by normalised name."""

    def __init__(self, file: BinaryIO, limits: Limits = SUBMISSION) -> None:
        """Read and judge the directory of ``file``, which must be seekable and stay open.

        Raises:
            BadArchive: says everything that is wrong, up to 20 faults.
        """
        _count_entries(file, limits)
        try:
            self._zip = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise BadArchive(
                [_damaged(f"The zip file is damaged: {error}.", str(error))]
            ) from error
        judge = _Judge(limits)
        self.members: Mapping[str, Member] = judge.members(self._zip)
        if judge.faults:
            raise BadArchive(judge.faults[:MAX_FAULTS])
        self.total_bytes = sum(member.size for member in self.members.values())
        self._folders = {name[:i] for name in self.members for i in _slashes(name)}

    def is_file(self, name: str) -> bool:
        """Say whether a file of this normalised name is in the archive."""
        return name in self.members

    def is_folder(self, name: str) -> bool:
        """Say whether a folder of this normalised name holds at least one file."""
        return name in self._folders

    def files(self, folder: str = "") -> list[Member]:
        """List the files under ``folder``, at any depth, by name."""
        prefix = f"{folder}/" if folder else ""
        return [self.members[name] for name in sorted(self.members) if name.startswith(prefix)]

    def wrapping_folder(self) -> str:
        """Name the one folder that everything is in; empty when there is no such folder."""
        tops = {name.partition("/")[0] for name in self.members}
        return tops.pop() if len(tops) == 1 and not tops & set(self.members) else ""

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file; it ends at the declared size and its checksum is checked.

        Raises:
            BadArchive: the content is damaged.
        """
        with _damage(name), self._zip.open(self.members[name].info) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a small file.

        Raises:
            BadArchive: it has more than ``limit`` bytes, or is damaged.
        """
        size = self.members[name].size
        if size > limit:
            found, expected = f"{size} bytes", f"at most {limit} bytes"
            sentence = f"The file {name} has {size} bytes; the limit is {limit}."
            raise BadArchive([Fault(name, found, expected, sentence, "Make it smaller.")])
        return b"".join(self.chunks(name))

    def head(self, name: str, size: int) -> bytes:
        """Return the first ``size`` bytes of a file, or all it has."""
        with _damage(name), self._zip.open(self.members[name].info) as stream:
            return stream.read(size)

    def copy(self, name: str, out: BinaryIO) -> None:
        """Write the content of a file to ``out``."""
        for chunk in self.chunks(name):
            out.write(chunk)

    def zip_folder(self, folder: str, out: BinaryIO) -> None:
        """Write a zip of the folder's contents to ``out``; equal contents give equal bytes."""
        with zipfile.ZipFile(out, "w") as target:
            for member in self.files(folder):
                name = member.name.removeprefix(f"{folder}/") if folder else member.name
                entry = zipfile.ZipInfo(name, _DATE)
                runs = (member.info.external_attr >> 16) & 0o111
                entry.create_system = 3
                entry.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.file_size = member.size
                with target.open(entry, "w") as stream:
                    for chunk in self.chunks(member.name):
                        stream.write(chunk)


def check(file: BinaryIO, limits: Limits = SUBMISSION) -> Archive:
    """Judge an archive by its directory alone; reads no member.

    Raises:
        BadArchive: it must not be unpacked.
    """
    return Archive(file, limits)


def normalise(name: str) -> str:
    """Return the one way to write a relative path; a trailing slash is dropped.

    Raises:
        ValueError: the name leads out of the archive or cannot be a file name everywhere; the text
            completes "the name …".
    """
    shown = name if len(name) <= 80 else f"{name[:80]}…"
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        raise ValueError(f"{shown!r} has a control character")
    plain = unicodedata.normalize("NFC", name.replace("\\", "/"))
    if plain.startswith("/") or _DRIVE.match(plain):
        raise ValueError(f"{shown!r} is absolute")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{shown!r} leads out of the archive")
    if ":" in plain:
        raise ValueError(f"{shown!r} has a colon")
    path = "/".join(parts)
    if len(path) > MAX_NAME_CHARS:
        raise ValueError(f"{shown!r} has {len(path)} characters; the limit is {MAX_NAME_CHARS}")
    return path


class _Judge:
    """Collects what is wrong with a directory while turning entries into members."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.faults: list[Fault] = []

    def members(self, archive: zipfile.ZipFile) -> dict[str, Member]:
        found: dict[str, Member] = {}
        taken: dict[str, str] = {}
        folders: set[str] = set()
        for info in archive.infolist():
            name = self._name(info)
            if not name or _JUNK.search(name):
                continue
            if info.is_dir() or info.filename.endswith("\\"):
                folders.add(_folded(name))
                continue
            self._entry(name, info)
            other = taken.setdefault(_folded(name), name)
            if name in found or other != name:
                names = "twice" if other == name else f"as {other} and as {name}"
                sentence = f"The file {other} is in the zip {names}."
                self._say(name, f"the file {names}", "each file once", sentence, "Keep one.")
            found[name] = Member(name, info.file_size, info)
        for name in found:
            folders.update(_folded(name[:i]) for i in _slashes(name))
        for folded in sorted(folders & set(taken)):
            what = "both a file and a folder"
            sentence = f"The name {taken[folded]} is {what}."
            self._say(taken[folded], what, "one of the two", sentence, "Rename one of them.")
        self._total(found.values())
        self._overlaps(archive)
        return found

    def _name(self, info: zipfile.ZipInfo) -> str:
        name = info.orig_filename
        if not info.flag_bits & 0x800 and not name.isascii():
            # Some archivers write UTF-8 without saying so; the other reading is never refused.
            raw = name.encode("cp437")
            name = raw.decode("utf-8") if _is_utf8(raw) else name
        try:
            return normalise(name)
        except ValueError as error:
            expected, hint = "a relative path inside the zip", "Rename it and zip again."
            shown = "".join(char if char.isprintable() else "\ufffd" for char in name[:80])
            self._say(shown, f"the name {error}", expected, f"The name {error}.", hint)
            return ""

    def _entry(self, name: str, info: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            what = "a symbolic link" if kind == stat.S_IFLNK else "not a regular file"
            hint = "Replace it by the file itself."
            self._say(name, what, "a regular file", f"{name} is {what}.", hint)
        if info.flag_bits & 0x41:
            hint = "Zip it without a password."
            self._say(name, "an encrypted file", "a readable one", f"{name} is encrypted.", hint)
        elif info.compress_type not in _READABLE:
            method = f"compressed by method {info.compress_type}"
            hint = "Use Deflate, the usual one."
            self._say(name, method, "Deflate, or nothing", f"{name} is {method}.", hint)
        ratio = info.file_size / max(info.compress_size, 1)
        if info.file_size > self.limits.ratio_from_bytes and ratio > self.limits.ratio:
            self._say(
                name, f"{ratio:.0f}-fold growth", f"at most {self.limits.ratio}-fold",
                f"{name} would grow {ratio:.0f}-fold to {info.file_size} bytes when unpacked; "
                f"the limit is {self.limits.ratio}-fold.",
                "Store it in the zip without compression.",
            )  # fmt: skip

    def _total(self, members: Iterable[Member]) -> None:
        total = sum(member.size for member in members)
        if total > self.limits.total_bytes:
            limit = self.limits.total_bytes
            sentence = f"The zip would unpack to {total} bytes; the limit is {limit}."
            hint = "Pack less, or upload the data by itself and name it by its key."
            self._say("", f"{total} bytes unpacked", f"at most {limit} bytes", sentence, hint)

    def _overlaps(self, archive: zipfile.ZipFile) -> None:
        """Refuse entries that share bytes, the trick of bombs that stay small."""
        end = 0
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            if info.header_offset < end:
                self._say("", "entries that overlap", _APART, "Entries of the zip overlap.", _AGAIN)
                return
            size = 30 + len(info.orig_filename) + info.compress_size
            end = info.header_offset + size
        if end > archive.start_dir:
            found = "an entry that overlaps the directory"
            self._say("", found, _APART, "An entry of the zip overlaps its directory.", _AGAIN)

    def _say(self, name: str, found: str, expected: str, sentence: str, hint: str) -> None:
        self.faults.append(Fault(name, found, expected, sentence, hint))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _slashes(name: str) -> Iterator[int]:
    return (i for i, char in enumerate(name) if char == "/")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        sentence = f"The file {name} in the zip is damaged: {error}."
        raise BadArchive([_damaged(sentence, str(error), name)]) from error


def _count_entries(file: BinaryIO, limits: Limits) -> None:
    """Count the directory's entries by walking it, before they become objects."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_557))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        sentence = "The file is not a zip file, or its end is missing."
        hint = "Zip the files, and upload the whole zip."
        raise BadArchive([Fault("", "no end of a zip", "a whole zip file", sentence, hint)])
    start, length = _directory(file, tail, at, size)
    if length > limits.entries * (46 + 4 * MAX_NAME_CHARS + 256):
        raise BadArchive([_too_many(limits)])
    file.seek(start)
    directory = file.read(length)
    count = position = 0
    while directory[position : position + 4] == _ENTRY and position + 46 <= len(directory):
        name, extra, comment = struct.unpack_from("<HHH", directory, position + 28)
        position += 46 + name + extra + comment
        count += 1
        if count > limits.entries:
            raise BadArchive([_too_many(limits)])
    file.seek(0)


def _directory(file: BinaryIO, tail: bytes, at: int, size: int) -> tuple[int, int]:
    """Return where the central directory starts and how long it is (from the zip64 record if any)."""
    end = size - len(tail) + at
    length, offset = struct.unpack_from("<LL", tail, at + 12)
    record = end - 20 - 56
    if record >= 0:
        file.seek(record)
        wide = file.read(56 + 20)
        if wide.startswith(_END64) and wide.startswith(_LOCATOR64, 56):
            length, offset = struct.unpack_from("<QQ", wide, 40)
            end = record
    if length > end:
        sentence = "The zip file is damaged: its directory is missing."
        raise BadArchive([_damaged(sentence, "no directory")])
    if offset != end - length:  # also where the end of a zip within a zip was found
        sentence = "The zip file is cut short, or something was put before it."
        raise BadArchive([_damaged(sentence, "a directory that is elsewhere")])
    return end - length, length


def _too_many(limits: Limits) -> Fault:
    most = limits.entries
    found, expected = f"more than {most} entries", f"at most {most} entries"
    return Fault("", found, expected, f"The zip has {found}.", "Pack fewer, larger files.")


def _damaged(sentence: str, found: str, name: str = "") -> Fault:
    return Fault(name, f"damage: {found}", "a sound zip file", sentence, _AGAIN)

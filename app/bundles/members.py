"""What a bundle's YAML refers to: files and folders of its zip, by contained paths only."""

from __future__ import annotations

import difflib
import tempfile
import zipfile
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import BinaryIO

from app.bundles.fields import Section, as_uuid
from app.competitions.drafts import FileRef, Packing
from app.competitions.findings import MAX_TEXT_BYTES
from app.platform import encoding, images
from app.platform.archive import BUNDLE, Archive, BadArchive, normalise

_INSIDE = "Put it into the zip, and write the path from the folder of the YAML file."
_MISSING = "Add it to the zip, or correct the path: upper and lower case differ."
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


class Members:
    """The files of a bundle whose ``competition.yaml`` stands in the folder ``root`` ("" = top)."""

    def __init__(self, archive: Archive, root: str, vouched: Collection[str] = ()) -> None:
        """Look up files in ``archive``.

        Args:
            vouched: what a dump holds just as it was stored; none of it is judged again.
        """
        self.archive = archive
        self.root = root
        self._vouched = vouched
        self._hints_left = 10

    def program(self, section: Section, key: str) -> FileRef | None:
        """Find a zip, a folder or stored data; a file that is not a zip is a problem."""
        ref = self.file(section, key)
        if ref is None or not ref.member or ref.is_folder or ref.member in self._vouched:
            return ref
        if not self.archive.head(ref.member, 4).startswith(_ZIP_STARTS):
            found = f"{self._shown(ref.member)}, which is not a zip file"
            hint = "Zip it, or put it into a folder and name the folder."
            section.wrong(key, found, "a zip file or a folder", hint)
            return None
        return ref

    def file(self, section: Section, key: str) -> FileRef | None:
        """Find any file, a folder or stored data."""
        text = section.text(key)
        if not text:
            return None
        member = self._member(section, key, text)
        if member is None:
            return None
        if self.archive.is_file(member) or self.archive.is_folder(member):
            return FileRef(member=member, is_folder=not self.archive.is_file(member))
        stored = as_uuid(text)
        if stored:
            return FileRef(key=stored)
        self._missing(
            section, key, member, "a file or folder of the zip, or the key of stored data"
        )
        return None

    def text(self, section: Section, key: str) -> tuple[str, bool]:
        """Read a page; returns its source and whether it is HTML. Empty when there is none."""
        member = self._content(section, key)
        if member is None:
            return "", False
        is_html = PurePosixPath(member).suffix.lower() in (".html", ".htm")
        try:
            return encoding.text(self.archive.read(member, MAX_TEXT_BYTES)), is_html
        except (BadArchive, encoding.WrongEncoding) as error:
            bad = error.faults[0] if isinstance(error, BadArchive) else error
            found = f"{self._shown(member)}, which cannot be used: {bad.sentence.rstrip('.')}"
            expected = f"text in UTF-8 of at most {MAX_TEXT_BYTES} bytes"
            section.wrong(key, found, expected, bad.hint)
            return "", False

    def logo(self, section: Section, key: str) -> images.Logo | None:
        """Read and re-encode a picture."""
        member = self._content(section, key)
        if member is None:
            return None
        try:
            return images.logo(self.archive.read(member, images.MAX_BYTES))
        except (BadArchive, images.BadImage) as error:
            found = f"{self._shown(member)}, which cannot be used: {error.message.rstrip('.')}"
            hint = "Save the picture in one of these formats."
            section.wrong(key, found, "a PNG, JPEG, GIF or WebP picture", hint)
            return None

    def _content(self, section: Section, key: str) -> str | None:
        text = section.text(key)
        member = self._member(section, key, text) if text else None
        if member is not None and not self.archive.is_file(member):
            self._missing(section, key, member, "a file of the zip")
            return None
        return member

    def _member(self, section: Section, key: str, text: str) -> str | None:
        try:
            path = normalise(text)
        except ValueError as error:
            found, hint = f"a path that cannot be used: {error}", _INSIDE
            section.wrong(key, found, "a path inside the zip", hint)
            return None
        if not path:
            found, hint = f"“{text}”, the whole bundle", _INSIDE
            section.wrong(key, found, "a file or folder inside it", hint)
            return None
        return f"{self.root}/{path}" if self.root else path

    def _missing(self, section: Section, key: str, member: str, expected: str) -> None:
        self._hints_left -= 1  # looking for likely names is slow
        names = [m.name for m in self.archive.files(self.root)][:2_000]
        close = difflib.get_close_matches(member, names, 1, 0.8) if self._hints_left >= 0 else []
        hint = f"Is {self._shown(close[0])} meant?" if close else _MISSING
        section.wrong(key, f"{self._shown(member)}, which is not in the zip", expected, hint)

    def _shown(self, member: str) -> str:
        return f"“{member.removeprefix(f'{self.root}/') if self.root else member}”"


def least_bytes(archive: Archive, ref: FileRef) -> int:
    """Return how many bytes a reference surely takes, before anything of it is read."""
    if not ref.is_folder and not ref.packing:
        return archive.members[ref.member].size
    files = archive.files(ref.member) if ref.is_folder else [archive.members[ref.member]]
    packed = [one.info for one in files if one.info.compress_type == zipfile.ZIP_DEFLATED]
    return sum(info.compress_size for info in packed) * 9 // 10  # another Deflate may do better


def write(archive: Archive, ref: FileRef, out: BinaryIO) -> None:
    """Write what a reference to the archive means to ``out``; a folder becomes a zip of its contents.

    Raises:
        BadArchive: the content is damaged.
    """
    if ref.packing:
        _pack(archive, ref, ref.packing, out)
    elif ref.is_folder:
        archive.zip_folder(ref.member, out)
    else:
        archive.copy(ref.member, out)


def _pack(archive: Archive, ref: FileRef, packing: Packing, out: BinaryIO) -> None:
    prefix = f"{packing.folder}/" if packing.folder else ""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in packing.texts:
            packed.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
        if not packing.is_unpacked:
            _add(packed, archive, ref.member, prefix + PurePosixPath(ref.member).name)
        elif ref.is_folder:
            for member in archive.files(ref.member):
                inner = member.name.removeprefix(f"{ref.member}/")
                _add(packed, archive, member.name, prefix + inner)
        else:
            with tempfile.TemporaryFile() as here:
                archive.copy(ref.member, here)
                unpacked = Archive(here, BUNDLE)
                for member in unpacked.files():
                    _add(packed, unpacked, member.name, prefix + member.name)


def _add(packed: zipfile.ZipFile, source: Archive, member: str, name: str) -> None:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    with packed.open(info, "w", force_zip64=True) as target:
        for chunk in source.chunks(member):
            target.write(chunk)

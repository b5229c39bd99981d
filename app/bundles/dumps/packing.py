"""A benchmark as a zip: texts and stored files, streamed, with a listing of checksums.

Nothing is held in memory but a piece of one file at a time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, BinaryIO
from uuid import UUID

from app.bundles import checksums, write
from app.bundles.archives import gathering, records
from app.bundles.archives.fields import encode
from app.bundles.archives.gathering import Gathered
from app.bundles.archives.ledger import Source, Wish
from app.bundles.checksums import Listed
from app.competitions import rereading
from app.competitions.drafts import CompetitionDraft
from app.competitions.rereading import Rows
from app.errors import NotFound, Refused
from app.platform.storage import store
from app.resources.measuring import CHUNK
from app.resources.models import StoredFile, Task

Heard = Callable[[int], None]
"""Is told how many bytes were dealt with since it was told last."""

_WORD = re.compile(r"[\w@.+-]+")
_TELLING_CHARS = 3
"""Shorter names are found in any text."""
_SHRINKS_AT_MOST = 100
_DATE = (1980, 1, 1, 0, 0, 0)  # a fixed one, so that equal benchmarks are packed as equal zips


@dataclass(frozen=True)
class Plan:
    """What goes into a dump."""

    competition_id: int
    draft: CompetitionDraft
    """With places for what is carried, and keys for the rest."""
    files: Mapping[str, Source]
    """By place, in the order of the draft."""
    notes: tuple[str, ...] = ()
    archive: Gathered | None = None
    """Participants, submissions and scores."""

    @property
    def total_bytes(self) -> int:
        """The size of all files."""
        besides = self.archive.total_bytes if self.archive else 0
        return sum(source.size for source in self.files.values()) + besides

    @property
    def hides_names(self) -> bool:
        """Whether nobody who took part may be recognised."""
        return self.archive is not None and self.archive.header.pseudonymised


def plan(
    rows: Rows, may_carry: Callable[[StoredFile], bool], room: ExitStack, *,
    with_files: bool, wish: Wish | None = None,
) -> Plan:  # fmt: skip
    """Decide what a dump holds, and write down the records of an archive.

    A task with a file that its organizer may use and not have, for it is somebody else's, is named
    by its key: what only programs should see does not leave by this way.

    Args:
        room: gives up the files of the records once they are packed.
        wish: what archive to add, if any; then with files.
    """
    kept = [task for task in rows.tasks() if not all(map(may_carry, _files(task)))]
    draft = rereading.draft(rows, {task.id for task in kept})
    stored = _stored(rows) if with_files or wish else {}
    draft, members = write.with_members(draft, {key: f.file_name for key, f in stored.items()})
    files = {
        member: Source(f.ref, f.size_bytes, f.sha256, f.file_name)
        for member, key in members.items()
        for f in (stored[key],)
    }
    notes = tuple(
        f"The task “{task.name}” is somebody else's; it is named by its key, so that it is found on "
        f"this site alone."
        for task in kept
    )
    if wish is None:
        return Plan(rows.competition.id, draft, files, notes)
    if wish.is_pseudonymised:
        draft = dataclasses.replace(draft, contact_email="")
    places = {str(key): member for member, key in members.items()}
    archive = gathering.gather(rows, wish, places, may_carry, room)
    notes += archive.notes
    if wish.is_pseudonymised and (naming := _naming(_texts(draft), archive.names)):
        named = ", ".join(naming[:5])
        notes += (
            f"Texts of the benchmark name people who took part, and stay as they are: {named}.",
        )
    return Plan(rows.competition.id, draft, files, notes, archive)


def pack(plan: Plan, out: BinaryIO, site: str, at: datetime, heard: Heard) -> None:
    """Write a dump to ``out``.

    Raises:
        Refused: a file is lost or is not what it was, or the texts are too long for a bundle.
    """
    texts = _texts(plan.draft)
    listed = {name: Listed(checksums.sha256([raw]), len(raw)) for name, raw in texts.items()}
    with zipfile.ZipFile(out, "w") as target:
        for name, raw in texts.items():
            target.writestr(_entry(name, len(raw), zipfile.ZIP_DEFLATED), raw)
        for name, source in plan.files.items():
            listed[name] = _must_copy(target, name, source, heard)
            if plan.hides_names:
                own = PurePosixPath(name).name  # people call files after themselves
                listed[name] = dataclasses.replace(listed[name], file_name=own)
        if plan.archive:
            listed |= _add_archive(target, plan.archive, heard)
        listing = checksums.text(site, plan.competition_id, listed, at)
        entry = _entry(checksums.NAME, len(listing), zipfile.ZIP_DEFLATED)
        target.writestr(entry, listing)


def _texts(draft: CompetitionDraft) -> dict[str, bytes]:
    try:
        return write.texts(draft)
    except write.TooLong as error:
        raise Refused(
            f"The settings and descriptions of this benchmark take {error}, more than a bundle may "
            f"hold. Shorten the longest ones."
        ) from error


def _naming(texts: Mapping[str, bytes], names: Collection[str]) -> list[str]:
    """Return the texts that somebody's name or address can be read in."""
    telling = {name for name in names if len(name) >= _TELLING_CHARS}
    phrases = [name for name in telling if not _WORD.fullmatch(name)]
    found = []
    for member, raw in texts.items():
        text = raw.decode(errors="replace").casefold()
        words = {word.strip("._-") for word in _WORD.findall(text)}
        if words & telling or any(phrase in text for phrase in phrases):
            found.append(member)
    return found


def _add_archive(target: zipfile.ZipFile, archive: Gathered, heard: Heard) -> dict[str, Listed]:
    """Pack what the records name, and then the records: by then it is known what was lost."""
    listed: dict[str, Listed] = {}
    lost = []
    for name, source in archive.files.items():
        try:
            listed[name] = _copy(target, name, source, heard)
        except NotFound:
            lost.append(name)
    header = encode(dataclasses.replace(archive.header, lost=tuple(lost)))
    raw = (json.dumps(header, indent=1, ensure_ascii=False) + "\n").encode()
    target.writestr(_entry(records.HEADER, len(raw), zipfile.ZIP_DEFLATED), raw)
    listed[records.HEADER] = Listed(checksums.sha256([raw]), len(raw))
    for name, part in archive.parts.items():
        size = part.seek(0, 2)
        entry = _entry(name, size, _method(part, size))
        part.seek(0)
        with target.open(entry, "w") as member:
            listed[name] = _poured(part, member, heard)
    return listed


def _method(part: BinaryIO, size: int) -> int:
    """Say how to pack a text: one that shrinks too well would be taken for a bomb."""
    if size <= CHUNK:
        return zipfile.ZIP_DEFLATED
    packed, done = zlib.compressobj(), 0
    part.seek(0)
    while chunk := part.read(CHUNK):
        done += len(packed.compress(chunk))
    done += len(packed.flush())
    return zipfile.ZIP_STORED if size > done * _SHRINKS_AT_MOST else zipfile.ZIP_DEFLATED


def _must_copy(target: zipfile.ZipFile, name: str, source: Source, heard: Heard) -> Listed:
    try:
        return _copy(target, name, source, heard)
    except NotFound as error:
        raise Refused(f"{_named(name, source)} is no longer stored. Replace it.") from error


def _copy(target: zipfile.ZipFile, name: str, source: Source, heard: Heard) -> Listed:
    there = store().open(source.place)
    try:
        with target.open(_entry(name, source.size, zipfile.ZIP_STORED), "w") as member:
            copied = _poured(there, member, heard)
    finally:
        there.close()
    if copied.size != source.size or source.sha256 not in ("", copied.sha256):
        raise Refused(f"{_named(name, source)} is not what was stored; its bytes have changed.")
    return dataclasses.replace(copied, file_name=source.file_name)


def _poured(source: BinaryIO, target: IO[bytes], heard: Heard) -> Listed:
    measured, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        measured.update(chunk)
        size += len(chunk)
        target.write(chunk)
        heard(len(chunk))
    return Listed(measured.hexdigest(), size)


def _named(name: str, source: Source) -> str:
    return f"The file “{source.file_name}” ({name})" if source.file_name else f"The file {name}"


def _entry(name: str, size: int, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.compress_type = method
    entry.file_size = size  # tells whether its header needs 64 bits
    return entry


def _files(task: Task) -> list[StoredFile]:
    current = task.revisions[-1] if task.revisions else None
    if current is None:
        return []
    files = (
        current.scoring_program, current.ingestion_program, current.input_data,
        current.reference_data,
    )  # fmt: skip
    return [file for file in files if file is not None]


def _stored(rows: Rows) -> dict[UUID, StoredFile]:
    """Return every stored file of a competition by its key."""
    found = [file for task in rows.tasks() for file in _files(task)]
    found += [solution.file for solution in rows.solutions]
    for phase in rows.phases:
        found += [file for file in (phase.starting_kit, phase.public_data) if file is not None]
    return {UUID(file.key): file for file in found}

"""A benchmark as a zip: texts and stored files, streamed, with a listing of checksums.

Nothing is held in memory but a piece of one file at a time.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from app.bundles import checksums, write
from app.bundles.checksums import Listed
from app.competitions import rereading
from app.competitions.drafts import CompetitionDraft
from app.competitions.rereading import Rows
from app.errors import NotFound, Refused
from app.platform.storage import ObjectRef, store
from app.resources.measuring import CHUNK
from app.resources.models import StoredFile, Task

Heard = Callable[[int], None]
"""Is told how many bytes were dealt with since it was told last."""

_DATE = (1980, 1, 1, 0, 0, 0)  # a fixed one, so that equal benchmarks are packed as equal zips


@dataclass(frozen=True)
class Source:
    """A stored file to carry, apart from its row."""

    place: ObjectRef
    size: int
    sha256: str
    file_name: str


@dataclass(frozen=True)
class Plan:
    """What goes into a dump."""

    competition_id: int
    draft: CompetitionDraft
    """With places for what is carried, and keys for the rest."""
    files: Mapping[str, Source]
    """By place, in the order of the draft."""
    notes: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """The size of all files."""
        return sum(source.size for source in self.files.values())


def plan(rows: Rows, may_carry: Callable[[StoredFile], bool], *, with_files: bool) -> Plan:
    """Decide what a dump holds.

    A task with a file that its organizer may use and not have, for it is somebody else's, is named
    by its key: what only programs should see does not leave by this way.
    """
    kept = [task for task in rows.tasks() if not all(map(may_carry, _files(task)))]
    draft = rereading.draft(rows, {task.id for task in kept})
    stored = _stored(rows) if with_files else {}
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
    return Plan(rows.competition.id, draft, files, notes)


def pack(plan: Plan, out: BinaryIO, site: str, at: datetime, heard: Heard) -> None:
    """Write a dump to ``out``.

    Raises:
        Refused: a file is lost or is not what it was, or the texts are too long for a bundle.
    """
    try:
        texts = write.texts(plan.draft)
    except write.TooLong as error:
        raise Refused(
            f"The settings and descriptions of this benchmark take {error}, more than a bundle may "
            f"hold. Shorten the longest ones."
        ) from error
    listed = {name: Listed(checksums.sha256([raw]), len(raw)) for name, raw in texts.items()}
    with zipfile.ZipFile(out, "w") as target:
        for name, raw in texts.items():
            target.writestr(_entry(name, len(raw), zipfile.ZIP_DEFLATED), raw)
        for name, source in plan.files.items():
            listed[name] = _copy(target, name, source, heard)
        listing = checksums.text(site, plan.competition_id, listed, at)
        entry = _entry(checksums.NAME, len(listing), zipfile.ZIP_DEFLATED)
        target.writestr(entry, listing)


def _copy(target: zipfile.ZipFile, name: str, source: Source, heard: Heard) -> Listed:
    measured, size = hashlib.sha256(), 0
    try:
        there = store().open(source.place)
    except NotFound as error:
        raise Refused(f"{_named(name, source)} is no longer stored. Replace it.") from error
    try:
        with target.open(_entry(name, source.size, zipfile.ZIP_STORED), "w") as member:
            while chunk := there.read(CHUNK):
                measured.update(chunk)
                size += len(chunk)
                member.write(chunk)
                heard(len(chunk))
    finally:
        there.close()
    found = measured.hexdigest()
    if size != source.size or source.sha256 not in ("", found):
        raise Refused(f"{_named(name, source)} is not what was stored; its bytes have changed.")
    return Listed(found, size, source.file_name)


def _named(name: str, source: Source) -> str:
    return f"The file “{source.file_name}” ({name})"


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

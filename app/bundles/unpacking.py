"""The work of an import: read the zip, store its files, then make everything in one transaction.

A check ends once the zip is read, and gives it up: whatever comes of it, only its own row stays.

Slow things happen between transactions, never inside one. What is going to be stored is written
down before it is stored, so that whatever ends the work, nothing stays behind.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from app.bundles import checking, members, places, progress
from app.bundles.archives import restoring, storing
from app.bundles.archives.reading import Contents
from app.bundles.archives.restoring import Made
from app.bundles.archives.storing import NOWHERE, Places
from app.bundles.models import BundleImport, ImportState
from app.bundles.read import BundleReading
from app.competitions import services as competitions
from app.competitions.drafts import CompetitionDraft, FileRef, Problem
from app.competitions.services import InvalidDraft, Logo
from app.errors import AppError
from app.platform import archive
from app.platform.archive import Archive, BadArchive
from app.platform.clock import Clock
from app.platform.db import db, release, unit_of_work
from app.platform.logging import event
from app.platform.storage import ObjectRef
from app.policy import Viewer
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile
from app.resources.space import queries as space
from app.resources.space.queries import NoRoom

log = logging.getLogger(__name__)

_CRASH = Problem(
    "",
    "a failure of this site",
    "an import that comes to its end",
    "Something went wrong on our side; the error is logged. Nothing of the bundle was kept.",
    "Try again; if it happens twice, tell the administrator.",
)


@dataclass(frozen=True)
class _Work:
    """One claimed import: whose it is, and where its zip lies."""

    import_id: int
    owner: Viewer
    owner_id: int
    file: StoredFile
    is_check: bool
    with_archive: bool
    matches_accounts: bool
    clock: Clock
    stored: list[ObjectRef] = field(default_factory=list)
    """Where it stores, or soon will."""


def run_import(import_id: int, clock: Clock) -> None:
    """Carry out an import; the outcome is in its row. Running it twice makes one competition.

    Owns its transactions: call it outside of any.

    Args:
        clock: tells the time again and again, because an import takes long.
    """
    work = _claim(import_id, clock)
    if work is None:
        return
    problems: Sequence[Problem] = [_CRASH]
    try:
        _unpack(work)
        problems = []
    except InvalidDraft as error:
        problems = error.problems
    except BadArchive as error:
        problems = places.of_zip(error, work.file.file_name)
    except NoRoom as lack:
        name = work.file.file_name
        problems = [Problem(name, lack.found, lack.expected, lack.sentence, lack.hint)]
    except AppError as error:
        problems = [_stopped(work, error)]
    finally:
        if problems:
            _fail(work, problems)


def _stopped(work: _Work, error: AppError) -> Problem:
    found, expected = error.message.rstrip("."), "an import that comes to its end"
    hint = "Nothing of it was kept; upload it again."
    return Problem(work.file.file_name, found, expected, error.message, hint)


def note_failure(row: BundleImport, problems: Iterable[Problem], *, now: datetime) -> None:
    """Write down that an import failed, and why."""
    row.state = ImportState.FAILED
    row.problems = [dataclasses.asdict(problem) for problem in problems]
    row.heard_at = row.ended_at = now
    _let_go(row)
    event(log, "import.failed", import_id=row.id, problems=len(row.problems))


def clean_up(import_id: int) -> None:
    """Delete what a failed import or a check left stored; what cannot be now stays written down."""
    row = db.session.get(BundleImport, import_id, populate_existing=True)
    places = [ObjectRef(bucket, key) for bucket, key in row.object_keys] if row else []
    release()
    if places:
        resources.forget(places)
        with unit_of_work():
            db.session.execute(
                update(BundleImport)
                .where(BundleImport.id == import_id, BundleImport.is_leaving)
                .values(object_keys=[])
            )


def _claim(import_id: int, clock: Clock) -> _Work | None:
    with unit_of_work():
        if not progress.claim(BundleImport, import_id, ImportState.READING, clock()):
            return None
        row = db.session.execute(
            select(BundleImport)
            .where(BundleImport.id == import_id)
            .options(joinedload(BundleImport.owner), joinedload(BundleImport.file))
        ).scalar_one()
        owner = Viewer(row.owner.id, row.owner.username, row.owner.is_staff)
        db.session.expunge(row.file)  # is read between transactions, and never changed
        if row.file is None:
            raise LookupError(f"import {import_id} waits without a file")
        return _Work(
            import_id, owner, row.owner.id, row.file, row.is_check, row.with_archive,
            row.matches_accounts, clock,
        )  # fmt: skip


def _unpack(work: _Work) -> None:
    with resources.fetched(work.file) as here:
        bundle = Archive(here, archive.BUNDLE)
        draft, reading = _understood(bundle, work)
        notes = [dataclasses.asdict(note) for note in reading.notes]
        if work.is_check:
            _finish_check(work, notes)
            return
        logo = competitions.new_logo(draft)
        kinds = competitions.files_to_store(draft)
        targets = {ref: resources.new_place(kind) for ref, kind in kinds.items()}
        work.stored.extend([*targets.values(), *(p for p in (logo.picture, logo.icon) if p)])
        restored = _Restored.of(reading, work)
        total = len(kinds) + restored.count
        _say(
            work, state=ImportState.STORING, files_total=total, notes=notes,
            object_keys=_as_keys(work.stored),
        )  # fmt: skip
        competitions.store_logo(draft, logo)
        files: dict[FileRef, StoredFile] = {}
        for ref, kind in kinds.items():
            name, before = _name(reading, ref), _total(files)
            files[ref] = _store(work, bundle, ref, kind, name, targets[ref], before)
            _say(work, files_done=len(files))
        for done, _member in enumerate(restored.store(), start=len(files) + 1):
            _say(work, files_done=done)
        _finish(work, draft, files, logo, restored)


def _understood(bundle: Archive, work: _Work) -> tuple[CompetitionDraft, BundleReading]:
    """Read the bundle and look up what it names, so that every problem is known before storing."""
    reading = checking.understood(
        bundle, work.owner, now=work.clock(), with_archive=work.with_archive
    )
    if reading.draft is None:
        raise InvalidDraft(reading.problems)
    refs = competitions.files_to_store(reading.draft)
    besides = reading.archive.total_bytes if reading.archive else 0
    _check_room(work, sum(members.least_bytes(bundle, ref) for ref in refs) + besides)
    release()
    return reading.draft, reading


def _check_room(work: _Work, size_bytes: int) -> None:
    space.check_room(work.owner_id, size_bytes, "What this bundle holds")


def _total(files: Mapping[FileRef, StoredFile]) -> int:
    return sum(file.size_bytes for file in files.values())


def _name(reading: BundleReading, ref: FileRef) -> str:
    """Return how a file is to be called: as where it comes from, if a dump says so."""
    member = ref.member.removeprefix(f"{reading.root}/") if reading.root else ref.member
    listed = reading.listing.members.get(member)
    own = PurePosixPath(ref.member).name + (".zip" if _becomes_zip(ref) else "")
    return (listed.file_name if listed else "") or own


def _becomes_zip(ref: FileRef) -> bool:
    is_zip = ref.packing is not None and ref.packing.is_unpacked and not ref.is_folder
    return not is_zip and (ref.is_folder or ref.packing is not None)


def _store(
    work: _Work, bundle: Archive, ref: FileRef, kind: FileKind, name: str, place: ObjectRef,
    before: int,
) -> StoredFile:  # fmt: skip
    with tempfile.TemporaryFile() as content:
        members.write(bundle, ref, content)
        size = content.tell()
        _check_room(work, before + size)  # known exactly only now: folders are zipped
        release()
        file = resources.store_file(
            work.owner_id,
            kind,
            name,
            content,
            size,
            now=work.clock(),
            place=place,
            limit_bytes=size,
        )
    file.came_with_bundle = True
    return file


def _say(work: _Work, **values: Any) -> None:
    progress.say(BundleImport, work.import_id, work.clock(), **values)


@dataclass(frozen=True)
class _Restored:
    """The archive of a bundle, if there is one and it is wanted."""

    contents: Contents | None = None
    places: Places = NOWHERE

    @classmethod
    def of(cls, reading: BundleReading, work: _Work) -> _Restored:
        """Choose places for its files."""
        if reading.archive is None:
            return cls()
        chosen = storing.places(reading.archive)
        work.stored.extend(chosen.all())
        return cls(reading.archive, chosen)

    @property
    def count(self) -> int:
        return len(self.places.by_member)

    @property
    def total_bytes(self) -> int:
        return self.contents.total_bytes if self.contents else 0

    def store(self) -> Iterator[str]:
        return storing.store(self.contents, self.places) if self.contents else iter(())


def _finish(
    work: _Work, draft: CompetitionDraft, files: dict[FileRef, StoredFile], logo: Logo,
    restored: _Restored,
) -> None:  # fmt: skip
    now = work.clock()
    with unit_of_work():
        row = progress.under_way(BundleImport, work.import_id)
        _check_room(
            work, _total(files) + restored.total_bytes
        )  # others may have been faster; from here on nobody is
        competition = competitions.create(work.owner, draft, files, now=now, logo=logo)
        if restored.contents:
            made = Made(competition, draft, files, work.owner_id)
            restoring.restore(
                restored.contents, restored.places, made,
                matches_accounts=work.matches_accounts, now=now,
            )  # fmt: skip
        row.state = ImportState.FINISHED
        row.competition_id = competition.id
        row.object_keys = []  # they belong to the competition now
        row.heard_at = row.ended_at = now
        event(log, "import.finished", import_id=row.id, competition_id=competition.id)


def _finish_check(work: _Work, notes: list[dict[str, str]]) -> None:
    now = work.clock()
    with unit_of_work():
        row = progress.under_way(BundleImport, work.import_id)
        row.state, row.notes = ImportState.FINISHED, notes
        row.heard_at = row.ended_at = now
        _let_go(row)
        event(log, "import.checked", import_id=row.id)
    _clean_up_or_later(work.import_id)


def _let_go(row: BundleImport) -> None:
    """Give up the zip of a check, unless an import of it is under way; its object goes later."""
    if not row.is_check or row.file_id is None:
        return
    file = db.session.get_one(StoredFile, row.file_id)
    row.checked_name, row.file_id = file.file_name, None
    db.session.flush()
    if not db.session.scalar(select(BundleImport.id).where(BundleImport.file_id == file.id)):
        row.object_keys = _as_keys([file.ref])
        db.session.delete(file)


def _fail(work: _Work, problems: Iterable[Problem]) -> None:
    with unit_of_work():
        row = progress.locked(BundleImport, work.import_id)
        if row is not None and progress.is_under_way(row):
            note_failure(row, problems, now=work.clock())
        if row is not None and row.state == ImportState.FAILED and not row.is_check:
            # Also when somebody else ended it: that one cleaned up before this one had stopped.
            row.object_keys = _as_keys(work.stored)
    _clean_up_or_later(work.import_id)


def _clean_up_or_later(import_id: int) -> None:
    try:
        clean_up(import_id)
    except AppError as error:  # the sweeper tries again
        event(log, "import.leftovers", import_id=import_id, reason=error.message)


def _as_keys(places: Iterable[ObjectRef]) -> list[list[str]]:
    return [[place.bucket, place.key] for place in places]

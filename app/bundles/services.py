"""Imports: asking for one, and ending those that fell silent; the work itself is in unpacking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from sqlalchemy import Text, cast, select

from app.bundles import progress, unpacking
from app.bundles.fields import Note, NoteKind
from app.bundles.models import BundleImport, ImportState
from app.competitions.drafts import Problem
from app.competitions.services import InvalidDraft
from app.errors import Forbidden, Invalid, Refused
from app.platform.clock import Clock
from app.platform.configured import settings
from app.platform.db import after_commit, db, unit_of_work
from app.platform.queueing import carrier
from app.policy import Act, Viewer, can, require
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile

UNPACK = "app.bundles.jobs.unpack"

run_import = unpacking.run_import


@dataclass(frozen=True)
class Imported:
    """What came of a bundle."""

    competition_id: int
    notes: tuple[Note, ...]
    """What its owner may want to know, as the report of the import lists it."""


class Past(StrEnum):
    """What becomes of participants, submissions and scores that a bundle brings as an archive."""

    RESTORE = "restore"
    """They are restored, for accounts that nobody can log in to."""
    MATCH = "match"
    """The same, but where an account here has the address of somebody, it gets what is theirs."""
    LEAVE = "leave"
    """They are left out."""


def may_match(actor: Viewer) -> bool:
    """Return whether somebody may let accounts have what an archive says is theirs.

    Mail does not confirm addresses here: only where administrators make the accounts does an
    address say whose one is.
    """
    return can(actor, Act.ACCOUNT_MATCH) and not settings().sign_up


def check_past(actor: Viewer, past: Past) -> None:
    """Raise unless somebody may choose this.

    Raises:
        Forbidden, Refused: accounts are not to be matched by this person, or on this site.
    """
    if past is not Past.MATCH:
        return
    require(actor, Act.ACCOUNT_MATCH)
    if not may_match(actor):
        raise Refused(
            "Anybody can sign up here with any e-mail address, so addresses do not say whose an "
            "account is. Close sign-up, or restore without matching accounts."
        )


def open_import(
    actor: Viewer, file: StoredFile, *, now: datetime, is_check: bool = False,
    past: Past = Past.RESTORE,
) -> BundleImport:  # fmt: skip
    """Note that a bundle is to be imported, or only checked, and leave the work to the caller.

    A bundle becomes one competition: a second click gets the import that the first one opened.

    Raises:
        Invalid: the file is no complete bundle.
        Forbidden, Refused: see :func:`check_past`.
    """
    require(actor, Act.BUNDLE_IMPORT)
    check_past(actor, past)
    require(actor, Act.FILE_CHANGE, file)
    if actor.user_id is None:
        raise Forbidden("Log in to upload a bundle.")
    if file.kind != FileKind.COMPETITION_BUNDLE or not file.is_complete:
        raise Invalid("This file is not a bundle that was uploaded completely. Upload it again.")
    db.session.get_one(StoredFile, file.id, with_for_update=True)  # one click after the other
    if known := _opened_before(file, is_check):
        return known
    opened = BundleImport(
        owner_id=actor.user_id, file_id=file.id, created_at=now, heard_at=now,
        state=ImportState.WAITING, problems=[], notes=[], object_keys=[], is_check=is_check,
        with_archive=past is not Past.LEAVE, matches_accounts=past is Past.MATCH,
    )  # fmt: skip
    db.session.add(opened)
    db.session.flush()
    return opened


def start(
    actor: Viewer, file: StoredFile, *, now: datetime, is_check: bool = False,
    past: Past = Past.RESTORE,
) -> BundleImport:  # fmt: skip
    """Import a bundle in the background, or only check it; a check gives the file up.

    Raises:
        Invalid: the file is no complete bundle.
    """
    opened = open_import(actor, file, now=now, is_check=is_check, past=past)
    after_commit(partial(_send, opened.id))
    return opened


def import_file(actor: Viewer, path: Path, clock: Clock, *, past: Past = Past.RESTORE) -> Imported:
    """Import a bundle that lies on this machine, and wait for it.

    The limit of uploads does not hold here: a dump may be larger, and must come back somehow.
    Owns its transactions: call it outside of any.

    Raises:
        InvalidDraft: lists everything that is wrong; nothing was kept.
        Invalid, TooLarge: the file is no zip, or its owner has no room for it.
    """
    with unit_of_work(), path.open("rb") as stream:
        kind, size = FileKind.COMPETITION_BUNDLE, path.stat().st_size
        file = resources.receive(actor, kind, path.name, stream, now=clock(), limit_bytes=size)
        import_id = open_import(actor, file, now=clock(), past=past).id
    run_import(import_id, clock)
    ended = db.session.get_one(BundleImport, import_id, populate_existing=True)
    if ended.competition_id is None:
        raise InvalidDraft(Problem(**problem) for problem in ended.problems)
    notes = (Note(n["where"], n["sentence"], NoteKind(n["kind"])) for n in ended.notes)
    return Imported(ended.competition_id, tuple(notes))


def send_waiting(*, now: datetime) -> int:
    """Send imports again that still wait. Returns how many."""
    found = progress.to_send_again(BundleImport, now)
    for waiting in found:
        after_commit(partial(_send, waiting.id))
    return len(found)


def fail_stale(*, now: datetime) -> int:
    """End imports whose job died, and delete what they left in the store. Returns how many ended."""
    found = progress.silent(BundleImport, now)
    for silent in found:
        expected = "an answer within ten minutes"
        sentence, hint = "The import stopped without a word.", "Nothing was kept; upload it again."
        if silent.state == ImportState.WAITING:
            sentence, hint = "No job took this import for an hour.", "Tell the administrator."
        problem = Problem("", "silence", expected, sentence, hint)
        unpacking.note_failure(silent, [problem], now=now)
    for left_id in {*_with_leftovers(now), *(silent.id for silent in found)}:
        after_commit(partial(unpacking.clean_up, left_id))
    return len(found)


def _opened_before(file: StoredFile, is_check: bool) -> BundleImport | None:
    statement = select(BundleImport).where(
        BundleImport.file_id == file.id,
        BundleImport.state != ImportState.FAILED,
        BundleImport.is_check.is_(is_check),
    )
    return db.session.scalars(statement).first()


def _with_leftovers(now: datetime) -> Sequence[int]:
    """Return imports and checks whose objects could not be deleted then: the store was away."""
    return db.session.scalars(
        select(BundleImport.id).where(
            BundleImport.is_leaving,
            BundleImport.ended_at > now - progress.CLEANS_FOR,
            cast(BundleImport.object_keys, Text) != "[]",
        )
    ).all()


def _send(import_id: int) -> None:
    carrier().send_job(UNPACK, import_id)

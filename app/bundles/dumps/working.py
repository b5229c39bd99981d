"""The work of a dump: read the rows, pack a zip beside, store it, and only then say so.

Slow things happen between transactions, never inside one. Where it stores is written down before
anything is stored, so that whatever ends the work, nothing stays behind.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, cast

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from app.bundles import progress, write
from app.bundles.archives.ledger import Wish
from app.bundles.dumps import packing, queries
from app.bundles.dumps.packing import Plan
from app.bundles.models import BundleDump, DumpState
from app.competitions.models import Competition
from app.errors import AppError
from app.platform.clock import Clock
from app.platform.configured import settings
from app.platform.db import at_one_moment, db, reading, unit_of_work
from app.platform.logging import event
from app.platform.storage import PRIVATE, ObjectRef
from app.policy import Viewer
from app.resources import services as resources
from app.resources.measuring import MIB
from app.resources.models import FileKind, StoredFile
from app.resources.space import queries as space

log = logging.getLogger(__name__)

SAYS_EVERY = 64 * MIB
_CRASH = "Something went wrong on our side; the error is logged. Nothing was kept."


@dataclass(frozen=True)
class _Work:
    dump_id: int
    competition_id: int
    owner: Viewer
    owner_id: int
    with_files: bool
    wish: Wish | None
    clock: Clock


def run(dump_id: int, clock: Clock) -> None:
    """Carry out a dump; the outcome is in its row. A second call for the same one does nothing.

    Owns its transactions: call it outside of any.

    Args:
        clock: tells the time again and again, because a dump takes long.
    """
    work = _claim(dump_id, clock)
    if work is None:
        return
    refusal = _CRASH
    try:
        _pack(work)
        refusal = ""
    except AppError as error:
        refusal = error.message
    finally:
        if refusal:
            _fail(work, refusal)


def pack_into(
    actor: Viewer, competition_id: int, out: BinaryIO, *,
    with_files: bool, now: datetime, wish: Wish | None = None,
) -> Plan:  # fmt: skip
    """Pack a dump into a file of this machine.

    Owns its transactions: call it outside of any.

    Raises:
        Refused: see :func:`packing.pack`.
    """
    with ExitStack() as room:
        plan = _plan(actor, competition_id, room, with_files=with_files, wish=wish)
        packing.pack(plan, out, settings().base_url, now, lambda _: None)
    return plan


def note_failure(row: BundleDump, refusal: str, *, now: datetime) -> None:
    """Write down that a dump failed, and why."""
    row.state, row.refusal = DumpState.FAILED, refusal
    row.heard_at = row.ended_at = now
    event(log, "dump.failed", dump_id=row.id)


def clean_up(dump_id: int) -> None:
    """Delete what a failed dump has stored; what cannot be deleted now stays written down."""
    with reading():
        row = db.session.get(BundleDump, dump_id)
        key = row.object_key if row and row.state == DumpState.FAILED else ""
    if key:
        resources.forget([ObjectRef(PRIVATE, key)])
        with unit_of_work():
            db.session.execute(
                update(BundleDump).where(BundleDump.id == dump_id).values(object_key="")
            )


def _claim(dump_id: int, clock: Clock) -> _Work | None:
    with unit_of_work():
        if not progress.claim(BundleDump, dump_id, DumpState.PACKING, clock()):
            return None
        row = db.session.execute(
            select(BundleDump).where(BundleDump.id == dump_id).options(joinedload(BundleDump.owner))
        ).scalar_one()
        owner = Viewer(row.owner.id, row.owner.username, row.owner.is_staff)
        wish = Wish(row.is_pseudonymised) if row.with_archive else None
        competition_id = row.competition_id
        return _Work(dump_id, competition_id, owner, row.owner.id, row.with_files, wish, clock)


def _plan(
    actor: Viewer, competition_id: int, room: ExitStack, *, with_files: bool, wish: Wish | None
) -> Plan:
    with reading():
        competition = db.session.get_one(Competition, competition_id)
        large, icon = queries.pictures(competition)
    with reading():
        at_one_moment()
        rows = dataclasses.replace(queries.rows(competition_id), image_png=large, icon_png=icon)
        own = {actor.user_id, rows.competition.owner_id}

        def may_carry(file: StoredFile) -> bool:
            return actor.is_staff or file.is_public or file.owner_id in own

        return packing.plan(rows, may_carry, room, with_files=with_files, wish=wish)


def _pack(work: _Work) -> None:
    with ExitStack() as room:
        plan = _plan(
            work.owner, work.competition_id, room, with_files=work.with_files, wish=work.wish
        )
        with unit_of_work():
            space.check_room(work.owner_id, plan.total_bytes)
        place = resources.new_place(FileKind.COMPETITION_BUNDLE)
        # Every byte is dealt with twice: once into the zip here, once with it into the store.
        _say(work, bytes_total=2 * plan.total_bytes, notes=list(plan.notes), object_key=place.key)
        heard = _Heard(work)
        here = room.enter_context(tempfile.TemporaryFile())
        packing.pack(plan, here, settings().base_url, work.clock(), heard)
        size = here.tell()
        _say(work, state=DumpState.STORING)
        file = resources.store_file(
            work.owner_id, FileKind.COMPETITION_BUNDLE, _name(plan, work),
            cast(BinaryIO, _Listened(here, heard)), size, now=work.clock(), place=place,
            limit_bytes=size,
        )  # fmt: skip
    _finish(work, file)


def _name(plan: Plan, work: _Work) -> str:
    """Name the zip after what is in it, so that nobody sends the one with names by mistake."""
    what = "-archive" if plan.archive else ""
    what += "-pseudonymised" if plan.hides_names else ""
    what += "" if work.with_files else "-keys"
    return f"{write.slug(plan.draft.title, 'benchmark')}{what}-{work.clock():%Y-%m-%d}.zip"


class _Heard:
    """Counts bytes, and saves now and then how far the work is."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._done = self._said = 0

    def __call__(self, size: int) -> None:
        self._done += size
        if self._done - self._said >= SAYS_EVERY:
            self._said = self._done
            _say(self._work, bytes_done=self._done)


class _Listened:
    """A file that tells how much of it was read."""

    def __init__(self, stream: BinaryIO, heard: packing.Heard) -> None:
        self._stream = stream
        self._heard = heard

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._heard(len(chunk))
        return chunk


def _say(work: _Work, **values: Any) -> None:
    progress.say(BundleDump, work.dump_id, work.clock(), **values)


def _finish(work: _Work, file: StoredFile) -> None:
    with unit_of_work():
        row = progress.under_way(BundleDump, work.dump_id)
        db.session.add(file)
        db.session.flush()
        row.file_id, row.object_key = file.id, ""
        row.state, row.bytes_done = DumpState.FINISHED, row.bytes_total
        row.heard_at = row.ended_at = work.clock()
        event(log, "dump.finished", dump_id=row.id, bytes=file.size_bytes)


def _fail(work: _Work, refusal: str) -> None:
    with unit_of_work():
        row = progress.locked(BundleDump, work.dump_id)
        if row is not None and progress.is_under_way(row):
            note_failure(row, refusal, now=work.clock())
    try:
        clean_up(work.dump_id)
    except AppError as error:  # the sweeper tries again
        event(log, "dump.leftovers", dump_id=work.dump_id, reason=error.message)

"""Uploads in parts: beginning or taking one up again, its URLs, its check, its end.

The parts go to the place where the file stays. Joining them ends the upload in the store, so that its
URLs write nowhere any more: what is read and checked after that cannot change, and nothing is copied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.errors import NotFound, Refused
from app.platform.db import after_commit, db, release
from app.platform.queueing import carrier
from app.platform.storage import ObjectRef, store
from app.policy import Act, Viewer, require
from app.resources import limits
from app.resources import services as resources
from app.resources.measuring import MIB
from app.resources.models import FileKind, PartUpload, StoredFile
from app.resources.space import queries as space

FROM_BYTES = 32 * MIB
"""Smaller files come in one piece."""
CHECK = "app.resources.parts.jobs.check"
SILENT_FOR = timedelta(minutes=2)
"""A check that says nothing for this long has crashed, or was never begun."""
ABANDONED_AFTER = timedelta(days=7)
_PART = 16 * MIB
_MAX_PARTS = 9_000  # stores take 10 000
_BATCH = 20
_URL_LIFE = timedelta(hours=1)


class Forgotten(NotFound):
    """The store knows nothing of an upload any more, though nobody ended it: it begins anew."""


@dataclass(frozen=True)
class _Plan:
    """An upload as it is known without a transaction."""

    file_id: int
    ref: ObjectRef
    upload_id: str
    size_bytes: int
    part_bytes: int


@dataclass(frozen=True)
class Batch:
    """What to send next."""

    part_bytes: int
    """Size of every part but the last."""
    arrived_bytes: int
    urls: Sequence[tuple[int, str]]
    """Numbers of missing parts, counted from 1 and ascending, and where to PUT them."""


def begin(
    actor: Viewer, kind: FileKind, file_name: str, size_bytes: int, modified_ms: int, *,
    now: datetime,
) -> StoredFile:  # fmt: skip
    """Make room for a large file, or find the upload of the same file that was left off.

    Ends the transaction so far: call it before anything is changed.

    Args:
        modified_ms: when the browser says that the file was changed last; with its name and its size
            that is what tells one file from another.

    Raises:
        Invalid, TooLarge: the file is of the wrong type or over the limit of this site.
    """
    require(actor, Act.FILE_UPLOAD)
    name, owner_id = limits.named(file_name), resources.owner_of(actor)
    limits.check_size(size_bytes, limits.limit_bytes(kind))
    known = _left_off(owner_id, kind, name, size_bytes, modified_ms)
    if known is not None and _goes_on(known, now):
        return known
    forgotten_id = known.id if known is not None else 0
    space.check_room(owner_id, size_bytes if known is None else 0)
    release()
    place = resources.new_place(kind)
    upload_id = store().open_parts(place, "application/zip")
    if forgotten := _by_id(forgotten_id):
        drop(forgotten)
        db.session.flush()
    file = StoredFile(
        owner_id=owner_id, kind=kind, name=name, file_name=name, bucket=place.bucket,
        object_key=place.key, size_bytes=size_bytes, created_at=now,
        part_upload=PartUpload(
            upload_id=upload_id,
            part_bytes=max(_PART, math.ceil(size_bytes / _MAX_PARTS)),
            modified_ms=modified_ms, heard_at=now,
        ),
    )  # fmt: skip
    db.session.add(file)
    db.session.flush()
    return file


def next_parts(actor: Viewer, file: StoredFile, *, now: datetime) -> Batch:
    """Return where to send the next parts that are missing; none when all have arrived.

    Raises:
        Refused: the upload has come to its end.
        Forgotten: by the store.
    """
    require(actor, Act.FILE_CHANGE, file)
    upload = _upload(file)
    if upload.is_asked:
        raise Refused("All parts have arrived already.")
    plan = _plan(file, upload)
    release()
    arrived, missing = _missing(plan)
    urls = [
        (number, store().presign_part(plan.ref, plan.upload_id, number, _URL_LIFE))
        for number in missing[:_BATCH]
    ]
    if (going_on := db.session.get(PartUpload, plan.file_id)) is not None:
        going_on.heard_at = now
    return Batch(plan.part_bytes, arrived, urls)


def finish(
    actor: Viewer, file: StoredFile, *, now: datetime, is_checked_here: bool = False
) -> None:
    """Say that all parts have arrived; a job joins and checks them. Saying it twice is harmless.

    Ends the transaction so far: call it before anything is changed.

    Args:
        is_checked_here: whether the caller joins and checks them, so that no job is sent; one is, all
            the same, if the caller falls silent.

    Raises:
        Refused: parts are missing.
        Forgotten: the upload, by the store.
    """
    require(actor, Act.FILE_CHANGE, file)
    if file.is_complete:
        return
    upload = _upload(file)
    if upload.is_asked:
        return
    plan = _plan(file, upload)
    release()
    if missing := _missing(plan)[1]:
        raise Refused(
            f"{len(missing)} parts of the file have not arrived. Choose the file again to go on."
        )
    whole = db.session.get(PartUpload, plan.file_id)
    if whole is None:
        raise NotFound("This upload was cancelled meanwhile.")
    whole.is_asked, whole.heard_at = True, now
    if not is_checked_here:
        after_commit(partial(_send, plan.file_id))


def cancel(actor: Viewer, file: StoredFile) -> None:
    """Forget an upload that has not come to its end, with everything that was sent.

    Raises:
        Refused: the file is complete.
    """
    require(actor, Act.FILE_CHANGE, file)
    if file.is_complete:
        raise Refused("This upload is complete. Delete the file instead.")
    drop(file)


def drop(file: StoredFile) -> None:
    """Delete an incomplete file's row, and its bytes once that is saved."""
    places: list[ObjectRef] = [file.ref] if file.object_key else []
    if file.upload_key:
        places.append(ObjectRef(file.bucket, file.upload_key))
    if file.part_upload is not None:
        after_commit(partial(store().abort_parts, file.ref, file.part_upload.upload_id))
    after_commit(partial(resources.forget, tuple(places)))
    db.session.delete(file)


def tend(*, now: datetime) -> int:
    """Send checks again that fell silent; forget uploads that nobody goes on with.

    Sending twice is harmless: a check that finds its file complete does nothing.

    Returns:
        How many uploads were forgotten.
    """
    silent = db.session.scalars(
        select(PartUpload).where(
            PartUpload.is_asked, PartUpload.refusal == "", PartUpload.heard_at < now - SILENT_FOR
        )
    )
    for upload in silent:
        upload.heard_at = now
        after_commit(partial(_send, upload.file_id))
    left = db.session.scalars(
        select(StoredFile)
        .join(PartUpload)
        .where(
            PartUpload.heard_at < now - ABANDONED_AFTER,
            PartUpload.is_asked.is_(False) | (PartUpload.refusal != ""),
        )
        .options(joinedload(StoredFile.part_upload))
        .limit(100)
    ).all()
    for file in left:
        drop(file)
    return len(left)


def _left_off(
    owner_id: int, kind: FileKind, name: str, size_bytes: int, modified_ms: int
) -> StoredFile | None:
    return db.session.scalars(
        select(StoredFile)
        .join(PartUpload)
        .where(
            StoredFile.owner_id == owner_id, StoredFile.kind == kind,
            StoredFile.file_name == name, StoredFile.size_bytes == size_bytes,
            PartUpload.modified_ms == modified_ms, PartUpload.refusal == "",
        )
        .order_by(StoredFile.id.desc())
        .options(joinedload(StoredFile.part_upload))
    ).first()  # fmt: skip


def _upload(file: StoredFile) -> PartUpload:
    upload = file.part_upload
    if upload is None or upload.refusal:
        raise Refused("This upload has come to its end.")
    return upload


def _goes_on(known: StoredFile, now: datetime) -> bool:
    """Take an upload up again, unless the store has forgotten it."""
    upload = _upload(known)
    if upload.is_asked or store().parts(known.ref, upload.upload_id) is not None:
        upload.heard_at = now
        return True
    return False


def _by_id(file_id: int) -> StoredFile | None:
    return db.session.scalar(
        select(StoredFile)
        .where(StoredFile.id == file_id)
        .options(joinedload(StoredFile.part_upload))
        .execution_options(populate_existing=True)
    )


def _plan(file: StoredFile, upload: PartUpload) -> _Plan:
    return _Plan(file.id, file.ref, upload.upload_id, file.size_bytes, upload.part_bytes)


def _missing(plan: _Plan) -> tuple[int, list[int]]:
    """Return how many bytes have arrived, and the numbers of the parts that have not."""
    arrived = store().parts(plan.ref, plan.upload_id)
    if arrived is None:
        raise Forgotten("The store has forgotten this upload. Choose the file again to begin anew.")
    count = math.ceil(plan.size_bytes / plan.part_bytes)
    last = plan.size_bytes - (count - 1) * plan.part_bytes
    sizes = dict.fromkeys(range(1, count), plan.part_bytes) | {count: last}
    missing = [number for number, size in sizes.items() if arrived.get(number) != size]
    return plan.size_bytes - sum(sizes[number] for number in missing), missing


def _send(file_id: int) -> None:
    carrier().send_job(CHECK, file_id)

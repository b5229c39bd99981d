"""Joining the parts of an upload and judging the file that they make; for a job, which owns it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.errors import Invalid, TooLarge
from app.platform.clock import Clock
from app.platform.db import after_commit, db, unit_of_work
from app.platform.seeking import open_at_will
from app.platform.storage import store
from app.resources import limits
from app.resources import services as resources
from app.resources.measuring import CHUNK, MIB
from app.resources.models import FileKind, StoredFile

_WORD_EVERY = 64 * MIB


def run(file_id: int, clock: Clock) -> None:
    """Join the parts, read the file once, and say what came of it. A second call does nothing.

    Owns its transactions, and holds none while it reads. A store that is away fails the job; it is
    sent again then.
    """
    file = _heard(file_id, 0, clock())
    if file is None:
        return
    try:
        sha256 = _judged(file, clock)
    except (Invalid, TooLarge) as error:
        _refuse(file_id, error.message, clock())
        return
    with unit_of_work():
        checked = _asked(file_id)
        if checked is not None:
            checked.sha256, checked.is_complete, checked.created_at = sha256, True, clock()
            checked.part_upload = None


def _judged(file: StoredFile, clock: Clock) -> str:
    """Return the SHA-256 of a file whose upload is over by then, so that it cannot change."""
    if file.part_upload is None:
        raise Invalid("The upload was cancelled.")
    kind = FileKind(file.kind)
    joined = store().join_parts(file.ref, file.part_upload.upload_id)
    size = store().size(file.ref)
    if size is None:
        why = "is no longer stored" if joined else "did not arrive as a whole"
        raise Invalid(f"The file {why}. Send it again.")
    if size != file.size_bytes:
        raise Invalid(
            f"The file has {size} bytes where {file.size_bytes} were announced. Send it again."
        )
    limits.check_size(size, limits.limit_bytes(kind))
    with open_at_will(file.ref, size) as distant:
        limits.check_zip(distant, kind)
    return _hash(file, clock)


def _hash(file: StoredFile, clock: Clock) -> str:
    digest, read, said = hashlib.sha256(), 0, 0
    stream = store().open(file.ref)
    try:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            read += len(chunk)
            if read - said >= _WORD_EVERY:
                said = read
                if _heard(file.id, read, clock()) is None:
                    raise Invalid("The upload was cancelled.")
    finally:
        stream.close()
    if read != file.size_bytes:
        raise Invalid("The file could not be read to its end. Send it again.")
    return digest.hexdigest()


def _heard(file_id: int, checked_bytes: int, now: datetime) -> StoredFile | None:
    """Note a sign of life; None when there is nothing to check (any more)."""
    with unit_of_work():
        file = _asked(file_id)
        if file is None or file.part_upload is None:
            return None
        file.part_upload.heard_at, file.part_upload.checked_bytes = now, checked_bytes
    file = _asked(file_id)
    if file is not None:
        db.session.expunge(file)  # it is read on without a transaction
    return file


def _asked(file_id: int) -> StoredFile | None:
    file = db.session.scalar(
        select(StoredFile)
        .where(StoredFile.id == file_id)
        .options(joinedload(StoredFile.part_upload))
        .execution_options(populate_existing=True)
    )
    upload = file.part_upload if file is not None else None
    return file if upload is not None and upload.is_asked and not upload.refusal else None


def _refuse(file_id: int, why: str, now: datetime) -> None:
    with unit_of_work():
        file = _asked(file_id)
        if file is None or file.part_upload is None:
            return
        file.part_upload.refusal, file.part_upload.heard_at = why, now
        file.size_bytes = 0
        after_commit(partial(store().abort_parts, file.ref, file.part_upload.upload_id))
        after_commit(partial(resources.forget, (file.ref,)))

"""Uploads in their two ways, files that the server stores by itself, and links to download them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, BinaryIO

from app.errors import Forbidden, Invalid, NotFound, Refused, TooLarge, Unavailable
from app.platform.db import after_commit, db, release
from app.platform.storage import PRIVATE, PUBLIC, ObjectRef, new_ref, put_bytes, store
from app.policy import Act, Viewer, require
from app.resources import filenames, limits, queries
from app.resources.measuring import CHUNK, Measured, copy
from app.resources.models import FileKind, StoredFile
from app.resources.space import queries as space

UPLOAD_LIFE = timedelta(hours=1)
LINK_LIFE = timedelta(minutes=15)
ABANDONED_AFTER = timedelta(days=1)


def start_upload(
    actor: Viewer, kind: FileKind, file_name: str, size_bytes: int, *, now: datetime
) -> tuple[StoredFile, str]:
    """Make room for a file that the browser sends straight to the store.

    Returns:
        (file, url): the row, incomplete; where to PUT the bytes within an hour.

    Raises:
        Invalid: the file is empty or of the wrong type.
        TooLarge: it is over the limit of this site.
    """
    require(actor, Act.FILE_UPLOAD)
    name = limits.named(file_name)
    limits.check_size(size_bytes, limits.limit_bytes(kind))
    space.check_room(owner_of(actor), size_bytes)
    place = new_ref(PRIVATE, "uploads", f"{kind}.zip")
    file = StoredFile(
        owner_id=owner_of(actor), kind=kind, name=name, file_name=name, bucket=place.bucket,
        object_key="", upload_key=place.key, size_bytes=size_bytes, created_at=now,
    )  # fmt: skip
    db.session.add(file)
    db.session.flush()
    return file, store().presign_put(place, UPLOAD_LIFE)


def complete_upload(actor: Viewer, file: StoredFile, *, now: datetime) -> StoredFile:
    """Take over what the browser sent; from here on the bytes cannot change.

    Ends the transaction so far, because copying is slow: call it before anything is changed or
    loaded. Completing a file twice is harmless.

    Raises:
        Refused: nothing has arrived.
        Invalid, TooLarge: what arrived cannot be used; it is deleted.
    """
    require(actor, Act.FILE_CHANGE, file)
    if file.is_complete:
        return file
    file_id, kind, announced = file.id, FileKind(file.kind), file.size_bytes
    sent = ObjectRef(file.bucket, file.upload_key)
    release()
    kept = new_place(kind)
    try:
        size, sha256 = _take_over(sent, kept, kind)
        if size > announced:
            _check_more_room(owner_of(actor), size - announced, kept)
    except (Invalid, TooLarge, NotFound, Unavailable, Refused) as error:
        # The first of two clicks deletes what was sent, perhaps while the second one reads it.
        file = db.session.get_one(StoredFile, file_id, populate_existing=True)
        if file.is_complete:
            return file
        if isinstance(error, Invalid | TooLarge):
            forget([sent])
        raise
    file = db.session.get_one(StoredFile, file_id, with_for_update=True, populate_existing=True)
    if file.is_complete:  # a second click was faster
        after_commit(partial(forget, [kept]))
        return file
    file.object_key, file.size_bytes, file.sha256 = kept.key, size, sha256
    file.is_complete, file.created_at = True, now
    after_commit(partial(forget, [sent]))
    db.session.flush()
    return file


def receive(
    actor: Viewer, kind: FileKind, file_name: str, stream: BinaryIO, *, now: datetime,
    limit_bytes: int | None = None,
) -> StoredFile:  # fmt: skip
    """Store a file that came through the app: a browser without JavaScript, or a command.

    Ends the transaction so far, because storing is slow: call it before anything is changed or
    loaded.

    Args:
        stream: seekable.
        limit_bytes: the site's upload limit unless given.

    Raises:
        Invalid, TooLarge: the file cannot be used.
    """
    require(actor, Act.FILE_UPLOAD)
    name = limits.named(file_name)
    release()
    stream.seek(0, 2)
    size = stream.tell()
    limit = limits.limit_bytes(kind) if limit_bytes is None else limit_bytes
    limits.check_size(size, limit)
    limits.check_zip(stream, kind)
    space.check_room(owner_of(actor), size)
    release()
    file = store_file(owner_of(actor), kind, name, stream, size, now=now, limit_bytes=limit)
    _check_more_room(owner_of(actor), size, file.ref)  # others may have been faster meanwhile
    db.session.add(file)
    db.session.flush()
    return file


def store_file(
    owner_id: int, kind: FileKind, file_name: str, stream: BinaryIO, size: int, *,
    now: datetime, place: ObjectRef | None = None, limit_bytes: int | None = None,
) -> StoredFile:  # fmt: skip
    """Store bytes and return their row, complete but not yet in the session.

    Args:
        stream: seekable; stored from its beginning.
        size: in bytes.
        place: from :func:`new_place`, for a caller who must know it before anything is stored.
        limit_bytes: the site's upload limit unless given.
    """
    place = place or new_place(kind)
    limit = limits.limit_bytes(kind) if limit_bytes is None else limit_bytes
    stream.seek(0)
    measured = Measured(stream, limit)
    store().put(place, measured.as_file(), size, "application/zip")
    name = filenames.clean(file_name)
    return StoredFile(
        owner_id=owner_id, kind=kind, name=name, file_name=name, bucket=place.bucket,
        object_key=place.key, size_bytes=measured.size, sha256=measured.sha256, is_complete=True,
        created_at=now,
    )  # fmt: skip


def new_place(kind: FileKind) -> ObjectRef:
    """Return where a file of this kind may be stored."""
    return new_ref(PRIVATE, "files", f"{kind}.zip")


def new_picture_place(name: str) -> ObjectRef:
    """Return where a picture may be stored for everyone to see; ``name`` is ours."""
    return new_ref(PUBLIC, "pictures", f"{name}.png")


def store_picture(place: ObjectRef, png: bytes) -> None:
    """Store a picture that the app has encoded itself."""
    put_bytes(place, png, "image/png")


def open_file(file: StoredFile) -> Any:
    """Return a readable, closable stream of a complete file."""
    if not file.is_complete:
        raise NotFound("The file has not arrived yet.")
    return store().open(file.ref)


@contextmanager
def fetched(file: StoredFile) -> Iterator[BinaryIO]:
    """Give the bytes of a complete file as one of this machine, which is gone afterwards."""
    with tempfile.TemporaryFile() as here:
        there = open_file(file)
        try:
            shutil.copyfileobj(there, here, CHUNK)
        finally:
            there.close()
        here.seek(0)
        yield here


def link(file: StoredFile, viewer: Viewer) -> str:
    """Return a URL that downloads this one file, for at most 15 minutes.

    Raises:
        NotFound: the viewer may not have it.
    """
    if not queries.may_download(viewer, file):
        raise NotFound("There is no such file, or you may not download it.")
    return store().presign_get(file.ref, LINK_LIFE, file_name=file.file_name)


def forget(places: Iterable[ObjectRef]) -> None:
    """Delete objects that no row names."""
    for place in places:
        store().delete(place)


def forget_abandoned(*, now: datetime) -> int:
    """Forget uploads that never came to an end, and what was sent to old upload URLs afterwards.

    A URL stays valid for a while after its upload was completed: whoever holds it can write to the
    place again. Nothing reads from there any more, so it only has to be cleared once the URL is
    dead.

    Returns:
        How many uploads never came to an end.
    """
    files = queries.abandoned_uploads(now - ABANDONED_AFTER)
    for file in files:
        after_commit(partial(forget, [ObjectRef(file.bucket, file.upload_key)]))
        db.session.delete(file)
    for file in queries.completed_uploads(now - ABANDONED_AFTER):
        after_commit(partial(forget, [ObjectRef(file.bucket, file.upload_key)]))
        file.upload_key = ""
    return len(files)


def owner_of(actor: Viewer) -> int:
    """Return whose a file will be that somebody uploads.

    Raises:
        Forbidden: nobody is logged in.
    """
    if actor.user_id is None:
        raise Forbidden("Log in to upload a file.")
    return actor.user_id


def _check_more_room(owner_id: int, size_bytes: int, kept: ObjectRef) -> None:
    """Refuse what is stored already and does not fit; it goes."""
    try:
        space.check_room(owner_id, size_bytes)
    except TooLarge:
        forget([kept])
        raise


def _take_over(sent: ObjectRef, kept: ObjectRef, kind: FileKind) -> tuple[int, str]:
    """Judge what was sent and store the very bytes that were judged; returns size and SHA-256.

    Not a copy within the store: whoever holds the upload URL may write to the original meanwhile,
    and a store that copies gigabytes says nothing for longer than any time-out.
    """
    size = store().size(sent)
    if size is None:
        raise Refused("The file has not arrived. Send it again.")
    limits.check_size(size, limits.limit_bytes(kind))
    with tempfile.TemporaryFile() as here:
        there = store().open(sent)
        try:
            measured = Measured(there, limits.limit_bytes(kind))
            copy(measured, here)
        finally:
            there.close()
        limits.check_size(measured.size, limits.limit_bytes(kind))
        limits.check_zip(here, kind)
        here.seek(0)
        store().put(kept, here, measured.size, "application/zip")
    return measured.size, measured.sha256

"""Making a task of a zip, at once: reading, checking and storing in the request that brings it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import BinaryIO

from sqlalchemy import delete

from app.bundles import members, places
from app.bundles.fields import Note
from app.bundles.tasks import zips
from app.competitions.services import InvalidDraft
from app.competitions.tasks import services as tasks
from app.competitions.tasks.drafts import Incoming
from app.platform import archive
from app.platform.archive import Archive, BadArchive
from app.platform.db import after_commit, db, unit_of_work
from app.platform.storage import ObjectRef
from app.policy import Act, Viewer, require
from app.resources import services as resources
from app.resources.models import StoredFile, Task


def create(
    actor: Viewer, file_name: str, stream: BinaryIO, *, now: datetime
) -> tuple[Task, Sequence[Note]]:
    """Make a task of a zip; nothing of it stays when something is wrong.

    Ends the transaction so far, because storing is slow: call it before anything is changed.

    Args:
        stream: seekable.

    Returns:
        (task, notes): what was made, and what its author may want to know.

    Raises:
        InvalidDraft: lists everything that is wrong.
        Refused: it asks to be public and cannot be.
    """
    require(actor, Act.TASK_CREATE)
    try:
        opened = Archive(stream, archive.BUNDLE)
    except BadArchive as error:
        raise InvalidDraft(places.of_zip(error, file_name)) from error
    reading = zips.read(opened)
    if reading.draft is None:
        raise InvalidDraft(reading.problems)
    incoming = {
        ref: Incoming(name if name.lower().endswith(".zip") else f"{name}.zip",
                      partial(members.write, opened, ref))
        for ref, name in reading.file_names.items()
    }  # fmt: skip
    try:
        made = tasks.create(actor, reading.draft, incoming, now=now, is_public=reading.is_public)
    except InvalidDraft as error:
        name, lines = reading.manifest, reading.lines
        raise InvalidDraft(places.placed(name, one, lines) for one in error.problems) from error
    return made, reading.notes


def create_from(actor: Viewer, file: StoredFile, *, now: datetime) -> tuple[Task, Sequence[Note]]:
    """Make a task of a zip in the store, as :func:`create` does; the zip is given up either way."""
    file_id, place, name = file.id, file.ref, file.file_name
    try:
        with resources.fetched(file) as here:
            made = create(actor, name, here, now=now)
    except BaseException:
        with unit_of_work():
            _give_up(file_id, place)
        raise
    _give_up(file_id, place)
    return made


def _give_up(file_id: int, place: ObjectRef) -> None:
    after_commit(partial(resources.forget, (place,)))
    db.session.execute(delete(StoredFile).where(StoredFile.id == file_id))

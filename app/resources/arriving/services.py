"""Taking in the file of a form, whichever way it came: with the form itself, before it, or in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.errors import Invalid, Refused
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.resources import queries
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile
from app.resources.parts import checking, services

Clock = Callable[[], datetime]


class Sent(Protocol):
    """A form that brings a file: its field ``file``, or ``upload_key`` of what was sent before."""

    @property
    def form(self) -> Mapping[str, str]:
        """The text fields."""

    @property
    def files(self) -> Mapping[str, Any]:
        """The files, each with ``filename`` and a seekable ``stream``."""


def take(actor: Viewer, kind: FileKind, sent: Sent, clock: Clock) -> StoredFile:
    """Take the file of a form; it is complete and checked when this returns.

    Ends the transaction so far: call it before anything is changed or loaded.

    Raises:
        NotFound: the upload is not known.
        Invalid, TooLarge, Refused: there is no file, or it cannot be used.
    """
    if key := sent.form.get("upload_key", ""):
        known = queries.get_upload(key, kind, actor)
        if known.is_complete or known.upload_key:
            return resources.complete_upload(actor, known, now=clock())
        return _joined(actor, known.id, clock)
    file = sent.files.get("file")
    if file is None or not file.filename:
        raise Invalid("Choose a zip file.")
    return resources.receive(actor, kind, file.filename, file.stream, now=clock())


def _joined(actor: Viewer, file_id: int, clock: Clock) -> StoredFile:
    """Join and check what came in parts, here and now: it is read once."""
    with unit_of_work():
        services.finish(actor, _with_upload(file_id), now=clock(), is_checked_here=True)
    checking.run(file_id, clock)
    file = _with_upload(file_id)
    if file.is_complete:
        return file
    if file.part_upload is None or not file.part_upload.refusal:
        raise Refused("The file is being checked. Try again in a minute.")
    refusal = file.part_upload.refusal
    with unit_of_work():
        services.drop(_with_upload(file_id))
    raise Invalid(refusal)


def _with_upload(file_id: int) -> StoredFile:
    return db.session.scalars(
        select(StoredFile)
        .where(StoredFile.id == file_id)
        .options(joinedload(StoredFile.part_upload))
        .execution_options(populate_existing=True)
    ).one()

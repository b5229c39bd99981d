"""What a person does with the files of their library; each is for its owner and administrators."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import UUID

from app.errors import Forbidden, Invalid, Refused
from app.platform.db import after_commit, db
from app.policy import Act, Viewer, can, require
from app.resources import services as resources
from app.resources.arriving import services as arriving
from app.resources.arriving.services import Sent
from app.resources.library import queries, uses
from app.resources.library.drafts import KINDS, FileDraft
from app.resources.models import FileKind, FileVersion, StoredFile
from app.resources.parts import services as parts

OPEN_KINDS = (FileKind.PUBLIC_DATA, FileKind.INPUT_DATA, FileKind.STARTING_KIT)
"""What is made to be shown; other kinds become public only when their owner says so twice."""


def announce(
    actor: Viewer, kind: FileKind, draft: FileDraft, file_name: str, size_bytes: int,
    modified_ms: int, *, now: datetime,
) -> tuple[StoredFile, str]:  # fmt: skip
    """Make room for a file that the browser is about to send.

    Ends the transaction so far: call it before anything is changed.

    Returns:
        (file, url): the row; where to PUT the bytes, empty when they come in parts.

    Raises:
        Invalid, TooLarge: the file cannot be used.
    """
    if size_bytes >= parts.FROM_BYTES:
        file = parts.begin(actor, kind, file_name, size_bytes, modified_ms, now=now)
        url = ""
    else:
        file, url = resources.start_upload(actor, kind, file_name, size_bytes, now=now)
    _describe(file, draft)
    return file, url


def add(
    actor: Viewer, kind: FileKind, draft: FileDraft, sent: Sent, replaces: str, *, now: datetime
) -> StoredFile:
    """Take a file into the library, whichever way it came.

    Ends the transaction so far: call it before anything is changed. A file that came in parts is
    being checked when this returns.

    Args:
        replaces: the key of the file it is a new version of, or empty.

    Raises:
        NotFound: the upload, or the file that is to be replaced, is not known.
        Invalid, TooLarge, Refused: there is no file, or it cannot be used.
    """
    older_id = _to_replace(actor, replaces).id if replaces else None
    key = sent.form.get("upload_key", "")
    file = _arrived(actor, key, now) if key else None
    if file is None:
        file = arriving.take(actor, kind, sent, lambda: now)
    if file.kind != kind:
        raise Invalid("This file was announced as something else. Send it again.")
    _describe(file, draft)
    if older_id is not None and older_id != file.id:
        db.session.add(FileVersion(newer_id=file.id, older_id=older_id))
        db.session.flush()
    return file


def describe(actor: Viewer, file: StoredFile, draft: FileDraft) -> None:
    """Rename a file, describe it, state its licence."""
    require(actor, Act.FILE_EDIT, file)
    _describe(file, draft)


def why_not_public(file: StoredFile) -> str:
    """Return a sentence that says why a file may not be offered to everybody; empty when it may."""
    if FileKind(file.kind) not in KINDS:
        return "Submissions and bundles cannot be made public here."
    if not file.is_complete:
        return "The file is not complete yet. Make it public once it is checked."
    titles = sorted({title for find in uses.kept_secret_by for title in find(file.id)})
    if titles:
        named = ", ".join(f"“{title}”" for title in titles[:5])
        return f"The file is kept from the participants of {named}. Take it out of there first."
    return ""


def publish(actor: Viewer, file: StoredFile) -> None:
    """Offer a file to everybody.

    Raises:
        Refused: it is of a kind that stays private, or a benchmark keeps it secret.
    """
    require(actor, Act.FILE_EDIT, file)
    if why := why_not_public(file):
        raise Refused(why)
    file.is_public = True


def withdraw(actor: Viewer, file: StoredFile) -> None:
    """Offer a file to nobody any more; tasks that use it keep it."""
    require(actor, Act.FILE_EDIT, file)
    file.is_public = False


def delete(actor: Viewer, file: StoredFile) -> None:
    """Delete a file for good, or an upload that is not over.

    Raises:
        Refused: it is in use; the sentence says where.
    """
    require(actor, Act.FILE_EDIT, file)
    if why := why_not_deleted(file):
        raise Refused(why)
    if file.is_complete:
        after_commit(partial(resources.forget, (file.ref,)))
        db.session.delete(file)
    else:
        parts.drop(file)
    db.session.flush()


def why_not_deleted(file: StoredFile) -> str:
    """Return a sentence that says where a file is used; empty when it is not."""
    if not uses.used_among([file.id]):
        return ""
    named = [f"{use.what} “{use.name}”" for use in uses.of(file.id)] or ["something else"]
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    return f"The file is in use: {', '.join(named[:5])}{more}. Take it out of there first."


def _describe(file: StoredFile, draft: FileDraft) -> None:
    file.name, file.description, file.license = draft.name, draft.description, draft.license


def _arrived(actor: Viewer, key: str, now: datetime) -> StoredFile | None:
    """Return what came in parts, its check asked for; None for what came in one piece."""
    try:
        file = queries.own_upload(UUID(key), actor)
    except ValueError:
        return None
    if file.part_upload is None:
        return None
    parts.finish(actor, file, now=now)
    return queries.own_upload(UUID(key), actor)


def _to_replace(actor: Viewer, key: str) -> StoredFile:
    try:
        older = queries.get(UUID(key), actor)
    except ValueError:
        raise Invalid("The file to be replaced is not known.") from None
    if not can(actor, Act.FILE_CHANGE, older):
        raise Forbidden("Only the owner of a file may replace it.")
    if queries.has_newer(older):
        raise Refused("This file has a newer version already. Replace that one.")
    return older

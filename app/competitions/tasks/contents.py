"""The files that a task is to be made of: those of the library, and those that come with it."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from app.competitions import validity
from app.competitions.drafts import FileRef, Problem, TaskDraft
from app.competitions.tasks.drafts import ROLES, Incoming
from app.errors import AppError
from app.platform.storage import ObjectRef
from app.policy import Viewer
from app.resources import limits, queries
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile


def wanted(draft: TaskDraft) -> Iterator[tuple[FileKind, FileRef]]:
    """List the files that a draft names, each with what it is for."""
    for kind in ROLES:
        ref = getattr(draft, kind.value)
        if ref is not None:
            yield kind, ref


def problems(
    actor: Viewer, draft: TaskDraft, incoming: Mapping[FileRef, Incoming],
    kept: Collection[StoredFile] = (),
) -> list[Problem]:  # fmt: skip
    """List everything that keeps this person from making this task.

    Args:
        incoming: the files that come with it.
        kept: files of its current revision, which it may keep whoever owns them.
    """
    found = validity.task_problems(draft)
    known = usable(actor, draft, kept)
    for kind, ref in wanted(draft):
        if ref.key is not None:
            found += _of_known(kind, ref.key, known)
        else:
            found += _of_incoming(kind, incoming[ref])
    return found


def usable(
    actor: Viewer, draft: TaskDraft, kept: Collection[StoredFile] = ()
) -> Mapping[UUID, StoredFile]:
    """Return the files of the library that a draft names and this person may use."""
    keys = [ref.key for _kind, ref in wanted(draft) if ref.key is not None]
    own = {UUID(file.key): file for file in kept}
    return {**queries.usable_files(keys, actor), **own}


@contextmanager
def stored(
    owner_id: int, draft: TaskDraft, incoming: Mapping[FileRef, Incoming], *, now: datetime
) -> Iterator[Mapping[FileRef, StoredFile]]:
    """Store the files that come with a task; whatever ends the work inside, nothing stays behind."""
    places: list[ObjectRef] = []
    is_over = False
    try:
        files = {}
        for kind, ref in wanted(draft):
            if ref in incoming and ref not in files:
                places.append(resources.new_place(kind))
                files[ref] = _store(owner_id, kind, incoming[ref], places[-1], now)
        yield files
        is_over = True
    finally:
        if not is_over:
            resources.forget(places)


def _store(
    owner_id: int, kind: FileKind, one: Incoming, place: ObjectRef, now: datetime
) -> StoredFile:
    with tempfile.TemporaryFile() as content:
        one.write(content)
        size = content.tell()
        return resources.store_file(
            owner_id, kind, one.file_name, content, size, now=now, place=place
        )


def _of_known(kind: FileKind, key: UUID, known: Mapping[UUID, StoredFile]) -> Iterator[Problem]:
    file, words = known.get(key), kind.replace("_", " ")
    if file is None:
        expected = "the key of a file of yours, or of a public one"
        sentence = f"The {words} is named as “{key}”, which does not exist or is not yours to use."
        hint = "Copy the key from the page of the file."
        yield Problem(kind, str(key), expected, f"{sentence} Expected {expected}.", hint)
    elif file.kind != kind:
        found = f"“{file.name}”, which was uploaded as {file.kind.replace('_', ' ')}"
        expected = f"a file that was uploaded as {words}"
        yield Problem(kind, found, expected, f"The {words} is {found}.", f"Choose {expected}.")


def _of_incoming(kind: FileKind, one: Incoming) -> Iterator[Problem]:
    try:
        limits.named(one.file_name)
        with tempfile.TemporaryFile() as content:
            one.write(content)
            limits.check_size(content.tell(), limits.limit_bytes(kind))
            limits.check_zip(content, kind)
    except AppError as error:
        found = f"“{one.file_name}”, which cannot be used"
        sentence = f"The {kind.replace('_', ' ')} is {found}: {error.message}"
        yield Problem(kind, found, "a zip file that can be unpacked", sentence, "Zip it again.")

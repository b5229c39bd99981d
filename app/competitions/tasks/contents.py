"""The files that a task is to be made of: those of the library, and those that come with it."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from app.competitions import validity
from app.competitions.drafts import FileRef, Problem, TaskDraft
from app.competitions.services import InvalidDraft
from app.competitions.tasks.drafts import ROLES, Incoming
from app.errors import AppError
from app.platform.db import release
from app.platform.storage import ObjectRef
from app.policy import Viewer
from app.resources import limits, queries
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile
from app.resources.space import queries as space
from app.resources.space.queries import NoRoom


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
    """Store the files that come with a task; whatever ends the work inside, nothing stays behind.

    Raises:
        InvalidDraft: they do not fit into what the owner may keep.
    """
    places: list[ObjectRef] = []
    is_over = False
    try:
        files: dict[FileRef, StoredFile] = {}
        for kind, ref in wanted(draft):
            if ref in incoming and ref not in files:
                places.append(resources.new_place(kind))
                before = sum(file.size_bytes for file in files.values())
                files[ref] = _store(owner_id, kind, incoming[ref], places[-1], now, before)
        if files:  # once more: others may have been faster, and from here on nobody is
            largest = max(files.values(), key=lambda file: file.size_bytes)
            _check_room(owner_id, largest.kind, sum(file.size_bytes for file in files.values()))
        yield files
        is_over = True
    finally:
        if not is_over:
            resources.forget(places)


def _check_room(owner_id: int, kind: str, size_bytes: int) -> None:
    try:
        space.check_room(owner_id, size_bytes, "What comes with the task")
    except NoRoom as lack:
        problem = Problem(kind, lack.found, lack.expected, lack.sentence, lack.hint)
        raise InvalidDraft([problem]) from lack


def _store(
    owner_id: int, kind: FileKind, one: Incoming, place: ObjectRef, now: datetime, before: int
) -> StoredFile:
    """Store one file; ``before`` is how many bytes came with the task already."""
    with tempfile.TemporaryFile() as content:
        one.write(content)
        size = content.tell()
        _check_room(owner_id, kind, before + size)
        release()
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

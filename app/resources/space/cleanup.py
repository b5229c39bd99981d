"""Clearing up: what could go, exactly, and letting chosen groups of it go.

A group lists what it holds before anything happens. Letting it go asks for the same list again: what
was used meanwhile stays, and what came meanwhile stays as well, because the page did not show it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.orm import joinedload

from app.platform.db import after_commit, db
from app.platform.storage import ObjectRef
from app.policy import Viewer
from app.resources import services as resources
from app.resources.library import uses
from app.resources.library.drafts import KINDS
from app.resources.models import FileKind, FileVersion, StoredFile
from app.resources.parts import services as parts
from app.resources.space.items import SHOWN, Freed, Group, Item


@dataclass(frozen=True)
class Clearing:
    """How a later feature lists and clears what it keeps."""

    key: str
    items: Callable[[Viewer], Sequence[Item]]
    clear: Callable[[Viewer, Collection[int]], Freed]
    """Lets those of a person's items go that may still go."""


clearings: list[Clearing] = []
"""What later features can clear; ``create_app`` fills it."""


def groups(actor: Viewer) -> list[Group]:
    """Return everything of a person's own that could go, by reason."""
    if actor.user_id is None:
        return []
    found = [Group(key, _items(actor.user_id, key)) for key in _FILES]
    found += [Group(one.key, one.items(actor)) for one in clearings]
    return [group for group in found if group.items]


def clear(actor: Viewer, key: str, ids: Collection[int]) -> Freed:
    """Let those things of a group go that were shown and may still go."""
    if actor.user_id is None:
        return Freed()
    for clearing in clearings:
        if clearing.key == key:
            return clearing.clear(actor, ids)
    if key not in _FILES:
        return Freed()
    gone = [file for file in _files(actor.user_id, key) if file.id in ids]
    for file in gone:
        if file.is_complete:
            after_commit(partial(resources.forget, (ObjectRef(file.bucket, file.object_key),)))
            db.session.execute(delete(StoredFile).where(StoredFile.id == file.id))
        else:
            parts.drop(file)
    db.session.flush()
    return Freed(len(gone), sum(file.size_bytes for file in gone))


_FILES = ("files", "versions", "bundles", "submissions", "uploads")
_KINDS = {
    "files": KINDS,
    "versions": KINDS,
    "bundles": (FileKind.COMPETITION_BUNDLE, FileKind.TASK_ZIP),
    "submissions": (FileKind.SUBMISSION,),
    "uploads": tuple(FileKind),
}


def _items(user_id: int, key: str) -> list[Item]:
    return [
        Item(
            file.id,
            file.name or file.file_name,
            file.size_bytes,
            "library.detail",
            {"key": file.key},
        )
        for file in _files(user_id, key)
    ]


def _files(user_id: int, key: str) -> Sequence[StoredFile]:
    """Return files that nothing names, and that are not offered to everybody."""
    has_newer = StoredFile.id.in_(select(FileVersion.older_id))
    statement = select(StoredFile).where(
        StoredFile.owner_id == user_id,
        StoredFile.kind.in_([kind.value for kind in _KINDS[key]]),
        StoredFile.is_complete.is_(key != "uploads"),
        StoredFile.is_public.is_(False),
        StoredFile.id.not_in(uses.used_ids()),
    )
    if key in ("files", "versions"):
        statement = statement.where(has_newer if key == "versions" else ~has_newer)
    statement = statement.options(joinedload(StoredFile.part_upload))
    return db.session.scalars(
        statement.order_by(StoredFile.size_bytes.desc(), StoredFile.id).limit(SHOWN)
    ).all()

"""Lists of files, and one file with everything that its page says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, false, func, select
from sqlalchemy.orm import joinedload

from app import policy
from app.errors import NotFound
from app.platform import paging, searching
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.library import uses
from app.resources.library.drafts import KINDS, Filters
from app.resources.library.places import Use
from app.resources.models import FileVersion, StoredFile

PAGE_SIZE = 50
_UNKNOWN = "There is no such file, or it is not yours to see."
_SORTS = {
    "created": StoredFile.created_at,
    "downloads": StoredFile.downloads,
    "name": func.lower(StoredFile.name),
    "size": StoredFile.size_bytes,
}


class FileState(StrEnum):
    """Where a file is on its way here."""

    UPLOADING = "uploading"
    CHECKING = "checking"
    REFUSED = "failed"
    READY = "ready"


@dataclass(frozen=True)
class FileRow:
    """One line of a list."""

    file: StoredFile
    """With its owner."""
    state: FileState
    is_used: bool
    has_newer: bool


@dataclass(frozen=True)
class FilePage:
    """What the page of a file says."""

    file: StoredFile
    """With its owner and its upload, if that is not over."""
    state: FileState
    uses: Sequence[Use]
    """Empty for people who may not change the file: benchmarks may be private."""
    newer: StoredFile | None
    older: StoredFile | None
    can_edit: bool
    can_download: bool
    is_owner: bool


def state_of(file: StoredFile) -> FileState:
    """Return where a file is; ask with its upload loaded."""
    if file.is_complete:
        return FileState.READY
    upload = file.part_upload
    if upload is not None and upload.refusal:
        return FileState.REFUSED
    return FileState.CHECKING if upload is not None and upload.is_asked else FileState.UPLOADING


def listing(
    viewer: Viewer, filters: Filters, page: int, size: int = PAGE_SIZE
) -> paging.Page[FileRow]:
    """Return the files that a person asks for, in a constant number of statements."""
    wanted = select(StoredFile.id).where(_whose(viewer, filters), *_chosen(filters))
    ids, total = paging.ids(_sorted(wanted, filters.sort), page, size)
    if not ids:
        return paging.Page([], page, size, total)
    found = db.session.scalars(
        select(StoredFile)
        .where(StoredFile.id.in_(ids))
        .options(joinedload(StoredFile.owner), joinedload(StoredFile.part_upload))
    )
    files = paging.in_order(found, ids, lambda file: file.id)
    used = uses.used_among(ids)
    replaced = set(
        db.session.scalars(select(FileVersion.older_id).where(FileVersion.older_id.in_(ids)))
    )
    rows = [FileRow(file, state_of(file), file.id in used, file.id in replaced) for file in files]
    return paging.Page(rows, page, size, total)


def get(key: UUID, viewer: Viewer) -> StoredFile:
    """Return a file whose page this viewer may see, with its owner and its upload.

    Raises:
        NotFound: there is none, or it is somebody else's and not public.
    """
    file = db.session.scalar(
        select(StoredFile)
        .where(StoredFile.key == str(key))
        .options(joinedload(StoredFile.owner), joinedload(StoredFile.part_upload))
    )
    if file is None or not policy.can(viewer, Act.FILE_VIEW, file):
        raise NotFound(_UNKNOWN)
    if not file.is_complete and not policy.can(viewer, Act.FILE_EDIT, file):
        raise NotFound(_UNKNOWN)
    return file


def own_upload(key: UUID, viewer: Viewer) -> StoredFile:
    """Return a file of the viewer's own, with its upload.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    file = get(key, viewer)
    if not policy.can(viewer, Act.FILE_CHANGE, file):
        raise NotFound(_UNKNOWN)
    return file


def shown(key: UUID, viewer: Viewer) -> FilePage:
    """Return everything that the page of a file says.

    Raises:
        NotFound: there is none, or it is somebody else's and not public.
    """
    file = get(key, viewer)
    can_edit = policy.can(viewer, Act.FILE_EDIT, file)
    newer, older = _neighbour(file, viewer, newer=True), _neighbour(file, viewer, newer=False)
    return FilePage(
        file=file,
        state=state_of(file),
        uses=uses.of(file.id) if can_edit else (),
        newer=newer,
        older=older,
        can_edit=can_edit,
        can_download=file.is_complete and policy.can(viewer, Act.FILE_USE, file),
        is_owner=policy.can(viewer, Act.FILE_CHANGE, file),
    )


def _neighbour(file: StoredFile, viewer: Viewer, *, newer: bool) -> StoredFile | None:
    mine, other = FileVersion.newer_id, FileVersion.older_id
    if newer:
        mine, other = other, mine
    found = db.session.scalar(
        select(StoredFile).join(FileVersion, other == StoredFile.id).where(mine == file.id)
    )
    return found if found is not None and policy.can(viewer, Act.FILE_VIEW, found) else None


def _whose(viewer: Viewer, filters: Filters) -> ColumnElement[bool]:
    if filters.whose == "public":
        return StoredFile.is_public & StoredFile.is_complete
    return StoredFile.owner_id == viewer.user_id if viewer.is_authenticated else false()


def _chosen(filters: Filters) -> list[ColumnElement[bool]]:
    kinds = [filters.kind] if filters.kind else list(KINDS)
    wanted: list[ColumnElement[bool]] = [StoredFile.kind.in_(kinds)]
    if filters.origin:
        wanted.append(StoredFile.came_with_bundle.is_(filters.origin == "bundle"))
    texts = (StoredFile.name, StoredFile.file_name, StoredFile.description)
    return wanted + searching.mentions(filters.words, *texts)


def _sorted(statement: Select[tuple[int]], sort: str) -> Select[tuple[int]]:
    column = _SORTS[sort.removeprefix("-")]
    if sort.startswith("-"):
        return statement.order_by(column.desc(), StoredFile.id.desc())
    return statement.order_by(column.asc(), StoredFile.id.asc())


def has_newer(file: StoredFile) -> bool:
    """Return whether a newer version has taken a file's place."""
    return bool(db.session.scalar(select(exists().where(FileVersion.older_id == file.id))))


def used_elsewhere(column: ColumnElement[int]) -> Select[tuple[int]]:
    """Return a query for the ids of files that something uses besides this column of a table."""
    return uses.used_ids(besides=column)

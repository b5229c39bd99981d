"""A person's bundles in one list, whatever became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from app.bundles.models import BundleDump, BundleImport
from app.competitions.models import Competition
from app.platform import paging
from app.platform.db import db
from app.policy import Viewer
from app.resources.models import FileKind, StoredFile

PAGE_SIZE = 50
IMPORT, CHECK, DUMP, UPLOAD = "import", "check", "dump", "upload"


@dataclass(frozen=True)
class Filters:
    """What the list is asked for; all of it stands in the address."""

    words: str = ""
    what: str = ""
    """``import``, ``check``, ``dump``, ``upload`` for what was only uploaded; empty for all."""
    sort: str = "-created"
    """``created``, ``name`` or ``size``, descending after a ``-``."""


@dataclass(frozen=True)
class BundleRow:
    """One line of the list."""

    what: str
    id: int
    """Of the import, the check, the dump, or the file that was uploaded."""
    name: str
    state: str
    """An ``ImportState`` or a ``DumpState``; empty for what was only uploaded."""
    created_at: datetime
    file_key: str
    """Empty where no zip is kept."""
    size_bytes: int
    competition_id: int | None
    title: str
    """Of that benchmark."""


def listing(viewer: Viewer, filters: Filters, page: int) -> paging.Page[BundleRow]:
    """Return what a person keeps of bundles, in two statements."""
    kept = _kept(viewer.user_id).subquery()
    where: list[ColumnElement[bool]] = [kept.c.what == filters.what] if filters.what else []
    for word in filters.words.split()[:10]:
        where.append(
            or_(
                kept.c.name.icontains(word, autoescape=True),
                kept.c.title.icontains(word, autoescape=True),
            )
        )
    columns: dict[str, ColumnElement[Any]] = {
        "created": kept.c.created_at, "name": func.lower(kept.c.name), "size": kept.c.size_bytes,
    }  # fmt: skip
    column = columns[filters.sort.removeprefix("-")]
    order: Sequence[ColumnElement[Any]] = (column.asc(), kept.c.what, kept.c.id)
    if filters.sort.startswith("-"):
        order = (column.desc(), kept.c.what, kept.c.id.desc())
    wanted = select(kept.c.what, kept.c.id).where(*where).order_by(*order)
    keys, total = paging.keys(wanted, page, PAGE_SIZE)
    found = db.session.execute(select(kept).where(kept.c.id.in_([row_id for _, row_id in keys])))
    rows = paging.in_order((BundleRow(*row) for row in found), keys, lambda row: (row.what, row.id))
    return paging.Page(rows, page, PAGE_SIZE, total)


def _kept(user_id: int | None) -> CompoundSelect[Any]:
    imports = (
        select(
            case((BundleImport.is_check, CHECK), else_=IMPORT).label("what"),
            BundleImport.id.label("id"),
            func.coalesce(StoredFile.file_name, BundleImport.checked_name).label("name"),
            BundleImport.state.label("state"),
            BundleImport.created_at.label("created_at"),
            *_zip(),
            BundleImport.competition_id.label("competition_id"),
            func.coalesce(Competition.title, "").label("title"),
        )
        .outerjoin(StoredFile, StoredFile.id == BundleImport.file_id)
        .outerjoin(Competition, Competition.id == BundleImport.competition_id)
        .where(BundleImport.owner_id == user_id)
    )
    dumps = (
        select(
            literal(DUMP, String),
            BundleDump.id,
            func.coalesce(StoredFile.file_name, Competition.title),
            BundleDump.state,
            BundleDump.created_at,
            *_zip(),
            BundleDump.competition_id,
            Competition.title,
        )
        .join(Competition, Competition.id == BundleDump.competition_id)
        .outerjoin(StoredFile, StoredFile.id == BundleDump.file_id)
        .where(BundleDump.owner_id == user_id)
    )
    return union_all(imports, dumps, _uploads(user_id))


def _uploads(user_id: int | None) -> Select[Any]:
    nothing = literal("", String)
    return select(
        literal(UPLOAD, String),
        StoredFile.id,
        StoredFile.file_name,
        nothing,
        StoredFile.created_at,
        *_zip(),
        null().cast(Integer),
        nothing,
    ).where(
        StoredFile.owner_id == user_id,
        StoredFile.kind == FileKind.COMPETITION_BUNDLE,
        ~exists().where(BundleImport.file_id == StoredFile.id),
        ~exists().where(BundleDump.file_id == StoredFile.id),
    )


def _zip() -> tuple[ColumnElement[str], ColumnElement[int]]:
    return (
        func.coalesce(StoredFile.key, "").label("file_key"),
        func.coalesce(StoredFile.size_bytes, 0).label("size_bytes"),
    )

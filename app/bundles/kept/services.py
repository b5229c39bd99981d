"""Clearing up bundles: zips whose import is over, and dumps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy import Select, exists, select

from app.bundles.dumps import queries as dump_queries
from app.bundles.dumps import services as dumps
from app.bundles.models import BundleDump, BundleImport, ImportState
from app.platform.db import after_commit, db
from app.policy import Viewer
from app.resources import services as resources
from app.resources.library import queries as library
from app.resources.models import StoredFile
from app.resources.space.items import SHOWN, Freed, Item


def rejected(actor: Viewer) -> list[Item]:
    """Return the actor's zips of which every import failed."""
    return _items(_zips(actor, is_imported=False))


def clear_rejected(actor: Viewer, file_ids: Collection[int]) -> Freed:
    """Delete zips of which every import failed; the reports stay."""
    return _clear(_zips(actor, is_imported=False), file_ids)


def imported(actor: Viewer) -> list[Item]:
    """Return the actor's zips that became benchmarks, which have files of their own."""
    return _items(_zips(actor, is_imported=True))


def clear_imported(actor: Viewer, file_ids: Collection[int]) -> Freed:
    """Delete zips that became benchmarks; these and the reports stay."""
    return _clear(_zips(actor, is_imported=True), file_ids)


def made(actor: Viewer) -> list[Item]:
    """Return the dumps that the actor asked for and that are ready."""
    return [
        Item(
            dump.id, dump.file.file_name, dump.file.size_bytes, "dumps.listing",
            {"competition_id": dump.competition_id},
        )
        for dump in _made(actor)
        if dump.file is not None
    ]  # fmt: skip


def clear_made(actor: Viewer, dump_ids: Collection[int]) -> Freed:
    """Delete dumps that the actor asked for."""
    gone = [dump for dump in _made(actor) if dump.id in dump_ids]
    size_bytes = sum(dump.file.size_bytes for dump in gone if dump.file is not None)
    for dump in gone:
        dumps.delete(actor, dump)
    return Freed(len(gone), size_bytes)


def _made(actor: Viewer) -> Sequence[BundleDump]:
    return dump_queries.made_for(actor.user_id, SHOWN) if actor.user_id is not None else ()


def _zips(actor: Viewer, *, is_imported: bool) -> Select[tuple[StoredFile, int]]:
    """Ask for the zips that nothing uses but imports which are over, each with its latest import."""
    of_file = BundleImport.file_id == StoredFile.id
    is_done = BundleImport.state == ImportState.FINISHED
    became = exists().where(of_file, is_done, BundleImport.is_check.is_(False))
    latest = (
        select(BundleImport.id).where(of_file).order_by(BundleImport.id.desc()).limit(1)
    ).scalar_subquery()  # fmt: skip
    ended = [state.value for state in ImportState if state.is_terminal]
    return (
        select(StoredFile, latest)
        .where(
            StoredFile.owner_id == actor.user_id,
            StoredFile.is_public.is_(False),
            exists().where(of_file),
            ~exists().where(of_file, BundleImport.state.not_in(ended)),
            became if is_imported else ~became,
            StoredFile.id.not_in(library.used_elsewhere(BundleImport.__table__.c.file_id)),
        )
        .order_by(StoredFile.size_bytes.desc(), StoredFile.id)
        .limit(SHOWN)
    )


def _items(zips: Select[tuple[StoredFile, int]]) -> list[Item]:
    return [
        Item(file.id, file.file_name, file.size_bytes, "bundles.detail", {"import_id": import_id})
        for file, import_id in db.session.execute(zips)
    ]


def _clear(zips: Select[tuple[StoredFile, int]], file_ids: Collection[int]) -> Freed:
    gone = [file for file, _import_id in db.session.execute(zips) if file.id in file_ids]
    for file in gone:
        for one in db.session.scalars(select(BundleImport).where(BundleImport.file_id == file.id)):
            one.checked_name, one.file_id = file.file_name, None
        db.session.flush()
        after_commit(partial(resources.forget, (file.ref,)))
        db.session.delete(file)
    db.session.flush()
    return Freed(len(gone), sum(file.size_bytes for file in gone))

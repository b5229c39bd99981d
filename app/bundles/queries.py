"""What is known of imports, filtered by whose they are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import policy
from app.bundles.models import BundleImport
from app.errors import NotFound
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.library.places import Use

RECENT = 10


def get(import_id: int, viewer: Viewer) -> BundleImport:
    """Return an import with its file.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    found = db.session.scalar(
        select(BundleImport)
        .where(BundleImport.id == import_id)
        .options(joinedload(BundleImport.file))
    )
    if found is None or not policy.can(viewer, Act.IMPORT_VIEW, found):
        raise NotFound("There is no such import, or it is not yours to see.")
    return found


def recent(viewer: Viewer) -> Sequence[BundleImport]:
    """Return the latest imports of the viewer's own with their files, the newest first."""
    return db.session.scalars(
        select(BundleImport)
        .where(BundleImport.owner_id == viewer.user_id)
        .order_by(BundleImport.id.desc())
        .limit(RECENT)
        .options(joinedload(BundleImport.file))
    ).all()


def uses_of(file_id: int) -> list[Use]:
    """Return the imports of a bundle's file."""
    ids = db.session.scalars(
        select(BundleImport.id).where(BundleImport.file_id == file_id).order_by(BundleImport.id)
    )
    return [Use("import", str(one), "bundles.detail", {"import_id": one}) for one in ids]

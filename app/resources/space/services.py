"""What an administrator grants of the store."""

from __future__ import annotations

from app.platform.db import db
from app.policy import Act, Viewer, require
from app.resources.models import StorageQuota


def grant(actor: Viewer, user_id: int, gib: float | None) -> None:
    """Set how many GiB a person may keep; None means what the site's setting says."""
    require(actor, Act.QUOTA_SET)
    granted = db.session.get(StorageQuota, user_id)
    if gib is None:
        if granted is not None:
            db.session.delete(granted)
    elif granted is None:
        db.session.add(StorageQuota(user_id=user_id, gib=gib))
    else:
        granted.gib = gib

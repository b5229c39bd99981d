"""Background entry points: an import id in, nothing out."""

from __future__ import annotations

from app.bundles import services
from app.platform.clock import now


def unpack(import_id: int) -> None:
    """Carry out an import; a second call for the same one does nothing."""
    services.run_import(import_id, now)

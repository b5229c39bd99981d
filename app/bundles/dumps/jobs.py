"""Background entry points: a dump's id in, nothing out."""

from __future__ import annotations

from app.bundles.dumps import services
from app.platform.clock import now


def pack(dump_id: int) -> None:
    """Carry out a dump; a second call for the same one does nothing."""
    services.run(dump_id, now)

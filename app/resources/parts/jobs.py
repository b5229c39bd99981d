"""Background entry points: a file's id in, nothing out."""

from __future__ import annotations

from app.platform.clock import now
from app.resources.parts import checking


def check(file_id: int) -> None:
    """Join and check what came in parts; a second call for the same file does nothing."""
    checking.run(file_id, now)

"""What a machine says of itself, read as the text of a stranger: any shape, any length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_TEXT, MAX_GPUS, MAX_BYTES = 100, 16, 2**63


@dataclass(frozen=True)
class Facts:
    """The part of a heartbeat that pages show; empty, None or False where it said nothing."""

    worker_version: str
    engine_version: str
    gpus: tuple[str, ...]
    disk_free_bytes: int | None
    has_data: bool
    """Whether its containers find ``/app/data``."""
    warning: str


def read(details: Mapping[str, Any]) -> Facts:
    """Read the details of a heartbeat; what does not fit is left out."""
    gpus, free = details.get("gpus"), details.get("disk_free_bytes")
    is_count = isinstance(free, int) and not isinstance(free, bool) and 0 <= free < MAX_BYTES
    return Facts(
        worker_version=_text(details.get("worker_version")),
        engine_version=_text(details.get("version")),
        gpus=tuple(_text(one) for one in gpus[:MAX_GPUS]) if isinstance(gpus, list) else (),
        disk_free_bytes=free if is_count else None,
        has_data=details.get("has_data") is True,
        warning=_text(details.get("warning"), 300),
    )


def _text(value: object, longest: int = MAX_TEXT) -> str:
    return value[:longest] if isinstance(value, str) else ""

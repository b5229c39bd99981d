"""A place where a file is used, in words that a page can show; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Use:
    """A place where a file is used."""

    what: str
    """``task``, ``solution``, ``phase``, ``benchmark``, ``submission`` or ``import``."""
    name: str
    endpoint: str = ""
    """Its page, if there is one, and what stands in its address."""
    arguments: Mapping[str, object] = field(default_factory=dict)

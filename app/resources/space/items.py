"""The words of clearing up: what could go, and why; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

OUTPUTS, LOGS = "outputs", "logs"
"""What submissions keep besides files."""
SHOWN = 200
"""How many things of a group one page lists, and one click lets go."""


@dataclass(frozen=True)
class Item:
    """One thing that could go."""

    id: int
    name: str
    size_bytes: int
    endpoint: str
    """Its page, and what stands in its address."""
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Things that could go for the same reason."""

    key: str
    """``files``, ``versions``, ``bundles``, ``submissions``, ``uploads``, or a later feature's."""
    items: Sequence[Item]

    @property
    def size_bytes(self) -> int:
        """How much room it takes."""
        return sum(item.size_bytes for item in self.items)


@dataclass(frozen=True)
class Freed:
    """What went."""

    count: int = 0
    size_bytes: int = 0

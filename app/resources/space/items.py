"""The words of clearing up: what could go, and why; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """Its page."""
    key: str = ""
    """What stands in its address, where that is not its id."""


@dataclass(frozen=True)
class Group:
    """Things that could go for the same reason."""

    key: str
    """``files``, ``versions``, ``bundles``, ``submissions``, ``uploads`` or ``outputs``."""
    items: Sequence[Item]

    @property
    def size_bytes(self) -> int:
        """How much room it takes."""
        return sum(item.size_bytes for item in self.items)

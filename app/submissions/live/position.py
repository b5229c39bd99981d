"""How far a page has got: the server tells it the address that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Position:
    """What a page shows already."""

    status: str = ""
    attempt: int = 0
    seq: int = 0
    place: str = ""
    version: str = ""
    """Of the whole state, while the submission waits for a machine."""
    looked: int = 0
    """When that was last compared, in seconds since 1970."""
    chart: int = 0
    follows: bool = False
    """Whether its log goes on to the next run by itself, because its reader has chosen none."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read the arguments of an address; what is no position there counts as none."""
        return cls(
            given.get("status", ""), _whole(given, "attempt"), _whole(given, "seq"),
            given.get("place", ""), given.get("version", ""), _whole(given, "looked"),
            _whole(given, "chart"), given.get("follow") == "1",
        )  # fmt: skip

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that :meth:`read` reads."""
        return {
            "status": self.status, "attempt": self.attempt, "seq": self.seq,
            "place": self.place or None, "version": self.version, "looked": self.looked,
            "chart": self.chart, "follow": 1 if self.follows else None,
        }  # fmt: skip


def _whole(given: Mapping[str, str], name: str) -> int:
    try:
        return int(given.get(name, 0))
    except ValueError:
        return 0

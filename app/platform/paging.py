"""One page of a longer list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows ``start`` to ``start + len(rows)`` of ``total``; pages count from 1."""

    rows: Sequence[T]
    number: int
    size: int
    total: int

    @property
    def start(self) -> int:
        """Position of the first row, counting from 0."""
        return (self.number - 1) * self.size

    @property
    def count(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.size))

    @property
    def has_previous(self) -> bool:
        """Whether there is a page before this one."""
        return self.number > 1

    @property
    def has_next(self) -> bool:
        """Whether there is a page after this one."""
        return self.number < self.count


def page_number(text: str | None) -> int:
    """Read a page number from a URL; anything that is none means the first page."""
    if text and text.isascii() and text.isdigit():
        return min(max(1, int(text[:9])), 1_000_000)
    return 1

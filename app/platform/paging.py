"""One page of a longer list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select

from app.platform.db import db

T = TypeVar("T")
K = TypeVar("K")


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


def ids(wanted: Select[tuple[int]], number: int, size: int) -> tuple[Sequence[int], int]:
    """Return the ids on a page, and how many there are on all pages; see :func:`keys`."""
    found, total = keys(wanted, number, size)
    return [row_id for (row_id,) in found], total


def keys(wanted: Select[Any], number: int, size: int) -> tuple[Sequence[tuple[Any, ...]], int]:
    """Return the keys on a page, and how many there are on all pages, mostly in one statement.

    What a page shows is asked for by these keys afterwards: so the database sorts and counts by what
    a list is chosen and sorted by, and reads whole rows for one page only.
    """
    one_page = wanted.limit(size).offset((number - 1) * size)
    found = db.session.execute(one_page.add_columns(func.count().over())).all()
    if found:
        return [tuple(row[:-1]) for row in found], found[0][-1]
    if number == 1:
        return [], 0
    return [], db.session.scalar(select(func.count()).select_from(wanted.subquery())) or 0


def in_order(found: Iterable[T], keys: Sequence[K], key_of: Callable[[T], K]) -> list[T]:
    """Return what was found by keys in the order of these."""
    by_key = {key_of(one): one for one in found}
    return [by_key[one] for one in keys if one in by_key]


def page_number(text: str | None) -> int:
    """Read a page number from a URL; anything that is none means the first page."""
    if text and text.isascii() and text.isdigit():
        return min(max(1, int(text[:9])), 1_000_000)
    return 1

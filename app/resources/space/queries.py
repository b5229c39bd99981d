"""What a person keeps in the store, by what it is, and how much they may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from app.accounts.models import User
from app.errors import TooLarge
from app.platform.configured import settings
from app.platform.db import db
from app.resources.library import uses
from app.resources.models import StorageQuota, StoredFile

GIB = 1024**3

kept_besides: list[Callable[[int], Mapping[str, tuple[int, int]]]] = []
"""Each returns what a later feature keeps for a person: (count, bytes) by what it is."""


@dataclass(frozen=True)
class Share:
    """One line of what a person keeps."""

    what: str
    """A :class:`FileKind`, or what a later feature calls it."""
    count: int
    size_bytes: int
    unused_bytes: int = 0
    """What of it nothing uses."""


@dataclass(frozen=True)
class Space:
    """What a person keeps and how much they may."""

    shares: Sequence[Share]
    """The largest first."""
    used_bytes: int
    quota_bytes: int

    @property
    def left_bytes(self) -> int:
        """How much more fits."""
        return max(0, self.quota_bytes - self.used_bytes)


def quota_bytes(user_id: int) -> int:
    """Return how much a person may keep: what an administrator granted, else the site's setting."""
    granted = db.session.scalar(select(StorageQuota.gib).where(StorageQuota.user_id == user_id))
    return round((settings().quota_gib if granted is None else granted) * GIB)


def space_of(user_id: int) -> Space:
    """Return what a person keeps, in a constant number of statements."""
    unused = StoredFile.id.not_in(uses.used_ids())
    rows = db.session.execute(
        select(
            StoredFile.kind,
            func.count(),
            func.sum(StoredFile.size_bytes),
            func.sum(StoredFile.size_bytes).filter(unused),
        )
        .where(StoredFile.owner_id == user_id)
        .group_by(StoredFile.kind)
    )
    shares = [
        Share(kind, count, int(size or 0), int(idle or 0)) for kind, count, size, idle in rows
    ]
    shares += [
        Share(what, count, size)
        for kept in kept_besides
        for what, (count, size) in kept(user_id).items()
        if count
    ]
    shares.sort(key=lambda share: -share.size_bytes)
    return Space(shares, sum(share.size_bytes for share in shares), quota_bytes(user_id))


def used_bytes(user_id: int) -> int:
    """Return how much a person keeps; uploads under way count as large as they were announced."""
    files = db.session.scalar(
        select(func.sum(StoredFile.size_bytes)).where(StoredFile.owner_id == user_id)
    )
    besides = sum(size for kept in kept_besides for _count, size in kept(user_id).values())
    return int(files or 0) + besides


class NoRoom(TooLarge):
    """Something does not fit into what a person may keep; said in numbers, and in pieces."""

    hint = "Delete what you no longer need, or ask an administrator for more."

    def __init__(self, what: str, size_bytes: int, used_bytes: int, quota: int) -> None:
        self.found = f"{in_gib(size_bytes)} GiB"
        self.expected = f"at most {in_gib(max(0, quota - used_bytes))} GiB"
        used = f"you use {in_gib(used_bytes)} of {in_gib(quota)} GiB"
        self.sentence = f"{what} has {self.found}, and {used}."
        super().__init__(f"{self.sentence} {self.hint}")


def check_room(user_id: int, size_bytes: int, what: str = "This file") -> None:
    """Raise unless something of this size fits into what a person may keep.

    Whoever writes down in the same transaction that it is kept cannot be overtaken: uploads of one
    person are judged in turn.

    Raises:
        NoRoom: it does not; the sentence says the numbers.
    """
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update())  # in turn
    used, quota = used_bytes(user_id), quota_bytes(user_id)
    if used + size_bytes > quota:
        raise NoRoom(what, size_bytes, used, quota)


def in_gib(size_bytes: int) -> str:
    """Return a number of bytes in GiB, with as many digits as tell something."""
    amount = size_bytes / GIB
    return f"{amount:.2f}" if amount >= 0.01 or size_bytes == 0 else f"{amount:.6f}"

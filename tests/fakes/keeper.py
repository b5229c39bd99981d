"""A runs Redis that only remembers its users, for the fast tier."""

from __future__ import annotations

from collections.abc import Iterable

from app.errors import Unavailable


class FakeKeeper:
    """``down`` makes it behave as a server that is away; ``calls`` says what was asked, in order."""

    def __init__(self) -> None:
        self.users: dict[str, tuple[str, frozenset[str]]] = {}
        """Queue id and password hashes by user."""
        self.calls: list[tuple[str, str]] = []
        self.down = False

    def passwords(self, user: str) -> frozenset[str] | None:
        self._check()
        return self.users[user][1] if user in self.users else None

    def set_user(self, user: str, queue_id: str, hashes: Iterable[str]) -> None:
        self._check()
        self.calls.append(("set", user))
        self.users[user] = (queue_id, frozenset(hashes))

    def end_user(self, user: str) -> None:
        self._check()
        self.calls.append(("end", user))
        self.users.pop(user, None)

    def disconnect(self, user: str) -> None:
        self._check()
        self.calls.append(("disconnect", user))

    def save(self) -> None:
        self._check()
        self.calls.append(("save", ""))

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The queue server does not answer its keeper.")

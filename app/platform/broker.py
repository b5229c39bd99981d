"""Users of the runs Redis: made, changed and ended by whoever holds the keeper's URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from redis import Redis
from redis.exceptions import RedisError

from app.errors import Unavailable
from worker import acl


class Keeper(Protocol):
    """What the product needs of the server that machines log in to."""

    def passwords(self, user: str) -> frozenset[str] | None:
        """Return the hashes a user may log in with; None when there is no such user."""

    def set_user(self, user: str, queue_id: str, hashes: Iterable[str]) -> None:
        """Make a user, or make it the same again: the rules of its queue, these passwords only."""

    def end_user(self, user: str) -> None:
        """Take a user away and close its connections; no error when there is none."""

    def disconnect(self, user: str) -> None:
        """Close the connections of a user, waiting ones too: a change alone leaves them."""

    def save(self) -> None:
        """Keep the users over a restart of the server."""


class RedisKeeper:
    """The runs Redis as its user ``keeper``. Never in a web process: it could make any user.

    Every method raises Unavailable when the server does not answer or refuses.
    """

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, decode_responses=True, socket_timeout=5, socket_connect_timeout=2
        )

    def passwords(self, user: str) -> frozenset[str] | None:
        """See :class:`Keeper`."""
        found = self._ask("ACL", "GETUSER", user)
        if not found:
            return None
        facts = (
            found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))
        )
        return frozenset(facts["passwords"]) if "on" in facts["flags"] else frozenset()

    def set_user(self, user: str, queue_id: str, hashes: Iterable[str]) -> None:
        """See :class:`Keeper`."""
        rules = acl.machine_rules(self._version(), queue_id)
        self._ask("ACL", "SETUSER", user, *acl.with_passwords(hashes), *rules)

    def end_user(self, user: str) -> None:
        """See :class:`Keeper`."""
        self._ask("ACL", "DELUSER", user)

    def disconnect(self, user: str) -> None:
        """See :class:`Keeper`."""
        self._ask("CLIENT", "KILL", "USER", user)

    def save(self) -> None:
        """See :class:`Keeper`."""
        self._ask("ACL", "SAVE")

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()

    def _version(self) -> tuple[int, int]:
        shown = str(self._ask("INFO", "server")["redis_version"])
        major, minor = shown.split(".")[:2]
        return int(major), int(minor)

    def _ask(self, *words: str) -> Any:
        try:
            return self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise Unavailable("The queue server does not answer its keeper.") from error

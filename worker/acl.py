"""What each user of the runs Redis may do: one table for ./run, containers, cron and the tests.

A machine's user reaches the keys of its own queue and nothing else; the app's user only writes, and
asks whether a message still lies where it was put; the keeper makes machines' users, so it could
make any: it is held by cron and the command line alone.

Source: Redis ACL documentation, "Selectors" and "Key permissions".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

SINCE = (7, 0)
"""Selectors and read/write key patterns came with this version."""

_HELLO = ("+info|server", "+ping", "+client|setname")

_APP = (
    "resetchannels", "-@all", *_HELLO, "+multi", "+exec",
    "+discard", "+sadd", "+hset", "+expire", "+rpush", "+lrem", "+llen", "+del", "+publish",
    "%W~rq:job:*", "%W~rq:queue:*", "%W~rq:queues", "&rq:pubsub:*",
    "(+lpos %R~rq:queue:*)",
)  # fmt: skip

_KEEPER = (
    "resetchannels", "-@all", *_HELLO, "+acl|setuser", "+acl|deluser", "+acl|getuser", "+acl|save",
    "+client|kill",
)  # fmt: skip

# Q stands for the queue's id; every other capital letter belongs to the rule language.
_MACHINE = (
    "resetchannels", "-@all", *_HELLO,
    "+multi", "+exec", "+discard", "+watch", "+unwatch",
    "+exists", "+expire", "+persist", "+del", "+set", "+get",
    "+hset", "+hget", "+hgetall", "+hdel", "+hincrby", "+hincrbyfloat",
    "+lmove", "+blmove", "+lrange", "+lrem", "+sadd", "+srem", "+smembers",
    "+zadd", "+zrem", "+zrange", "+zrangebyscore", "+zremrangebyscore",
    "+xadd", "+subscribe", "+unsubscribe",
    "~rq:queue:Q", "~rq:queue:Q:intermediate", "~rq:queue:Q:intermediate:first_seen:Q-*",
    "~rq:job:Q-*", "~rq:execution:Q-*", "~rq:executions:Q-*", "~rq:wip:Q",
    "~rq:worker:Q-*", "~rq:workers:Q",
    "%W~rq:job::Q-*", "%W~rq:results:Q-*", "%W~rq:finished:Q", "%W~rq:failed:Q",
    "%W~rq:clean_registries:Q", "&rq:pubsub:Q-*", "(+exists %R~rq:suspended)",
)  # fmt: skip


def password_hash(password: str) -> str:
    """Return what Redis and the database keep of a password: its SHA-256, 64 hex digits."""
    return hashlib.sha256(password.encode()).hexdigest()


def app_rules(version: tuple[int, int]) -> list[str]:
    """Return the rules of the site's own user, without its password."""
    return [*_APP, *_newer(version)]


def keeper_rules(version: tuple[int, int]) -> list[str]:
    """Return the rules of the user that makes machines' users, without its password."""
    return [*_KEEPER, *_newer(version)]


def machine_rules(version: tuple[int, int], queue_id: str) -> list[str]:
    """Return the rules of a user of one queue, without its password.

    Args:
        queue_id: 4 to 40 of ``a-z0-9``; anything else could be a pattern that reaches further.
    """
    if not (4 <= len(queue_id) <= 40 and queue_id.isascii() and queue_id.isalnum()) or (
        queue_id != queue_id.lower()
    ):
        raise ValueError(f"queue id {queue_id!r} must be 4 to 40 of a-z and 0-9")
    return [*(part.replace("Q", queue_id) for part in _MACHINE), *_newer(version)]


def with_passwords(hashes: Iterable[str]) -> list[str]:
    """Return the rules that switch a user on with these passwords and no other."""
    return ["reset", "on", *(f"#{one}" for one in hashes)]


def _newer(version: tuple[int, int]) -> list[str]:
    # Clients name their library from Redis 7.2 on; older ones refuse a rule they do not know.
    return ["+client|setinfo"] if version >= (7, 2) else []

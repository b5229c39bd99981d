"""What is counted on the way: kept in the private Redis until cron adds it to the database."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Protocol

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.errors import Unavailable
from app.platform.configured import settings

_PATIENCE_S = 0.25
"""A page waits no longer than this for a count."""
_REMEMBERED = timedelta(days=2)
"""A day's list of who was counted is forgotten this long after its last addition."""
_ONCE = """
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
end
"""


class Tally(Protocol):
    """Counters of things by their id."""

    def note(self, counter: str, thing: int, who: str, day: date) -> None:
        """Count somebody's use of a thing, once a day."""

    def take(self, counter: str) -> Mapping[int, int]:
        """Return what was counted since this was asked last, and begin anew."""

    def give_back(self, counter: str, counted: Mapping[int, int]) -> None:
        """Take back what could not be saved."""


class RedisTally:
    """A tally in the private Redis, which every process of the site shares."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S,
            retry=Retry(NoBackoff(), 0), decode_responses=True,
        )  # fmt: skip

    def note(self, counter: str, thing: int, who: str, day: date) -> None:
        """See :class:`Tally`.

        Raises:
            Unavailable: Redis is away.
        """
        seen = f"tally:{counter}:{day.isoformat()}"
        life_s = int(_REMEMBERED.total_seconds())
        try:
            self._redis.eval(_ONCE, 2, seen, _key(counter), f"{thing}:{who}", str(thing), life_s)
        except (RedisError, OSError) as error:
            raise Unavailable("This was not counted.") from error

    def take(self, counter: str) -> Mapping[int, int]:
        """See :class:`Tally`; both halves happen at once, so that nothing is taken twice.

        Raises:
            Unavailable: Redis is away.
        """
        try:
            with self._redis.pipeline(transaction=True) as asked:
                asked.hgetall(_key(counter))
                asked.delete(_key(counter))
                found, _deleted = asked.execute()
        except (RedisError, OSError) as error:
            raise Unavailable("What was counted is added later.") from error
        return {int(thing): int(count) for thing, count in found.items()}

    def give_back(self, counter: str, counted: Mapping[int, int]) -> None:
        """See :class:`Tally`.

        Raises:
            Unavailable: Redis is away; these counts are lost.
        """
        try:
            with self._redis.pipeline(transaction=True) as told:
                for thing, count in counted.items():
                    told.hincrby(_key(counter), str(thing), count)
                told.execute()
        except (RedisError, OSError) as error:
            raise Unavailable("What was counted is lost.") from error


def _key(counter: str) -> str:
    return f"tally:{counter}"


def somebody(named: str, day: date) -> str:
    """Return a name for somebody that tells them apart on one day and says nothing else."""
    secret = settings().secret_key.encode()
    return hmac.digest(secret, f"tally {day.isoformat()} {named}".encode(), hashlib.sha256).hex()[
        :20
    ]


def tally() -> Tally:
    """Return this app's tally."""
    found: Tally = current_app.extensions["plumbline.tally"]
    return found

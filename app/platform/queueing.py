"""Work on its way: runs to the machines' Redis, our own jobs to the private one.

Nothing here reads what a worker can write: the database is the queue, Redis only carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from app.errors import Unavailable
from worker.contract import RUN_FUNCTION

APP_QUEUE = "app"
_RESULT_TTL_S = 0


class Carrier(Protocol):
    """What the product needs of its two queues."""

    def send_run(self, queue_id: str, job_id: str, spec: Mapping[str, Any], timeout_s: int) -> None:
        """Put one attempt on a compute queue."""

    def send_job(self, function: str, *ids: Any) -> None:
        """Put one of our own jobs on the app queue."""

    def depth(self, queue_id: str) -> int:
        """Return how many messages wait on a compute queue."""


class RedisCarrier:
    """The two Redis servers."""

    def __init__(self, private_url: str, runs_url: str) -> None:
        def connect(url: str) -> Redis:
            # A page must not wait for a Redis that is away: the sweeper sends again.
            return Redis.from_url(
                url, socket_timeout=3, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
            )

        self._private = connect(private_url)
        self._runs = connect(runs_url)

    def send_run(self, queue_id: str, job_id: str, spec: Mapping[str, Any], timeout_s: int) -> None:
        """See :class:`Carrier`; the description is the run's id because RQ logs descriptions."""
        with _reachable():
            Queue(queue_id, self._runs, serializer=JSONSerializer).enqueue_call(
                RUN_FUNCTION, args=(dict(spec),), job_id=job_id, timeout=timeout_s,
                result_ttl=_RESULT_TTL_S, failure_ttl=3600, description=f"run {spec['run_id']}",
            )  # fmt: skip

    def send_job(self, function: str, *ids: Any) -> None:
        """See :class:`Carrier`."""
        with _reachable():
            Queue(APP_QUEUE, self._private, serializer=JSONSerializer).enqueue_call(
                function, args=ids, timeout=3600, result_ttl=_RESULT_TTL_S, failure_ttl=86400,
                description=function,
            )  # fmt: skip

    def depth(self, queue_id: str) -> int:
        """See :class:`Carrier`."""
        with _reachable():
            length: int = self._runs.llen(f"rq:queue:{queue_id}")
            return length

    @property
    def private(self) -> Redis:
        """The private connection, for our own job worker."""
        return self._private


class _reachable:  # noqa: N801 - reads as a phrase: with _reachable()
    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RedisError | OSError):
            raise Unavailable("The queue does not answer. Nothing is lost; it is sent later.") from error


def carrier() -> Carrier:
    """Return this app's carrier."""
    found: Carrier = current_app.extensions["plumbline.carrier"]
    return found

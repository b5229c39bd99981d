"""Work on its way: runs to the machines' Redis, our own jobs to the private one.

Nothing here reads what a worker can write: the database is the queue, Redis only carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from app.errors import Unavailable
from worker.contract import RUN_FUNCTION
from worker.guard import SafeJob, SafeQueue, connect

APP_QUEUE = "app"
JOB_TIMEOUT_S = 3600


def _elsewhere(_spec: object) -> None:
    """Stand in for the function that only machines have."""
    raise RuntimeError("the app executes no run")


class RunJob(SafeJob):
    """What the app may put on a compute queue."""

    allowed = {RUN_FUNCTION: _elsewhere}


class AppJob(SafeJob):
    """What may be put on our own queue; ``create_app`` fills the registry."""

    allowed: ClassVar[Mapping[str, Callable[..., Any]]] = {}


class Carrier(Protocol):
    """What the product needs of its two queues."""

    def send_run(self, queue_id: str, job_id: str, spec: Mapping[str, Any], timeout_s: int) -> None:
        """Put one attempt on a compute queue."""

    def send_job(self, function: str, *ids: Any) -> None:
        """Put one of our own jobs on the app queue."""

    def depth(self, queue_id: str) -> int:
        """Return how many messages wait on a compute queue."""

    def holds(self, queue_id: str, job_id: str) -> bool:
        """Return whether a message still waits on a compute queue."""


class RedisCarrier:
    """The two Redis servers."""

    def __init__(self, private_url: str, runs_url: str) -> None:
        def impatient(url: str) -> Redis:
            # A page must not wait for a Redis that is away: the sweeper sends again.
            return Redis.from_url(
                url, socket_timeout=3, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
            )

        self._private_url = private_url
        self._private = impatient(private_url)
        self._runs = impatient(runs_url)

    def send_run(self, queue_id: str, job_id: str, spec: Mapping[str, Any], timeout_s: int) -> None:
        """See :class:`Carrier`; the description is the run's id because RQ logs descriptions."""
        with _reachable():
            SafeQueue(queue_id, self._runs, RunJob).push(
                RUN_FUNCTION, dict(spec), job_id=job_id, timeout_s=timeout_s,
                description=f"run {spec['run_id']}",
            )  # fmt: skip

    def send_job(self, function: str, *ids: Any) -> None:
        """See :class:`Carrier`."""
        with _reachable():
            SafeQueue(APP_QUEUE, self._private, AppJob).push(
                function, *ids, description=function, timeout_s=JOB_TIMEOUT_S
            )

    def depth(self, queue_id: str) -> int:
        """See :class:`Carrier`."""
        with _reachable():
            length: int = self._runs.llen(f"rq:queue:{queue_id}")
            return length

    def holds(self, queue_id: str, job_id: str) -> bool:
        """See :class:`Carrier`."""
        with _reachable():
            try:
                return self._runs.lpos(f"rq:queue:{queue_id}", job_id) is not None
            except ResponseError as error:
                # A machine can spoil its own queue's key; that must not keep others from an answer.
                if str(error).startswith("WRONGTYPE"):
                    return False
                raise

    def private_for_worker(self) -> Redis:
        """Return a patient connection to the private Redis, for our own job worker."""
        return connect(self._private_url)


class _reachable:
    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RedisError | OSError):
            raise Unavailable(
                "The queue does not answer. Nothing is lost; it is sent later."
            ) from error


def carrier() -> Carrier:
    """Return this app's carrier."""
    found: Carrier = current_app.extensions["plumbline.carrier"]
    return found

"""Job, queue and worker classes for a Redis that is shared and not trusted.

Stock RQ imports and calls any dotted name that it finds in a job, its callbacks or its registries.
These classes run what a registry names and refuse everything else. They serve the compute queues
(one function) and the app's own jobs (a registry); they know nothing of either.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn
from uuid import uuid4

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError, TimeoutFormatError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import current_timestamp
from rq.utils import now as rq_now

log = logging.getLogger("worker.guard")

MAX_DATA_BYTES = 64 * 1024
"""The largest call (function and arguments, as JSON) that a job may carry."""
QUEUE_NAME = re.compile(r"[a-z0-9]{3,40}")
"""No ``-``, ``:`` or glob character: a name that is a prefix or pattern of another opens it."""
STUCK_S = 60
"""How long an id may lie on the intermediate list before it is dropped."""

_WORKER_TTL_S = 60
"""Also bounds how long a call to a silent Redis may hang: this, less 5 s."""
_OUTAGE = (RedisConnectionError, RedisTimeoutError)
_CALLED_BY_RQ = (
    "success_callback_name", "failure_callback_name", "stopped_callback_name", "webhooks",
    "dependency_id", "dependency_ids", "group_id", "meta", "result", "retries_left",
    "retry_intervals", "number_of_retries", "repeats_left", "repeat_intervals",
)  # fmt: skip
"""Fields that make RQ import, fetch, enqueue or deserialize something else."""
_KEPT = frozenset({
    "created_at", "data", "origin", "description", "enqueued_at", "started_at", "ended_at",
    "last_heartbeat", "worker_name", "timeout", "result_ttl", "failure_ttl", "status", "ttl",
})  # fmt: skip
"""Fields that RQ may read; every other one is left out before it sees them."""


_UNREADABLE = (
    ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError,
    AssertionError, TimeoutFormatError,
)  # fmt: skip
"""What RQ raises on fields of the wrong form; anything that escaped would end the worker."""


class Refused(NoSuchJobError):
    """A job that does not follow the rules; RQ treats it as one that is not there."""


class SafeJob(Job):
    """A job that can only call what ``allowed`` names, with JSON arguments and nothing attached."""

    allowed: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    """The registry: dotted name to callable. Subclasses set it."""

    def __init__(
        self, id: str | None = None, connection: Redis | None = None, serializer: object = None
    ) -> None:
        super().__init__(id, connection, JSONSerializer)

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read what Redis holds, refusing whatever is not a plain, allowed call.

        Raises:
            Refused: says which rule the job breaks.
        """
        try:
            fields = {bytes(key).decode(): bytes(value) for key, value in raw_data.items()}
            call = _checked_call(self.id, fields, self.allowed)
            kept = {name.encode(): value for name, value in fields.items() if name in _KEPT}
            super().restore({**kept, b"data": call})
        except _UNREADABLE as error:
            raise Refused(f"job {self._id!r} is unreadable: {type(error).__name__}") from error

    @property
    def func(self) -> Callable[..., Any]:
        """The callable of the registry; nothing is imported by name."""
        return self.allowed[str(self.func_name)]


def _checked_call(job_id: str, fields: Mapping[str, bytes], allowed: Iterable[str]) -> bytes:
    """Return a job's call as JSON text once every rule holds."""
    attached = [name for name in _CALLED_BY_RQ if fields.get(name)]
    if attached:
        raise Refused(f"job {job_id!r} carries {attached[0]}")
    origin = fields.get("origin", b"").decode()
    if not QUEUE_NAME.fullmatch(origin) or not job_id.startswith(f"{origin}-"):
        raise Refused(f"job {job_id!r} does not belong to queue {origin!r}")
    text = _inflated(job_id, fields["data"])
    call = json.loads(text)
    if not isinstance(call, list) or len(call) != 4:
        raise Refused(f"job {job_id!r} is not a call")
    function, instance, args, kwargs = call
    if not isinstance(function, str) or function not in allowed:
        raise Refused(f"job {job_id!r} names a function that is not allowed")
    if instance is not None or not isinstance(args, list) or not isinstance(kwargs, dict):
        raise Refused(f"job {job_id!r} is not a plain call")
    return text


def _inflated(job_id: str, data: bytes) -> bytes:
    if len(data) > MAX_DATA_BYTES:
        raise Refused(f"job {job_id!r} is too large")
    if data[:1] == b"[":
        return data
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_DATA_BYTES + 1)
    except zlib.error as error:
        raise Refused(f"job {job_id!r} is neither JSON nor zlib") from error
    # A second layer would be inflated once more, without a bound, by RQ itself.
    if len(text) > MAX_DATA_BYTES or not inflater.eof or text[:1] != b"[":
        raise Refused(f"job {job_id!r} is too large or not JSON")
    return text


class SafeQueue(Queue):
    """A queue of :class:`SafeJob`; ids that are not its own, or refused, are dropped and logged."""

    job_class: type[SafeJob] = SafeJob

    def __init__(
        self,
        name: str,
        connection: Redis,
        job_class: type[SafeJob] | None = None,
        **options: Any,
    ) -> None:
        if not QUEUE_NAME.fullmatch(name):
            raise ValueError(f"the queue name {name!r} does not match {QUEUE_NAME.pattern}")
        options["serializer"] = JSONSerializer
        super().__init__(name, connection, job_class=job_class or self.job_class, **options)

    def push(
        self,
        function: str,
        *args: Any,
        description: str,
        timeout_s: int,
        job_id: str | None = None,
    ) -> str:
        """Put one call on the queue.

        Args:
            function: a name of the registry.
            args: anything JSON can say.
            description: what RQ may log; never the arguments, which hold secrets.
            timeout_s: RQ interrupts the call after this, and kills it a minute later.
            job_id: starts with the queue's name and ``-``; made when absent.

        Returns:
            The job's id.
        """
        job_id = job_id or f"{self.name}-{uuid4().hex}"
        if function not in self.job_class.allowed or not job_id.startswith(f"{self.name}-"):
            raise ValueError(f"{function} as {job_id} would be refused by the worker")
        self.enqueue_call(
            function, args=args, job_id=job_id, timeout=timeout_s, description=description,
            result_ttl=0, failure_ttl=3600,
        )  # fmt: skip
        return job_id

    def enqueue_dependents(self, job: Job, *_: Any, **__: Any) -> None:
        """Do nothing: a dependent is a way onto another queue."""

    @classmethod
    def dequeue_any(
        cls,
        queues: Iterable[Queue],
        timeout: int | None,
        connection: Redis,
        job_class: type[Job] | None = None,
        serializer: Any = None,
        death_penalty_class: Any = None,
    ) -> tuple[Job, Queue] | None:
        """Take the next acceptable job of the one queue, dropping every other id on the way."""
        (queue,) = queues
        while True:
            moved = cls.lmove(connection, queue.key, timeout)
            if moved is None:
                return None
            raw_id = bytes(moved[1])
            try:
                job = queue.job_class.fetch(raw_id.decode(), connection=connection)
                if job.origin != queue.name:
                    raise Refused(f"job {job.id!r} is of another queue")
            except (NoSuchJobError, ResponseError, ValueError, TypeError) as error:
                # A foreign id answers NoPermission, a key of another type WRONGTYPE.
                log.warning("queue.job_dropped", extra={"data": {"why": str(error)[:200]}})
                _raw(queue).lrem(queue.intermediate_queue_key, 0, raw_id)
                continue
            return job, queue


class SafeWorker(Worker):
    """A worker of exactly one :class:`SafeQueue` that outlives Redis outages and leaves no orphan.

    It touches no key outside its queue's namespace, so that one Redis user per queue can be
    limited to it. The child dies with its parent.
    """

    max_connection_wait_time = 5.0

    def __init__(self, queue: SafeQueue, name: str, **options: Any) -> None:
        if not name.startswith(f"{queue.name}-"):
            raise ValueError(f"the worker name {name!r} must start with {queue.name}-")
        self.redis_workers_keys = f"rq:workers:{queue.name}"  # never the set of all workers
        super().__init__(
            [queue], name=name, connection=queue.connection, queue_class=type(queue),
            job_class=queue.job_class, serializer=JSONSerializer, log_job_description=False,
            worker_ttl=_WORKER_TTL_S, **options,
        )  # fmt: skip
        self.stopping = False
        self._parent_pid = os.getpid()
        self._horse_status: int | None = 0

    @property
    def queue(self) -> SafeQueue:
        """The one queue."""
        queue = self.queues[0]
        assert isinstance(queue, SafeQueue)  # noqa: S101 - what __init__ was given
        return queue

    def on_horse_lost(self, job: Job) -> None:
        """Clean up after a work horse that did not end by itself. Subclasses may."""

    def _set_ip_address(self, connection: Redis) -> None:
        connection.client_setname(self.name)
        self.ip_address = "unknown"  # CLIENT LIST would show every other client

    def check_for_suspension(self, burst: bool) -> None:
        """Do nothing: the suspension flag is one key for all queues."""

    def run_maintenance_tasks(self) -> None:
        """Drop what crashed workers left on this queue; nothing is fetched, called or retried.

        The app's database decides what happens to a lost job, so dropping is all there is to do.
        """
        queue, now = self.queue, current_timestamp()
        with _outage_tolerated("maintenance"):
            if queue.acquire_maintenance_lock():
                try:
                    _drop_stuck(queue)
                    for registry in ("wip", "finished", "failed"):
                        self.connection.zremrangebyscore(f"rq:{registry}:{queue.name}", 0, now)
                    _drop_dead_workers(queue)
                finally:
                    queue.release_maintenance_lock()  # type: ignore[no-untyped-call]
            self.last_cleaned_at = rq_now()  # type: ignore[assignment]

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log that a job crashed; stock RQ logs its arguments too, which hold tokens."""
        log.error("job.crashed", exc_info=exc_info, extra={"data": {"job_id": job.id}})

    def main_work_horse(self, job: Job, queue: Queue) -> NoReturn:
        """Run the job in the child, tied to the parent's life."""
        die_with_parent(self._parent_pid)
        super().main_work_horse(job, queue)
        os._exit(1)  # unreachable: RQ leaves by os._exit

    def wait_for_horse(self) -> tuple[Any, Any, Any]:
        """Remember how the child ended."""
        pid, status, usage = super().wait_for_horse()
        self._horse_status = status
        return pid, status, usage

    def handle_warm_shutdown_request(self) -> None:
        """Remember that the end of the work loop is wanted."""
        self.stopping = True
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job; an outage of Redis neither ends the worker nor the job."""
        self._horse_status = 0
        with _outage_tolerated("execute"):
            super().execute_job(job, queue)
        if self._horse_status != 0:
            self.on_horse_lost(job)

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job through timeouts as well as refused connections."""
        while True:
            try:
                return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
            except _OUTAGE as error:
                data = {"during": "dequeue", "why": str(error)[:200]}
                log.warning("redis.away", extra={"data": data})
                time.sleep(1)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that this worker lives, if anybody hears it."""
        with _outage_tolerated("heartbeat"):
            super().heartbeat(timeout, pipeline)

    def maintain_heartbeats(self, job: Job) -> None:
        """Extend the job's registration; the app's lease does not depend on it."""
        with _outage_tolerated("heartbeat"):
            super().maintain_heartbeats(job)

    def set_current_job_working_time(
        self, current_job_working_time: float, pipeline: Any = None
    ) -> None:
        """Note how long the job has run."""
        with _outage_tolerated("working_time"):
            super().set_current_job_working_time(current_job_working_time, pipeline)

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Note what this worker does."""
        with _outage_tolerated("state"):
            super().set_state(state, pipeline)

    def set_shutdown_requested_date(self) -> None:
        """Do nothing: this runs inside a signal handler, where Redis must not be waited for."""

    def register_death(self) -> None:
        """Sign off, if anybody hears it."""
        with _outage_tolerated("death"):
            super().register_death()  # type: ignore[no-untyped-call]


def connect(url: str) -> Redis:
    """Return a client for a worker: blocking pops outlast the socket's patience, not for ever."""
    return Redis.from_url(
        url, socket_connect_timeout=5, socket_keepalive=True, health_check_interval=30,
        driver_info=None,  # CLIENT SETINFO is not granted, and nobody needs it
    )  # fmt: skip


def worker_name(queue: str, machine: str) -> str:
    """Return ``<queue>-<machine>-<random>``, with what Redis key patterns cannot take left out."""
    return f"{queue}-{re.sub(r'[^A-Za-z0-9_]+', '_', machine)[:40] or 'machine'}-{uuid4().hex[:8]}"


def die_with_parent(parent_pid: int) -> None:
    """Make the kernel kill this process when the thread that forked it ends (Linux only)."""
    if sys.platform != "linux":
        return
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # the parent was gone before the call above
        os._exit(1)


def _drop_stuck(queue: SafeQueue) -> None:
    """Empty the intermediate list of what is foreign, gone, or has lain there for a minute."""
    waiting, redis = queue.intermediate_queue, _raw(queue)
    for raw_id in redis.lrange(waiting.key, 0, -1):
        job_id = raw_id.decode(errors="replace")
        ours = job_id.startswith(f"{queue.name}-") and len(job_id) < 200
        if ours and (waiting.set_first_seen(job_id) or not waiting.should_be_cleaned_up(job_id)):
            continue
        redis.lrem(waiting.key, 0, raw_id)


def _drop_dead_workers(queue: SafeQueue) -> None:
    key, prefix = f"rq:workers:{queue.name}", f"rq:worker:{queue.name}-".encode()
    redis = _raw(queue)
    for member in redis.smembers(key):
        if not member.startswith(prefix) or not redis.exists(member):
            redis.srem(key, member)


def _raw(queue: Queue) -> Any:
    """Return the client as what it is here: one that answers, and takes, bytes."""
    return queue.connection


@contextmanager
def _outage_tolerated(during: str) -> Iterator[None]:
    try:
        yield
    except _OUTAGE as error:
        log.warning("redis.away", extra={"data": {"during": during, "why": str(error)[:200]}})

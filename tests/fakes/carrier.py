"""Two queues that only remember, for the fast tier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import Unavailable


class FakeCarrier:
    """Remembers what was sent; ``down`` makes it behave as a Redis that is away."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str, dict[str, Any]]] = []
        self.jobs: list[tuple[str, tuple[Any, ...]]] = []
        self.down = False

    def send_run(self, queue_id: str, job_id: str, spec: Mapping[str, Any], timeout_s: int) -> None:
        self._check()
        self.runs.append((queue_id, job_id, dict(spec)))

    def send_job(self, function: str, *ids: Any) -> None:
        self._check()
        self.jobs.append((function, ids))

    def depth(self, queue_id: str) -> int:
        self._check()
        return sum(1 for queue, _, _ in self.runs if queue == queue_id)

    def holds(self, queue_id: str, job_id: str) -> bool:
        self._check()
        return any((queue, job) == (queue_id, job_id) for queue, job, _ in self.runs)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The queue does not answer. Nothing is lost; it is sent later.")

"""The bare loop to compare with, and what the engine itself says of containers."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from types import TracebackType

from docker import DockerClient
from requests.exceptions import RequestException

from tests.bench.benchmark import PROGRAM

_PATIENCE_S = 10.0
_SILENCE_S = 3600


class BareLoop:
    """Create, start, wait for and remove containers, one after the other, with no platform."""

    def __init__(self, host: str, image: str) -> None:
        self._client = DockerClient(base_url=host, timeout=60)
        self._image = image

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def once(self) -> float:
        """Run one container with the flags of a run; return the seconds it took in all."""
        began = time.perf_counter()
        container = self._client.containers.create(
            self._image, ["python3", "-c", PROGRAM], network_mode="none", read_only=True,
            cap_drop=["ALL"], security_opt=["no-new-privileges"], mem_limit="4g", pids_limit=128,
        )  # fmt: skip
        container.start()
        container.wait()
        container.remove()
        return time.perf_counter() - began

    def many(self, count: int) -> float:
        """Run so many in a row; return the seconds they took together."""
        return sum(self.once() for _ in range(count))


@dataclass
class Ran:
    """When the container of a run started and died, by the engine's clock (seconds since 1970)."""

    started: float = 0.0
    died: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.died - self.started


class EngineEvents:
    """Listens to an engine's events about the containers of runs; a context manager."""

    def __init__(self, host: str) -> None:
        self._client = DockerClient(base_url=host, timeout=_SILENCE_S)
        self._stream = self._client.events(decode=True, filters={"label": "plumbline=run"})
        self._ran: dict[int, Ran] = {}
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> EngineEvents:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        with closing(self._client):
            self._stream.close()

    def of_run(self, run_id: int) -> Ran:
        """Return when the container of a run started and died; waits until it has.

        Raises:
            TimeoutError: the engine never said so.
        """
        with self._changed:
            over = self._changed.wait_for(
                lambda: run_id in self._ran and self._ran[run_id].died, _PATIENCE_S
            )
            if not over:
                raise TimeoutError(f"the engine said nothing of the container of run {run_id}")
            return self._ran[run_id]

    def _listen(self) -> None:
        with suppress(RequestException, OSError, ValueError):  # how a closed stream ends
            for event in self._stream:
                if event.get("Action") in ("start", "die"):
                    self._note(event)

    def _note(self, event: dict[str, object]) -> None:
        actor = event["Actor"]
        assert isinstance(actor, dict)
        run_id, seconds = (
            int(actor["Attributes"]["plumbline.run"]),
            int(str(event["timeNano"])) / 1e9,
        )
        with self._changed:
            ran = self._ran.setdefault(run_id, Ran())
            if event["Action"] == "start":
                ran.started = seconds
            else:
                ran.died = seconds
            self._changed.notify_all()

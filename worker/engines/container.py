"""One container of a Docker or Podman socket, from its start to its removal."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from urllib3.exceptions import HTTPError

from worker.engines import Ended, OnOutput, Usage
from worker.engines.images import daemon_failure
from worker.engines.outside import KILLED_CODES, STARVED, TOLD, engine_says, oom_kills
from worker.logs import event

log = logging.getLogger("worker.engines.container")

_FRAME_HEAD = struct.Struct(">BxxxL")
"""Before each piece of output: the channel, and how many bytes follow."""
_STDERR = 2


class Container:
    """One container; a thread of its own drains its output to the end, whatever happens.

    Args:
        tells_oom: whether the engine says that a container met its limit of memory.
    """

    def __init__(
        self,
        client: APIClient,
        container: str,
        on_output: OnOutput,
        on_exit: Callable[[], None],
        *,
        tells_oom: bool,
    ) -> None:
        self._client, self._id = client, container
        self._on_output, self._on_exit = on_output, on_exit
        self._tells_oom = tells_oom
        self._oom_kills = oom_kills()
        self._ended: Ended | None = None

    def start(self) -> None:
        """Attach first, then start, so that not a byte is missed."""
        try:
            stream = self._attach()
            self._client.start(self._id)
        except APIError as error:
            self._ended = Ended(-1, problem=str(error.explanation))
            self._on_exit()
            return
        except requests.RequestException as error:
            raise daemon_failure(error) from error
        threading.Thread(target=self._follow, args=(stream,), daemon=True, name="drain").start()

    def _attach(self) -> requests.Response:
        # The SDK's own attach leaves its socket to the garbage collector. Without an upgrade the
        # daemon answers with a body that lasts as long as the container.
        client = self._client
        url = f"{client.base_url}/v{client.api_version}/containers/{self._id}/attach"
        wanted = {"stdout": "1", "stderr": "1", "stream": "1"}
        stream = client.post(url, params=wanted, stream=True, timeout=None)
        stream.raise_for_status()
        return stream

    def _follow(self, stream: requests.Response) -> None:
        try:
            while len(head := stream.raw.read(_FRAME_HEAD.size)) == _FRAME_HEAD.size:
                channel, length = _FRAME_HEAD.unpack(head)
                self._on_output(channel == _STDERR, stream.raw.read(length))
        except (OSError, HTTPError) as error:
            event(log, "container.stream_lost", why=str(error))
        finally:
            stream.close()
        try:
            self._client.wait(self._id)
            self._ended = self._how(self._client.inspect_container(self._id)["State"])
        except (DockerException, requests.RequestException, HTTPError) as error:
            self._ended = Ended(-1, problem=f"the container engine lost it: {type(error).__name__}")
        self._on_exit()

    def _how(self, state: Mapping[str, Any]) -> Ended:
        began, ended = _instant(state["StartedAt"]), _instant(state["FinishedAt"])
        code, problem = int(state["ExitCode"]), str(state.get("Error") or "")
        starved, outside = bool(state.get("OOMKilled")), ""
        if code in KILLED_CODES and not starved:
            starved, outside = self._proof(began, ended)
        seconds = max((ended - began).total_seconds(), 0.0)
        return Ended(code, seconds, starved, problem, outside)

    def _proof(self, began: datetime, ended: datetime) -> tuple[bool, str]:
        """Return whether it met its limit of memory, and what ended it from outside."""
        told, somebody_starved = engine_says(self._client, self._id, began, ended)
        if told:
            return False, TOLD
        if oom_kills() == self._oom_kills:
            return False, ""
        if not self._tells_oom:
            return True, ""
        # A container that met its own limit counts there, too; this one did not, or it would say so.
        return False, "" if somebody_starved else STARVED

    def ended(self) -> Ended | None:
        """See :class:`worker.engines.Running`."""
        return self._ended

    def usage(self) -> Usage | None:
        """See :class:`worker.engines.Running`."""
        try:
            found = self._client.stats(self._id, stream=False, one_shot=True)
        except (DockerException, requests.RequestException):
            return None
        return _usage(found)

    def kill(self) -> None:
        """See :class:`worker.engines.Running`."""
        try:
            self._client.kill(self._id)
        except (DockerException, requests.RequestException) as error:
            if self._ended is None:
                event(log, "container.kill_failed", why=str(error)[:200])

    def remove(self) -> None:
        """See :class:`worker.engines.Running`."""
        remove(self._client, self._id)


def _usage(stats: Mapping[str, Any]) -> Usage | None:
    """Read the engine's figures, whichever control groups they come from."""
    memory = stats.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    details = memory.get("stats") or {}
    # Files that were read and could be forgotten are no need of the program.
    cached = details.get("total_inactive_file", details.get("inactive_file", 0))
    cpu = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage", 0)
    used = max(0, int(memory["usage"]) - int(cached))
    return Usage(cpu / 1e9, used, int(memory.get("max_usage") or 0))


def _instant(text: str) -> datetime:
    # Nanoseconds are more than datetime reads.
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6]:0<6}+00:00")


def remove(client: APIClient, container: str) -> None:
    """Take a container away, whatever it is doing; one that is gone already is no error."""
    try:
        client.remove_container(container, force=True, v=True)
    except NotFound:
        return
    except (DockerException, requests.RequestException) as error:
        event(log, "container.remove_failed", why=str(error)[:200])

"""Docker and Podman, through the API socket that both speak."""

from __future__ import annotations

import logging
import os
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.types import DeviceRequest, LogConfig, Ulimit
from urllib3.exceptions import HTTPError

from worker.contract import Blame
from worker.engines import (
    SHIM_FOLDER,
    Ended,
    OnOutput,
    Owner,
    Plan,
    Running,
    Usage,
    give_to,
    open_to_all,
    run_uid,
    seccomp,
)
from worker.engines.images import Images, daemon_failure
from worker.engines.view import shares_mounts
from worker.errors import EngineUnavailable, RunFailed
from worker.limits import MAX_ENTRIES
from worker.logs import event

log = logging.getLogger("worker.engines.docker")

LABEL = "plumbline"
_CALL_TIMEOUT_S = 60
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FRAME_HEAD = struct.Struct(">BxxxL")
"""Before each piece of output: the channel, and how many bytes follow."""
_STDERR = 2


class DockerEngine:
    """Containers of a Docker or Podman socket.

    Args:
        socket: its URL, e.g. ``unix:///run/docker.sock``.
        shims: a folder that holds ``python``; mounted read-only at the end of PATH.
        rules: (pattern, image) pairs that replace image names; the first match wins.
        pull_policy: ``missing``, ``always`` or ``never``.
        gpus: "", ``all`` or a CDI device name.
    """

    trusted_only = False

    def __init__(
        self,
        socket: str,
        owner: Owner,
        shims: Path,
        *,
        rules: Iterable[tuple[str, str]] = (),
        pull_policy: str = "missing",
        gpus: str = "",
    ) -> None:
        self._socket, self._owner, self._shims = socket, owner, shims
        self._source, self._gpus = Images(rules, pull_policy), gpus
        self._images: dict[str, dict[str, Any]] = {}
        self._connected: tuple[int, APIClient] | None = None
        if not os.path.exists(socket.removeprefix("unix://")) and socket.startswith("unix://"):
            raise EngineUnavailable(f"{socket} does not exist.")
        try:
            with closing(APIClient(base_url=socket, timeout=5)) as client:
                self._version, info = client.version(), client.info()
        except (DockerException, requests.RequestException) as error:
            raise EngineUnavailable(f"{socket} does not answer: {error}") from error
        self._api_version = str(self._version["ApiVersion"])
        security = " ".join(info.get("SecurityOptions") or [])
        parts = " ".join(str(part.get("Name")) for part in self._version.get("Components") or [])
        self.name = "podman" if "podman" in parts.lower() else "docker"
        self._rootless = "rootless" in security
        self.sees_mounts = shares_mounts(socket)
        self._profile = seccomp.profile()
        if self.name == "podman":
            self._profile = str(seccomp.write_profile(shims.with_name("seccomp.json")))

    @property
    def client(self) -> APIClient:
        """The API client of this process: a forked child must not share its parent's sockets."""
        pid = os.getpid()
        if self._connected is None or self._connected[0] != pid:
            client = APIClient(
                base_url=self._socket, version=self._api_version, timeout=_CALL_TIMEOUT_S
            )
            self._connected = (pid, client)
        return self._connected[1]

    def close(self) -> None:
        """Close this process's connections."""
        if self._connected is not None:
            self._connected[1].close()
            self._connected = None

    def prepare(self, image: str) -> str:
        """See :class:`worker.engines.Engine`."""
        found = self._images[image] = self._source.find(self.client, image)
        digests = found.get("RepoDigests") or []
        return str(digests[0] if digests else found["Id"])

    def misfit(self, image: str) -> str:
        """See :class:`worker.engines.Engine`."""
        made_for = str(self._images[image].get("Architecture") or "")
        here = str(self._version.get("Arch") or "")
        if not made_for or not here or made_for == here:
            return ""
        return (
            f"the image {image} is made for {made_for} processors, and this machine has {here}. "
            "Name an image for both, or a queue whose machines fit."
        )

    def prefix(self, scratch: Path) -> str:
        """See :class:`worker.engines.Engine`."""
        return ""

    def give(self, folder: Path, *, image_user: bool) -> None:
        """See :class:`worker.engines.Engine`."""
        uid = run_uid()
        if image_user:
            open_to_all(folder)
        elif uid is not None:
            give_to(folder, uid)

    def start(self, plan: Plan, on_output: OnOutput, on_exit: Callable[[], None]) -> Running:
        """See :class:`worker.engines.Engine`."""
        try:
            container = str(self.client.create_container(**self._config(plan))["Id"])
        except APIError as error:
            raise RunFailed(
                f"The container of the {plan.role.replace('_', ' ')} could not be made: "
                f"{error.explanation}.",
                Blame.PLATFORM,
            ) from error
        except requests.RequestException as error:
            raise daemon_failure(error) from error
        running = _DockerRunning(self.client, container, on_output, on_exit)
        running.start()
        return running

    def _config(self, plan: Plan) -> dict[str, Any]:
        image = self._images[plan.image]
        return {
            "image": image["Id"],
            "command": list(plan.argv),
            "working_dir": "/app/program",
            "environment": self._environment(image),
            "user": None if plan.image_user else self._user(),
            "labels": {
                LABEL: "run",
                f"{LABEL}.run": str(plan.run_id),
                f"{LABEL}.attempt": str(plan.attempt),
                f"{LABEL}.role": plan.role,
                f"{LABEL}.machine": self._owner.machine,
                f"{LABEL}.worker": self._owner.worker,
            },
            "host_config": self.client.create_host_config(**self._host_config(plan)),
        }

    def _user(self) -> str:
        # Root of a rootless engine is the worker's own user outside, and nobody special inside.
        uid = run_uid() or (0 if self._rootless else os.getuid())
        gid = uid if run_uid() or self._rootless else os.getgid()
        return f"{uid}:{gid}"

    def _environment(self, image: Mapping[str, Any]) -> dict[str, str]:
        given = dict(
            pair.split("=", 1)
            for pair in (image.get("Config") or {}).get("Env") or []
            if "=" in pair
        )
        path = given.get("PATH") or _DEFAULT_PATH
        return {
            "PATH": f"{path}:{SHIM_FOLDER}",
            "HOME": "/tmp",  # noqa: S108 - a tmpfs of this container alone
            "TMPDIR": "/tmp",  # noqa: S108
            "PYTHONUNBUFFERED": "1",
        }

    def _host_config(self, plan: Plan) -> dict[str, Any]:
        binds = [
            f"{one.source}:{one.target}:{'rw' if one.writable else 'ro'}" for one in plan.mounts
        ]
        memory = plan.memory_mib * 2**20
        config: dict[str, Any] = {
            "binds": [*binds, f"{self._shims}:{SHIM_FOLDER}:ro"],
            "network_mode": "bridge" if plan.network else "none",
            "read_only": not plan.writable_root,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges", f"seccomp={self._profile}"],
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": int(plan.cpus * 1e9),
            "pids_limit": plan.pids,
            "shm_size": "64m",
            "ipc_mode": "private",
            "init": True,
            "ulimits": [
                Ulimit(name="nofile", soft=1024, hard=4096),
                Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="fsize", soft=_file_bytes(plan), hard=_file_bytes(plan)),
            ],
            "tmpfs": {"/tmp": self._tmp_options(plan)},  # noqa: S108
            "log_config": LogConfig(type="none"),  # the attached stream is the only reader
        }
        if self._gpus:
            config["device_requests"] = [_gpu_request(self._gpus)]
        return config

    def _tmp_options(self, plan: Plan) -> str:
        # A program that has the whole container may also run what it writes to /tmp.
        execute = "exec" if plan.writable_root else "noexec"
        # Podman refuses to count files.
        files = "" if self.name == "podman" else f",nr_inodes={MAX_ENTRIES}"
        return f"rw,nosuid,nodev,{execute},size={_tmp_mib(plan)}m{files},mode=1777"

    def remove_attempt(self, run_id: int, attempt: int) -> int:
        """See :class:`worker.engines.Engine`."""
        found = self._labelled(worker=self._owner.worker, run=str(run_id), attempt=str(attempt))
        for container in found:
            _remove(self.client, container["Id"])
        return len(found)

    def sweep(self, is_alive: Callable[[str], bool]) -> int:
        """See :class:`worker.engines.Engine`."""
        dead = [
            container
            for container in self._labelled(machine=self._owner.machine)
            if not is_alive(container["Labels"].get(f"{LABEL}.worker", ""))
        ]
        for container in dead:
            _remove(self.client, container["Id"])
        return len(dead)

    def _labelled(self, **labels: str) -> list[dict[str, Any]]:
        wanted = [f"{LABEL}=run", *(f"{LABEL}.{name}={value}" for name, value in labels.items())]
        return list(self.client.containers(all=True, filters={"label": wanted}))

    def details(self) -> dict[str, Any]:
        """See :class:`worker.engines.Engine`."""
        version = str(self._version.get("Version", ""))
        ignored = self.name == "podman" and self._gpus
        warning = "the socket of Podman may ignore that GPUs are asked for" if ignored else ""
        return {
            "version": version, "socket": self._socket, "rootless": self._rootless,
            "gpus": self._gpus, "warning": warning,
        }  # fmt: skip


class _DockerRunning:
    """One container; a thread of its own drains its output to the end, whatever happens."""

    def __init__(
        self, client: APIClient, container: str, on_output: OnOutput, on_exit: Callable[[], None]
    ) -> None:
        self._client, self._id = client, container
        self._on_output, self._on_exit = on_output, on_exit
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
            self._ended = _how(self._client.inspect_container(self._id)["State"])
        except (DockerException, requests.RequestException) as error:
            self._ended = Ended(-1, problem=f"the container engine lost it: {type(error).__name__}")
        self._on_exit()

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
        _remove(self._client, self._id)


def _how(state: Mapping[str, Any]) -> Ended:
    seconds = (_instant(state["FinishedAt"]) - _instant(state["StartedAt"])).total_seconds()
    problem = str(state.get("Error") or "")
    code = int(state["ExitCode"])
    return Ended(code, max(seconds, 0.0), bool(state.get("OOMKilled")), problem)


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


def _remove(client: APIClient, container: str) -> None:
    try:
        client.remove_container(container, force=True, v=True)
    except NotFound:
        return
    except (DockerException, requests.RequestException) as error:
        event(log, "container.remove_failed", why=str(error)[:200])


def _file_bytes(plan: Plan) -> int:
    return (plan.output_mib + 64) * 2**20  # a little more, so that the watch sees it first


def _tmp_mib(plan: Plan) -> int:
    return max(64, plan.memory_mib // 4)


def _gpu_request(gpus: str) -> DeviceRequest:
    if gpus == "all":
        return DeviceRequest(count=-1, capabilities=[["gpu"]])
    return DeviceRequest(driver="cdi", device_ids=[gpus])

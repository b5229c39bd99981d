"""Docker and Podman, through the API socket that both speak."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker.errors import APIError, DockerException
from docker.types import DeviceRequest, LogConfig, Ulimit

from worker.command import Role
from worker.contract import Blame
from worker.engines import (
    SHIM_FOLDER,
    OnOutput,
    Owner,
    Plan,
    Running,
    give_to,
    open_to_all,
    run_uid,
    seccomp,
)
from worker.engines.container import Container, remove
from worker.engines.images import Images, daemon_failure
from worker.engines.loopback import NOWHERE, Loopbacks
from worker.engines.pulled import Pulled
from worker.engines.view import shares_mounts
from worker.errors import EngineUnavailable, RunFailed
from worker.limits import MAX_ENTRIES

log = logging.getLogger("worker.engines.docker")

LABEL = "plumbline"
_CALL_TIMEOUT_S = 60
_BESIDE = (Role.PREDICTION_INGESTION, Role.SCORING_INGESTION)
"""Runs at the same time as another program of its run."""
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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
        self._gpus = gpus
        self._source = Images(rules, pull_policy, Pulled(shims.with_name("images")))
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
        self._loopbacks = Loopbacks(
            f"plumbline-{owner.worker}", {LABEL: "loopback", **self._mine()},
            str(self._version.get("Arch") or ""),
        )  # fmt: skip
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
        """See :class:`worker.engines.Engine`."""
        with suppress(DockerException, requests.RequestException):
            for container in self._labelled("loopback", worker=self._owner.worker):
                remove(self.client, container["Id"])
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
        running = Container(
            self.client, container, on_output, on_exit, tells_oom=self.name == "docker"
        )
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
                **self._mine(),
            },
            "host_config": self.client.create_host_config(**self._host_config(plan)),
        }

    def _mine(self) -> dict[str, str]:
        return {
            f"{LABEL}.machine": self._owner.machine,
            f"{LABEL}.worker": self._owner.worker,
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
            "network_mode": "bridge" if plan.network else self._nowhere(plan),
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

    def _nowhere(self, plan: Plan) -> str:
        # Programs that join a network write to its /etc/hosts, where they may write at all.
        if plan.writable_root or self.name == "podman":
            return NOWHERE
        is_beside = plan.role in _BESIDE
        ready = self._loopbacks.network(self.client, "beside" if is_beside else "main")
        # A program that was killed and has not ended is met by nobody.
        return NOWHERE if ready != NOWHERE and self._is_at_work(is_beside) else ready

    def _is_at_work(self, is_beside: bool) -> bool:
        mine = self._labelled("run", is_running=True, worker=self._owner.worker)
        return any((one["Labels"].get(f"{LABEL}.role") in _BESIDE) == is_beside for one in mine)

    def _tmp_options(self, plan: Plan) -> str:
        # A program that has the whole container may also run what it writes to /tmp.
        execute = "exec" if plan.writable_root else "noexec"
        # Podman refuses to count files.
        files = "" if self.name == "podman" else f",nr_inodes={MAX_ENTRIES}"
        return f"rw,nosuid,nodev,{execute},size={_tmp_mib(plan)}m{files},mode=1777"

    def remove_attempt(self, run_id: int, attempt: int) -> int:
        """See :class:`worker.engines.Engine`."""
        found = self._labelled(
            "run", worker=self._owner.worker, run=str(run_id), attempt=str(attempt)
        )
        for container in found:
            remove(self.client, container["Id"])
        return len(found)

    def sweep(self, is_alive: Callable[[str], bool]) -> int:
        """See :class:`worker.engines.Engine`."""
        dead = [
            container
            for container in self._labelled("", machine=self._owner.machine)
            if not is_alive(container["Labels"].get(f"{LABEL}.worker", ""))
        ]
        for container in dead:
            remove(self.client, container["Id"])
        return sum(container["Labels"][LABEL] == "run" for container in dead)

    def prune(self, max_bytes: int) -> int:
        """See :class:`worker.engines.Engine`."""
        return self._source.pulled.prune(self.client, max_bytes)

    def _labelled(
        self, kind: str, *, is_running: bool = False, **labels: str
    ) -> list[dict[str, Any]]:
        """Return the containers of a kind, ``run`` or ``loopback``, or of both ("")."""
        wanted = [f"{LABEL}={kind}" if kind else LABEL]
        wanted += [f"{LABEL}.{name}={value}" for name, value in labels.items()]
        return list(self.client.containers(all=not is_running, filters={"label": wanted}))

    def details(self) -> dict[str, Any]:
        """See :class:`worker.engines.Engine`."""
        version = str(self._version.get("Version", ""))
        ignored = self.name == "podman" and self._gpus
        warning = "the socket of Podman may ignore that GPUs are asked for" if ignored else ""
        return {
            "version": version, "socket": self._socket, "rootless": self._rootless,
            "gpus": self._gpus, "warning": warning,
        }  # fmt: skip


def _file_bytes(plan: Plan) -> int:
    return (plan.output_mib + 64) * 2**20  # a little more, so that the watch sees it first


def _tmp_mib(plan: Plan) -> int:
    return max(64, plan.memory_mib // 4)


def _gpu_request(gpus: str) -> DeviceRequest:
    if gpus == "all":
        return DeviceRequest(count=-1, capabilities=[["gpu"]])
    return DeviceRequest(driver="cdi", device_ids=[gpus])

"""What the Docker engine asks the daemon for; that the daemon does it, is in tests/security."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from docker.types import HostConfig

from worker.engines import Mount, Owner, Plan, docker, seccomp
from worker.engines.docker import DockerEngine


class _Client:
    """A daemon as far as making a container goes."""

    api_version = "1.41"
    components: ClassVar[list[dict[str, str]]] = []

    def __init__(self, **_options: object) -> None:
        self.made: dict[str, Any] = {}

    def version(self) -> dict[str, Any]:
        return {"ApiVersion": "1.41", "Version": "20.10.24", "Components": self.components}

    def info(self) -> dict[str, Any]:
        return {"SecurityOptions": []}

    def close(self) -> None:
        return

    def create_host_config(self, **config: Any) -> HostConfig:
        return HostConfig(version=self.api_version, **config)


@pytest.fixture
def host_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return what is asked for, by the settings of the engine and the plan."""
    monkeypatch.setattr(docker, "APIClient", _Client)

    def ask(gpus: str = "", **changes: Any) -> dict[str, Any]:
        engine = DockerEngine("tcp://127.0.0.1:1", Owner("m", "w"), tmp_path / "shims", gpus=gpus)
        engine._images["image"] = {"Id": "sha256:1"}
        values: dict[str, Any] = {
            "role": "prediction_program", "run_id": 1, "attempt": 1, "image": "image",
            "argv": ("python3",), "mounts": (Mount(tmp_path, "/app/program"),),
            "scratch": tmp_path, "memory_mib": 256, "cpus": 1.0, "pids": 64, "output_mib": 16,
        }  # fmt: skip
        found: dict[str, Any] = engine._config(Plan(**{**values, **changes}))["host_config"]
        return found

    return ask


def test_no_device_is_asked_for_unless_the_operator_says_so(host_config: Any) -> None:
    assert "DeviceRequests" not in host_config()


def test_all_gpus_are_asked_for_by_their_capability(host_config: Any) -> None:
    (request,) = host_config("all")["DeviceRequests"]
    assert request["Count"] == -1
    assert request["Capabilities"] == [["gpu"]]
    assert not request["DeviceIDs"]


def test_one_gpu_is_asked_for_by_its_cdi_name(host_config: Any) -> None:
    (request,) = host_config("nvidia.com/gpu=0")["DeviceRequests"]
    assert request["Driver"] == "cdi"
    assert request["DeviceIDs"] == ["nvidia.com/gpu=0"]
    assert request["Count"] == 0


def test_gpus_take_nothing_of_the_sandbox_away(host_config: Any) -> None:
    plain, with_gpus = host_config(), host_config("all")
    del with_gpus["DeviceRequests"]
    assert with_gpus == plain


@pytest.mark.parametrize(
    "granted", [{}, {"network": True, "writable_root": True, "image_user": True}]
)
def test_no_grant_widens_what_the_kernel_offers(host_config: Any, granted: dict[str, bool]) -> None:
    config = host_config(**granted)
    assert config["CapDrop"] == ["ALL"]
    assert config["SecurityOpt"] == ["no-new-privileges", f"seccomp={seccomp.profile()}"]
    assert not config.get("Privileged")


def test_podman_gets_the_profile_as_a_file_and_no_count_of_files(
    host_config: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "nr_inodes" in host_config()["Tmpfs"]["/tmp"]
    monkeypatch.setattr(_Client, "components", [{"Name": "Podman Engine"}])
    config = host_config()
    path = config["SecurityOpt"][1].removeprefix("seccomp=")
    assert Path(path).read_text() == seccomp.profile()
    assert "nr_inodes" not in config["Tmpfs"]["/tmp"]


def test_podman_that_is_asked_for_gpus_is_warned_of(
    host_config: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for components, warned in (([], False), ([{"Name": "Podman Engine"}], True)):
        monkeypatch.setattr(_Client, "components", components)
        engine = DockerEngine("tcp://127.0.0.1:1", Owner("m", "w"), tmp_path / "x", gpus="all")
        assert ("GPU" in engine.details()["warning"]) is warned


def test_profile_names_each_call_once() -> None:
    rules = json.loads(seccomp.profile())["syscalls"]
    named = [name for rule in rules for name in rule["names"] if not rule["args"]]
    assert len(named) == len(set(named))
    assert not {"socket", "clone"} & set(named)  # only with conditions
    assert {rule["action"] for rule in rules} == {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}

"""What a machine tells its owner of itself."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import worker
from worker import machine
from worker.settings import Settings


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """What a driver with two GPUs shows."""
    for bus, model in (("0000:01:00.0", "NVIDIA A100"), ("0000:02:00.0", "NVIDIA L4")):
        folder = tmp_path / "gpus" / bus
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 77\n")
    return tmp_path / "gpus"


def test_version_is_the_projects() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert worker.__version__ == project["version"]


def test_gpus_are_those_that_programs_get(settings: Settings, driver: Path) -> None:
    def gpus(wanted: str) -> object:
        return machine.about(replace(settings, gpus=wanted), driver=driver)["gpus"]

    assert gpus("") == []
    assert gpus("all") == ["NVIDIA A100", "NVIDIA L4"]
    assert gpus("nvidia.com/gpu=1") == ["NVIDIA L4"]
    assert gpus("nvidia.com/gpu=7") == ["nvidia.com/gpu=7"]


def test_machine_without_a_driver_names_what_was_asked_for(
    settings: Settings, tmp_path: Path
) -> None:
    found = machine.about(replace(settings, gpus="all"), driver=tmp_path / "none")
    assert found["gpus"] == ["all"]


def test_free_disk_is_told_before_the_folder_is_made(settings: Settings, tmp_path: Path) -> None:
    found = machine.about(replace(settings, home=tmp_path / "not" / "yet", data_dir="/srv"))
    assert found["disk_free_bytes"] > 0
    assert found["has_data"] is True
    assert found["worker_version"] == worker.__version__

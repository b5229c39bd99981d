"""What a program inside a container can do, tried out and compared with what it should.

That its disk ends at the limit, is in tests/worker/test_watch.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.security.sandboxed import COMPUTING, PROBE
from tests.worker.programs import SCORE, program
from tests.worker.site import SIGNATURE, TOKEN, Site, make_spec, zip_of
from worker.engines import Owner
from worker.engines.choice import choose
from worker.engines.docker import DockerEngine
from worker.home import Home
from worker.runner import perform
from worker.settings import Settings

pytestmark = [pytest.mark.security, pytest.mark.services]


_MACHINE_TOKEN = "machine-token-canary"
_TRUTH = "reference-data-canary"
_BROKER = "redis-password-canary"

GOLDEN: dict[str, Any] = {
    "is root": [False, False, False],
    "capabilities": 0,
    "no new privileges": 1,
    "seccomp": 2,
    "writes": dict.fromkeys(
        ("/probe", "/etc/probe", "/usr/bin/probe", "/var/probe", "/app/.bin/python",
         "/app/input_data/probe", "/proc/sys/kernel/hostname",
         "/sys/kernel/probe"),
        "EROFS",
    ),
    "full": {"/tmp": ["ENOSPC", 64], "/dev/shm": ["ENOSPC", 64]},
    "forks": ["EAGAIN", 62],
    "limits": [[1024, 4096], [0, 0]],
    "interfaces": ["lo"],
    "routes": 0,
    "worker's port": "ECONNREFUSED",
    "calls": dict.fromkeys(("io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "userfaultfd", "keyctl", "add_key", "request_key", "perf_event_open", "ptrace", "mount", "umount2", "open_tree", "fsopen", "move_mount", "pivot_root", "chroot", "unshare users", "setns", "syslog", "init_module", "kexec_load", "swapon", "quotactl", "settimeofday", "sethostname", "open_by_handle_at", "fanotify_init", "mbind", "mknod of a device", "chown to root"), "EPERM") | {"clone3": "ENOSYS"},
    "devices": [
        "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
        "stdout", "tty", "urandom", "zero",
    ],
    "engine's socket": [],
    "processes": ["docker-init", "python3"],
    "mounts": {
        "/": ["ro"],
        "/tmp": ["nodev", "noexec", "nosuid"],
        "/dev/shm": ["nodev", "noexec", "nosuid"],
        "/app/output": ["nodev", "noexec", "nosuid"],
        "/app/program": ["nodev", "nosuid"],
        "/app/input_data": ["ro"],
        "/app/.bin": ["ro"],
    },
    "environment": ["HOME", "HOSTNAME", "LC_CTYPE", "PATH", "PYTHONUNBUFFERED", "TMPDIR"],
    "found": [],
}  # fmt: skip
"""Everything but what depends on the engine's version, which is looked at on its own."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A site with one submission, a scoring program, and reference data that is a secret."""
    site = Site()
    site.inputs = {
        "scoring_program": program(SCORE),
        "reference_data": zip_of({"truth.txt": _TRUTH}),
        "input_data": zip_of({"question.txt": "1"}),
    }
    yield site
    site.close()


@pytest.fixture
def attempt(
    site: Site, tmp_path: Path, docker_host: str, runtime_image: str
) -> Iterator[Callable[..., None]]:
    """Run one attempt the way a worker does."""
    settings = Settings(
        api_url=site.url, broker_url=f"redis://q:{_BROKER}@unused", queue="q1w2e3r4",
        token=_MACHINE_TOKEN, name="test", engine="docker", docker_host=docker_host,
        image_map=f"*={runtime_image}", home=tmp_path / "home",
    )  # fmt: skip
    engine = choose(settings, Owner(f"t04-{os.getpid()}", f"q1w2e3r4-t04-{os.getpid()}"))
    home = Home(settings.home)
    assert home.volumes.lack(seen=engine.sees_mounts) == ""

    def run(**overrides: Any) -> None:
        perform(make_spec(**overrides), "q1w2e3r4-test", settings, engine, home)

    yield run
    assert isinstance(engine, DockerEngine)
    engine.close()


def test_program_can_do_what_it_should_and_nothing_else(
    site: Site, attempt: Callable[..., None]
) -> None:
    needles = (TOKEN, SIGNATURE, _MACHINE_TOKEN, _TRUTH, _BROKER)
    words = ",".join(needle.encode().hex() for needle in needles)
    port = site.url.rpartition(":")[2]
    site.inputs["submission"] = program(PROBE, f"python3 $program/main.py x {words} {port}")
    attempt(pids=64, memory_mib=256)
    assert site.log("prediction_stderr") == ""
    facts = json.loads(site.log("prediction_stdout"))
    for name, expected in GOLDEN.items():
        assert facts[name] == expected, name
    end, count = facts["files in /tmp"]
    assert end == "ENOSPC"
    assert count <= 100_000
    sockets = facts["sockets"]
    assert sockets.pop("unix") == "done"
    assert {*sockets.values(), facts["new namespace by clone"]} <= {"EPERM", "ENOSYS"}
    assert "readable" not in facts["masked"].values()


def test_search_of_this_test_finds_what_is_there(site: Site, attempt: Callable[..., None]) -> None:
    words = _TRUTH.encode().hex()
    site.inputs["input_data"] = zip_of({"deep/er/question.txt": f"here: {_TRUTH}"})
    site.inputs["submission"] = program(PROBE, f"python3 $program/main.py x {words} 1")
    attempt(pids=64, memory_mib=256)
    facts = json.loads(site.log("prediction_stdout"))
    places = ("/app/input/deep/er/question.txt", "/app/input_data/deep/er/question.txt")
    assert facts["found"] == [*places]


def test_program_that_computes_is_not_hindered(site: Site, attempt: Callable[..., None]) -> None:
    site.inputs["reference_data"] = zip_of({"truth.txt": "42"})
    site.inputs["submission"] = program(COMPUTING)
    attempt(memory_mib=1024, pids=256, cpus=2.0, timeout_s=300)
    assert site.last().scores == {"accuracy": 1.0}, site.log("prediction_stderr")

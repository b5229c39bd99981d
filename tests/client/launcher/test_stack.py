"""A whole stack: it comes up, says what ends it, and leaves nothing behind."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import urllib3

from app.platform.storage import PRIVATE, S3Store, new_ref
from client.launcher.environment import child_environ, python_module
from client.launcher.home import ROOT
from client.launcher.services import HOST
from tests.loose import eventually
from tests.patience import PATIENCE_S
from tests.stack import RunningStack

pytestmark = pytest.mark.services

MakeStack = Callable[[], RunningStack]
_CHILDREN = ("web", "jobs", "cron", "worker", "redis", "redis-for-runs", "s3")


def _tree(stack: RunningStack) -> list[psutil.Process]:
    """Return the launcher and all that it started."""
    launcher = psutil.Process(stack.launcher_pid)
    return [launcher, *launcher.children(recursive=True)]


def _living(processes: list[psutil.Process]) -> list[str]:
    _gone, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
    return [" ".join(process.cmdline()) for process in alive]


def test_signal_stops_every_child_and_state_survives(make_stack: MakeStack) -> None:
    stack = make_stack()
    make_rita = ("admin", "create", "rita", "--email", "rita@example.org", "--generate")
    stack.flask(*make_rita)
    started = _tree(stack)
    assert {stack.pid(name) for name in _CHILDREN} < {process.pid for process in started}
    assert stack.stop(signal.SIGINT) == 0
    assert _living(started) == []
    stack.start()
    assert stack.flask(*make_rita, check=False).returncode != 0
    assert stack.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("name", ["app", "cron", "worker", "redis"])
def test_child_that_dies_is_named_and_ends_the_stack(make_stack: MakeStack, name: str) -> None:
    stack = make_stack()
    started = _tree(stack)
    stack.kill(name)
    assert stack.wait() == 1
    words = "Redis" if name == "redis" else f"The {name} process"
    assert f"{words} stopped by itself" in stack.output()
    assert _living(started) == []


def test_killed_launcher_is_cleared_up_by_the_next_one(make_stack: MakeStack) -> None:
    stack = make_stack()
    started = _tree(stack)
    os.kill(stack.launcher_pid, signal.SIGKILL)
    stack.wait()
    stack.start()
    for _ in eventually("the second launcher greets"):
        if stack.output().count("Plumbline is at") == 2:
            break
    assert "Stopped what an earlier run had left behind" in stack.output()
    assert _living(started) == []


def _unfinished(stack: RunningStack) -> list[Path]:
    """Return what the disk keeps of uploads in parts that are not over."""
    return [path for path in (stack.folder / "s3").rglob("*multipart*") if path.is_file()]


def test_parts_of_an_upload_that_nobody_can_go_on_with_leave_the_disk(
    make_stack: MakeStack,
) -> None:
    stack = make_stack()
    url, access, secret = (
        stack.environ[f"PLUMBLINE_S3_{name}"] for name in ("URL", "ACCESS_KEY", "SECRET_KEY")
    )
    store, kept = S3Store(url, "", access, secret, ""), new_ref(PRIVATE, "files", "file")
    store.put(kept, io.BytesIO(b"kept"), 4, "text/plain")
    left_off = new_ref(PRIVATE, "files", "file")
    upload_id = store.open_parts(left_off, "application/zip")
    place = store.presign_part(left_off, upload_id, 1, timedelta(minutes=5))
    assert urllib3.request("PUT", place, body=bytes(16 * 1024**2)).status == 200
    assert _unfinished(stack), "the S3 server calls its parts by another name now"
    stack.stop()
    stack.start()
    assert _unfinished(stack) == []
    assert store.size(kept) == 4


def _serve(folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_module("client.launcher", "serve", "--empty", "--port", str(port), "--var", folder),
        cwd=ROOT, env=child_environ({}), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_taken_port_is_said_with_what_to_type(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        done = _serve(tmp_path / "var", port)
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {port} is taken by another program: choose another, e.g. ./run --port {port + 1}\n"
    )


def test_second_start_is_told_where_the_first_is(make_stack: MakeStack) -> None:
    stack = make_stack()
    done = _serve(stack.folder, 1)
    assert done.returncode == 1
    assert f"already runs on {stack.folder}: open {stack.base_url}" in done.stderr


def test_command_without_a_stack_starts_one_for_its_time(
    tmp_path: Path, migrated_home: Path
) -> None:
    shutil.copytree(migrated_home, tmp_path / "var")
    stack = RunningStack(tmp_path / "var")
    done = stack.flask("admin", "create", "rita", "--email", "rita@example.org", "--generate")
    assert done.stdout.startswith("Made the account rita.")
    assert not (tmp_path / "var" / "stack.json").exists()
    refused = stack.flask("no-such-command", check=False)
    assert refused.returncode == 2
    assert "No such command" in refused.stderr


def test_full_disk_while_starting_is_one_sentence(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root to be mounted")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=True)
    try:
        done = _serve(small / "var", 1)
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The disk that holds {small}/var is full")
    assert len(done.stderr.splitlines()) == 1

"""What a killed launcher left running is stopped; what is not ours is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from client.launcher import leftovers
from client.launcher.home import Home
from tests.patience import PATIENCE_S

_SLEEP = "import time; print(flush=True); time.sleep(60)"


def _home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "var")
    home.prepare()
    return home


def test_child_of_an_earlier_launcher_is_stopped(tmp_path: Path) -> None:
    home = _home(tmp_path)
    command = [sys.executable, "-c", _SLEEP, str(home.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # until it runs, the kernel may show no command line
        leftovers.note(home, "Redis for runs", child.pid)
        assert leftovers.stop(home) == ["redis-for-runs"]
        assert child.wait(PATIENCE_S) != 0
    assert leftovers.stop(home) == []


def test_process_that_got_an_old_number_is_left_alone(tmp_path: Path) -> None:
    home = _home(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        leftovers.note(home, "web", stranger.pid)
        assert leftovers.stop(home) == []
        assert stranger.poll() is None
        stranger.kill()


def test_number_without_a_process_is_forgotten(tmp_path: Path) -> None:
    home = _home(tmp_path)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    leftovers.note(home, "web", gone.pid)
    assert leftovers.stop(home) == []
    assert list(home.pids.iterdir()) == []

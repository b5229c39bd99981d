"""What an idle stack weighs, and how soon a second start shows its first page."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from client.launcher.environment import child_environ
from client.launcher.home import ROOT
from client.launcher.services import HOST, free_port
from tests.bench.figures import Spread, spread
from tests.stack import RunningStack

STARTS = 5
_SETTLE_S = 20.0
_PATIENCE_S = 60.0


def idle_pss(stack: RunningStack) -> dict[str, Any]:
    """Return the proportional set size of every process of a stack that has come to rest, in MiB."""
    _page(f"{stack.base_url}/")
    time.sleep(_SETTLE_S)
    launcher = psutil.Process(stack.launcher_pid)
    names = _names(stack.folder)
    sizes: dict[str, float] = defaultdict(float)
    for process in [launcher, *launcher.children(recursive=True)]:
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            sizes[_name(process, launcher, names)] += _pss_mib(process.pid)
    by_size = sorted(sizes.items(), key=lambda one: -one[1])
    return {
        "total": round(sum(sizes.values()), 1),
        "processes": {name: round(size, 1) for name, size in by_size},
    }


def _names(folder: Path) -> dict[int, str]:
    return {int(file.read_text()): file.stem for file in (folder / "pid").glob("*.pid")}


def _name(process: psutil.Process, launcher: psutil.Process, names: dict[int, str]) -> str:
    """Return what a process is; children without a name of their own count to their parent."""
    while process.pid not in names and process.pid != launcher.pid:
        process = process.parent() or launcher
    return names.get(process.pid, "launcher")


def _pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def first_page(folder: Path, settings: dict[str, str]) -> Spread:
    """Start ``./run`` again and again on a state that exists; time each to its first page."""
    return spread([_started(folder, settings) for _ in range(STARTS)], digits=2)


def _started(folder: Path, settings: dict[str, str]) -> float:
    port = free_port()
    command = [str(ROOT / "run"), "--empty", "--port", str(port), "--var", str(folder)]
    with folder.with_name("starts.log").open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=child_environ(settings), stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _page(f"http://{HOST}:{port}/")
            return time.perf_counter() - began
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(_PATIENCE_S)


def _page(url: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        with suppress(URLError, OSError), urlopen(url, timeout=10) as answer:
            answer.read()
            return
        time.sleep(0.01)
    raise RuntimeError(f"{url} did not answer within {_PATIENCE_S:.0f} s")

"""Process ids on disk: what a killed launcher left running, the next one can stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from client.launcher.home import ROOT, Home

_PATIENCE_S = 5.0


def file(home: Home, name: str) -> Path:
    """Return where a child's process id is noted."""
    return home.pids / f"{name.lower().replace(' ', '-')}.pid"


def note(home: Home, name: str, pid: int) -> None:
    """Remember a child."""
    file(home, name).write_text(f"{pid}\n")


def stop(home: Home) -> list[str]:
    """Stop every noted child that still runs, and forget them all.

    Returns:
        The names of those that were still running.
    """
    running = {}
    for path in sorted(home.pids.glob("*.pid")):
        text = path.read_text().strip()
        if text.isdigit() and _is_ours(int(text), home):
            running[path.stem] = int(text)
        path.unlink()
    for pid in running.values():
        _signal(pid, signal.SIGTERM)
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and any(_is_ours(pid, home) for pid in running.values()):
        time.sleep(0.05)
    for pid in running.values():
        if _is_ours(pid, home):
            _signal(pid, signal.SIGKILL)
    return list(running)


def _signal(pid: int, number: signal.Signals) -> None:
    # A child of ours leads a group of its own, a grandchild does not.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _is_ours(pid: int, home: Home) -> bool:
    """Tell whether a process runs from this folder; ids are used again by other programs."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").exists():
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        else:
            command = subprocess.run(
                ["ps", "-o", "command=", "-p", str(pid)],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
        return str(ROOT) in command or str(home.path) in command
    return False

"""What containers use while they run, sampled: processors, memory, and the GPUs of the machine."""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from worker.contract import Stream
from worker.engines import Running, Usage
from worker.logs import event

log = logging.getLogger("worker.usage")

EVERY_S = 2.0
_FIRST_S = 0.3
"""Soon enough to see a program that is over after a second."""
_GPU_QUERY = (
    "nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits",
)  # fmt: skip

Say = Callable[[Stream, Mapping[str, float]], None]


@dataclass
class _Watched:
    stream: Stream
    running: Running
    before: tuple[float, float] | None = None
    """When it was sampled last, and the processor seconds it had used by then."""


class Sampler:
    """Samples some containers every two seconds from a thread of its own.

    Args:
        watched: the containers, by the stream of their output.
        say: takes what one of them uses.
        gpus: whether they were given the GPUs of the machine.
    """

    def __init__(
        self, watched: Sequence[tuple[Stream, Running]], say: Say, *, gpus: bool = False
    ) -> None:
        self._watched = [_Watched(stream, running) for stream, running in watched]
        self._say, self._gpus = say, gpus and shutil.which(_GPU_QUERY[0]) is not None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_over, daemon=True, name="usage")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Sample no more; returns at once, whatever the engine does."""
        self._over.set()

    def _sample_until_over(self) -> None:
        wait = _FIRST_S
        while not self._over.wait(wait):
            wait = EVERY_S
            gpu = _gpu_usage() if self._gpus else {}
            for one in self._watched:
                if one.running.ended() is None and (used := one.running.usage()) is not None:
                    self._tell(one, used, gpu)
                    gpu = {}  # of the machine, so said once

    def _tell(self, one: _Watched, used: Usage, gpu: Mapping[str, float]) -> None:
        now = time.monotonic()
        found = {"memory": float(used.memory_bytes), **gpu}
        if used.peak_memory_bytes:
            found["peak_memory"] = float(used.peak_memory_bytes)
        if one.before is not None and now > one.before[0]:
            cpu = (used.cpu_s - one.before[1]) / (now - one.before[0])
            found["cpu"] = round(max(0.0, cpu), 3)
        one.before = (now, used.cpu_s)
        if not self._over.is_set():
            self._say(one.stream, found)


def _gpu_usage() -> dict[str, float]:
    """Return the mean use of all GPUs in percent and their memory in use; empty if not to be had."""
    try:
        done = subprocess.run(_GPU_QUERY, capture_output=True, text=True, check=True, timeout=5)
        rows = [[float(cell) for cell in line.split(",")] for line in done.stdout.splitlines()]
        return {
            "gpu": round(sum(row[0] for row in rows) / len(rows), 1),
            "gpu_memory": sum(row[1] for row in rows) * 2**20,
        }
    except (
        OSError,
        subprocess.SubprocessError,
        ValueError,
        ZeroDivisionError,
        IndexError,
    ) as error:
        event(log, "gpu.silent", why=str(error)[:200])
        return {}

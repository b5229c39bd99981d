"""Programs that wait for a word of the test, so that what runs is sure to run while it is looked at."""

from __future__ import annotations

from pathlib import Path

from tests.patience import PATIENCE_S

WAIT = f"""
import pathlib, time

def wait_for_word(output, word="go"):
    path, end = pathlib.Path(output, word), time.monotonic() + {2 * PATIENCE_S}
    while not path.exists():
        if time.monotonic() > end:
            raise SystemExit("The test has gone away.")
        time.sleep(0.05)
    path.unlink()
"""
"""Text for a program: ``wait_for_word(folder)`` returns once the test has released it."""


def release(worker_home: Path, run_id: int, word: str = "go") -> None:
    """Let a program of a run go on that waits for a word in its output folder.

    Args:
        worker_home: the folder of the worker that runs it.
    """
    outputs = list(worker_home.glob(f"runs/*/{run_id}-*/*_output"))
    assert outputs, f"Run {run_id} has no output folder: it does not run."
    for output in outputs:
        (output / word).touch()

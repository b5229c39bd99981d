"""A bundle as large as bundles get: 50 phases, 200 tasks, 2 GB that no compression makes smaller."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

PHASES, TASKS = 50, 200
INPUT_BYTES, REFERENCE_BYTES = 8_000_000, 2_000_000
"""A task's input data is a zip in the bundle, its reference data and its program are folders."""
_PIECE = 1_000_000
_PROGRAM = "command: python3 score.py $input $output\n"


def write(path: Path) -> None:
    """Write it piece by piece, as ``zip`` would: what does not shrink is stored as it is."""
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("competition.yaml", "\n".join(_manifest()))
        for task in range(TASKS):
            bundle.writestr(f"scoring/{task}/metadata.yaml", _PROGRAM)
            bundle.writestr(f"scoring/{task}/score.py", f"print({task})\n")
            _random(bundle, f"reference/{task}/truth.bin", REFERENCE_BYTES)
            with (
                bundle.open(f"input/{task}.zip", "w") as member,
                zipfile.ZipFile(member, "w") as inner,
            ):
                _random(inner, "input.bin", INPUT_BYTES)


def _random(target: zipfile.ZipFile, name: str, size: int) -> None:
    with target.open(name, "w") as member:
        for _ in range(size // _PIECE):
            member.write(os.urandom(_PIECE))


def _manifest() -> Iterator[str]:
    yield "version: 2"
    yield "title: The largest"
    yield "tasks:"
    for task in range(TASKS):
        yield f"- index: {task}"
        yield f"  name: Task {task}"
        yield f"  scoring_program: scoring/{task}/"
        yield f"  input_data: input/{task}.zip"
        yield f"  reference_data: reference/{task}/"
    yield "phases:"
    of_each = TASKS // PHASES
    for phase in range(PHASES):
        start = date(2030, 1, 1) + timedelta(days=phase)
        tasks = list(range(phase * of_each, (phase + 1) * of_each))
        yield f"- index: {phase}"
        yield f"  name: Phase {phase}"
        yield f"  start: {start}"
        yield f"  end: {start + timedelta(days=1)}"
        yield f"  tasks: {tasks}"
    yield "leaderboards:"
    yield "- {title: Results, key: results, columns: [{title: Score, key: score, index: 0}]}"

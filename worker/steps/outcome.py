"""The ``metadata`` file of an output folder: exit codes and durations, as older scoring programs read it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from worker.run import Run
from worker.stage import Part

NAME = "metadata"


def write_metadata(run: Run, folder: Path, parts: Sequence[Part]) -> None:
    """Write ``metadata`` into an output's root, unless a program already did."""
    program = next((part.ended for part in parts if not part.role.is_ingestion), None)
    ingestion = next((part.ended for part in parts if part.role.is_ingestion), None)
    timed = program or ingestion
    lines = {
        "exitCode": program.code if program else None,
        "elapsedTime": round(timed.seconds, 3) if timed else None,
        "ingestionExitCode": ingestion.code if ingestion else None,
        "ingestionElapsedTime": round(ingestion.seconds, 3) if ingestion else None,
    }
    text = "".join(f"{key}: {'null' if value is None else value}\n" for key, value in lines.items())
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # Never through a link or over a file that a program left under this name.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = os.open(NAME, flags, 0o644, dir_fd=parent)
    except FileExistsError:
        run.note(f"The output has a file {NAME!r} of its own, which is kept.")
        return
    finally:
        os.close(parent)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)

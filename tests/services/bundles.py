"""Small benchmarks and submissions for tests on whole stacks, as zip files written by code."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

Files = Mapping[str, str | bytes]

OBEY = """\
import json, pathlib, shutil, sys, time
res, out = pathlib.Path(sys.argv[1], "res"), pathlib.Path(sys.argv[2])
orders = res / "orders.json"
orders = json.loads(orders.read_text()) if orders.exists() else {}
print("scoring begins", flush=True)
time.sleep(orders.get("sleep", 0))
for name in ("scores.json", "scores.txt", "detailed_results.html"):
    if (res / name).exists():
        shutil.copy(res / name, out / name)
if "error" in orders:
    (out / "submission_error.txt").write_text(orders["error"])
sys.exit(orders.get("exit", 0))
"""
"""A scoring program that hands on the scores it is given, and does what ``orders.json`` says."""

COMPARE = """\
import json, pathlib, sys
home, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
answer = float((home / "res" / "answer.txt").read_text())
truth = float((home / "ref" / "truth.txt").read_text())
(out / "scores.json").write_text(json.dumps({"score": answer * truth}))
(out / "detailed_results.html").write_text(f"<h1>{answer} times {truth}</h1>")
"""
"""A scoring program whose score is the answer times the truth."""

RUN = "command: python3 $program/main.py $input $output\n"
TRUTH: Files = {"truth.txt": "2"}
NUMBERS: Files = {"x.txt": "0.25"}
ANSWER = """\
import pathlib, sys
x = float(pathlib.Path(sys.argv[1], "x.txt").read_text())
pathlib.Path(sys.argv[2], "answer.txt").write_text(str(x + 0.25))
"""
"""A submission's program: its answer is the input and a quarter."""


def zipped(files: Files) -> bytes:
    """Return a zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def program(text: str, command: str = RUN) -> dict[str, str]:
    """Return the files of a program: ``main.py`` and how it is started."""
    return {"metadata.yaml": command, "main.py": text}


def code(text: str, command: str = RUN) -> bytes:
    """Return a code submission."""
    return zipped(program(text, command))


def result(answer: float = 0.5, **more: str) -> bytes:
    """Return a result submission for :data:`COMPARE`; ``more`` are further files."""
    return zipped({"answer.txt": str(answer), **more})


def bundle(
    title: str,
    *,
    scoring: Files | None = None,
    ingestion: Files | None = None,
    input_data: Files | None = None,
    references: Sequence[Files] = (TRUTH,),
    during_scoring: bool = False,
    phase: Mapping[str, Any] | None = None,
    **settings: Any,
) -> bytes:
    """Return the bundle of a benchmark with one phase and one column, ``score``.

    Args:
        scoring: the files of the scoring program; :data:`COMPARE` unless given.
        references: the reference data of each task; there are as many tasks.
        phase: further keys of the phase.
        settings: further keys of the manifest.
    """
    files: dict[str, str | bytes] = {}
    folders = {"scoring_program": scoring or program(COMPARE)}
    if ingestion is not None:
        folders["ingestion_program"] = ingestion
    if input_data is not None:
        folders["input_data"] = input_data
    tasks = []
    for index, reference in enumerate(references):
        task: dict[str, Any] = {"index": index, "name": f"Task {index}"}
        for name, content in {**folders, "reference_data": reference}.items():
            task[name] = f"{name}{index}.zip"
            files[task[name]] = zipped(content)
        tasks.append({**task, "ingestion_only_during_scoring": during_scoring})
    manifest: dict[str, Any] = {
        "version": 2,
        "title": title,
        "registration_auto_approve": True,
        "tasks": tasks,
        "phases": [
            {
                "index": 0,
                "name": "Development",
                "start": "2025-01-01",
                "tasks": list(range(len(tasks))),
                "max_submissions_per_day": 0,
                "max_submissions_per_person": 0,
                "execution_time_limit": 600,
                **(phase or {}),
            }
        ],
        "leaderboards": [
            {
                "title": "Results",
                "key": "main",
                "submission_rule": "Force_Last",
                "columns": [{"title": "Score", "key": "score", "index": 0, "precision": 3}],
            }
        ],
    }
    files["competition.yaml"] = yaml.safe_dump({**manifest, **settings})
    return zipped(files)

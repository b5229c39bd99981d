"""The smallest benchmark there is, as a bundle, and a result to submit to it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

IMAGE = "bench"
"""What the bundle names; the worker's image map says which image that is."""

PROGRAM = 'import json; print(json.dumps({"score": 1.0}))'
"""What the bare container runs in place of a scoring program."""

_MANIFEST = """\
version: 2
title: {title}
docker_image: {image}
registration_auto_approve: true
enable_detailed_results: {detailed}
tasks:
- {{index: 0, name: Trivial, scoring_program: scoring_program/, reference_data: reference/}}
phases:
- index: 0
  name: Only
  start: 2025-01-01 00:00:00
  end: 2095-01-01 00:00:00
  tasks: [0]
  max_submissions_per_day: 100000
  max_submissions: 100000
leaderboards:
- title: Results
  key: results
  submission_rule: Force_Best
  columns:
  - {{title: Score, key: score, index: 0, sorting: desc}}
"""

_SCORE = """\
import json
import sys

folder, output = sys.argv[1:]
with open(f"{folder}/res/answer.txt") as answer, open(f"{folder}/ref/truth.txt") as truth:
    score = float(answer.read() == truth.read())
with open(f"{output}/scores.json", "w") as file:
    json.dump({"score": score}, file)
"""

_DETAILS = """\
with open(f"{output}/detailed_results.html", "w") as file:
    file.write(f"<!doctype html><title>Details</title><p>{score}</p>")
"""


def bundle(title: str, *, detailed: bool) -> bytes:
    """Return a bundle with one task, one phase and one column."""
    manifest = _MANIFEST.format(title=title, image=IMAGE, detailed=str(detailed).lower())
    return _zip(
        {
            "competition.yaml": manifest,
            "scoring_program/metadata.yaml": "command: python3 score.py $input $output\n",
            "scoring_program/score.py": _SCORE + (_DETAILS if detailed else ""),
            "reference/truth.txt": "42\n",
        }
    )


def result() -> bytes:
    """Return a result submission of one tiny file."""
    return _zip({"answer.txt": "42\n"})


def _zip(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()

"""Small benchmarks and submissions for the browser tests, as zip files."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from client.launcher.home import ROOT

SCORE = """\
import json, pathlib, sys
answer = pathlib.Path(sys.argv[1], "res", "answer.txt")
value = float(answer.read_text()) if answer.exists() else 0.5
pathlib.Path(sys.argv[2], "scores.json").write_text(json.dumps({"score": value}))
pathlib.Path(sys.argv[2], "detailed_results.html").write_text(f"<h1>Score {value}</h1>")
"""
"""A scoring program: the score is the number that was handed in."""


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def bundle(
    title: str,
    *,
    scoring: str = SCORE,
    pages: Sequence[tuple[str, str]] = (("Overview", "Hand in one number."),),
    terms: str = "",
    rule: str = "Force_Best",
    is_board_hidden: bool = False,
    **settings: Any,
) -> bytes:
    """Return the bundle of a benchmark with one phase and one task.

    Args:
        scoring: the text of a program that gets the input and the output folder.
        pages: pairs of a title and a text; a text that begins with ``<`` is HTML.
        settings: further keys of the manifest.
    """
    files: dict[str, str | bytes] = {
        "scoring/metadata.yaml": "command: python3 $program/score.py $input $output\n",
        "scoring/score.py": scoring,
    }
    listed = []
    for number, (name, text) in enumerate(pages):
        path = f"page{number}.{'html' if text.startswith('<') else 'md'}"
        files[path] = text
        listed.append({"title": name, "file": path})
    manifest: dict[str, Any] = {
        "version": 2,
        "title": title,
        "registration_auto_approve": True,
        "enable_detailed_results": True,
        "pages": listed,
        "tasks": [{"index": 0, "name": "Numbers", "scoring_program": "scoring/"}],
        "phases": [{"index": 0, "name": "Development", "start": "2025-01-01", "tasks": [0]}],
        "leaderboards": [
            {
                "title": "Results",
                "key": "main",
                "submission_rule": rule,
                "hidden": is_board_hidden,
                "columns": [{"title": "Score", "key": "score", "index": 0, "precision": 3}],
            }
        ],
    }
    if terms:
        files["terms.md"] = terms
        manifest["terms"] = "terms.md"
    files["competition.yaml"] = yaml.safe_dump({**manifest, **settings}, allow_unicode=True)
    return zipped(files)


def result(value: float = 0.75) -> bytes:
    """Return a submission of one number."""
    return zipped({"answer.txt": str(value)})


def program(text: str) -> bytes:
    """Return a code submission, whose program gets the output folder."""
    return zipped({"metadata": "command: python3 $program/main.py $output\n", "main.py": text})


def breast_cancer(folder: Path) -> Path:
    """Build the demo benchmark: ``bundle.zip``, ``sample_code.zip`` and ``sample_result.zip``."""
    subprocess.run(
        [sys.executable, ROOT / "examples" / "breast-cancer" / "build.py", folder],
        check=True,
        capture_output=True,
    )
    return folder

"""The adapter runs an evaluation script as it is, from the very zips that an import stores."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app.bundles import members
from app.bundles.read import read
from app.platform.archive import Archive
from tests.bundles.evalai import challenges
from tests.bundles.evalai.challenges import SCRIPT

ANSWER = b'{"a": 1, "b": 0, "c": 1, "d": 0}'


def run(
    folder: Path, submitted: dict[str, bytes], script: dict[str, str] | None = None, phase: int = 0
) -> subprocess.CompletedProcess[str]:
    """Lay a task out as a worker does, and run its scoring program."""
    bundle = Archive(io.BytesIO(challenges.challenge(script=script)))
    draft = read(bundle).draft
    assert draft is not None
    task = draft.tasks[phase]
    for name, ref in (("program", task.scoring_program), ("input/ref", task.reference_data)):
        assert ref is not None
        packed = io.BytesIO()
        members.write(bundle, ref, packed)
        zipfile.ZipFile(packed).extractall(folder / name)
    (folder / "output").mkdir()
    for name, content in {"metadata": b"exitCode: null\n", **submitted}.items():
        path = folder / "input" / "res" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    command = (folder / "program" / "metadata.yaml").read_text()
    assert command == "command: python3 $program/run.py $input $output\n"
    return subprocess.run(
        [sys.executable, "-W", "error", folder / "program" / "run.py", folder / "input", folder / "output"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def quiet(text: str) -> dict[str, str]:
    return {"__init__.py": text}


def scores(folder: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((folder / "output" / "scores.json").read_text())
    return found


def test_script_scores_a_submission(tmp_path: Path) -> None:
    done = run(tmp_path, {"answer.json": ANSWER})
    assert (done.returncode, done.stderr) == (0, "")
    assert scores(tmp_path) == {"Accuracy": 0.75, "Loss": 0.25}
    assert "Error bars are on no leaderboard here" in done.stdout
    shown = (tmp_path / "output" / "detailed_results.html").read_text()
    assert "&quot;right&quot;: 0.75" in shown
    assert "running" in shown


def test_splits_of_a_phase_have_keys_of_their_own(tmp_path: Path) -> None:
    assert run(tmp_path, {"answer.json": ANSWER}, phase=1).returncode == 0
    assert scores(tmp_path) == {
        "Accuracy": 0.75, "Loss": 0.25, "private: Accuracy": 0.75, "private: Loss": 0.25,
    }  # fmt: skip


RESULT = "def evaluate(a, b, c, **k):\n    return {!r}\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def evaluate(a, b, c, **k):\n    raise KeyError('case 7')\n", "KeyError: 'case 7'"),
        (RESULT.format({}), "no list under “result”"),
        (RESULT.format({"result": [{"other": {"Accuracy": 1}}]}), "dataset split 'other'"),
        (RESULT.format({"result": [7]}), "a mapping is needed"),
        ("evaluate = 3\n", "exports no function evaluate"),
        ("import os\nos.system('pip install numpy')\n", "installs packages (__init__.py, line 2)"),
        ("raise SystemExit(0)\n", "SystemExit"),
    ],
)
def test_what_goes_wrong_ends_the_run_and_stands_in_the_log(
    tmp_path: Path, script: str, reason: str
) -> None:
    done = run(tmp_path, {"answer.json": ANSWER}, quiet(script))
    assert done.returncode != 0
    assert reason in done.stderr
    assert not (tmp_path / "output" / "scores.json").exists()
    assert not (tmp_path / "output" / "submission_error.txt").exists()


SIZE = "import zipfile\ndef evaluate(a, b, c, **k):\n    with zipfile.ZipFile(b) as z:\n        n = len(z.namelist())\n    return {'result': [{'train_split': {'Accuracy': n}}]}\n"


def test_several_files_are_given_as_the_zip_they_came_in(tmp_path: Path) -> None:
    done = run(tmp_path, {"a.txt": b"1", "deep/b.txt": b"2"}, quiet(SIZE))
    assert done.returncode == 0, done.stderr
    assert scores(tmp_path) == {"Accuracy": 2}


def test_submission_without_the_expected_file_is_the_participants_to_mend(tmp_path: Path) -> None:
    done = run(tmp_path, {"a.csv": b"1", "b.csv": b"2"}, phase=1)
    assert done.returncode == 1
    assert "one of .json" in (tmp_path / "output" / "submission_error.txt").read_text()


def test_script_in_a_folder_of_its_own_is_found(tmp_path: Path) -> None:
    wrapped = {f"evaluation/{name}": text for name, text in SCRIPT.items()}
    done = run(tmp_path, {"answer.json": ANSWER}, wrapped)
    assert "Error bars" in done.stdout, done.stderr

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bundles.members import write
from app.bundles.read import BundleReading, read
from app.competitions.drafts import CompetitionDraft
from app.platform.archive import Archive

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "breast-cancer"
ZIPS = ("bundle.zip", "sample_result.zip", "sample_code.zip")


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"demo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


metrics: Any = module(EXAMPLE / "bundle" / "scoring_program" / "metrics.py")


def build(folder: Path) -> Path:
    subprocess.run([sys.executable, EXAMPLE / "build.py", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def bundle(built: Path) -> BundleReading:
    with (built / "bundle.zip").open("rb") as file:
        return read(Archive(file))


@pytest.fixture(scope="module")
def draft(bundle: BundleReading) -> CompetitionDraft:
    assert bundle.draft is not None
    return bundle.draft


@dataclass(frozen=True)
class Folders:
    """The folders that the programs' tokens stand for, for one task."""

    ingestion: Path
    scoring: Path
    input: Path
    reference: Path


@pytest.fixture(scope="module")
def folders(
    built: Path, draft: CompetitionDraft, tmp_path_factory: pytest.TempPathFactory
) -> list[Folders]:
    """Unpack the files of every task as a worker would."""
    root = tmp_path_factory.mktemp("tasks")
    made = []
    with (built / "bundle.zip").open("rb") as file:
        archive = Archive(file)
        for task in draft.tasks:
            refs = (
                task.ingestion_program,
                task.scoring_program,
                task.input_data,
                task.reference_data,
            )
            paths = []
            for part, ref in zip(("ingestion", "scoring", "input", "reference"), refs, strict=True):
                assert ref is not None
                out = io.BytesIO()
                write(archive, ref, out)
                paths.append(root / f"{task.index}" / part)
                zipfile.ZipFile(out).extractall(paths[-1])
            made.append(Folders(*paths))
    return made


def run(program: Path, tokens: dict[str, Path]) -> subprocess.CompletedProcess[str]:
    """Run a program by its metadata, with tokens that stand for real folders."""
    command = (program / "metadata.yaml").read_text().removeprefix("command: ").split()
    words = [str(tokens[word]) if word in tokens else word for word in command]
    script = words[1].replace("$program", str(program))
    assert words[0] == "python3"
    return subprocess.run(
        [sys.executable, "-W", "error", script, *words[2:]],
        capture_output=True, text=True, cwd=program, env={"PATH": "/usr/bin"}, check=False,
    )  # fmt: skip


def ingest(task: Folders, submission: Path, output: Path) -> subprocess.CompletedProcess[str]:
    output.mkdir(exist_ok=True)
    return run(
        task.ingestion,
        {"$input": task.input, "$output": output, "$submission_program": submission},
    )


def score(task: Folders, predictions: Path, output: Path) -> subprocess.CompletedProcess[str]:
    output.mkdir(exist_ok=True)
    return run(
        task.scoring,
        {"$hidden": task.reference, "$predictions": predictions, "$output": output},
    )


def scores_of(task: Folders, submission: Path, tmp_path: Path) -> dict[str, float]:
    """Run both programs on a submission; results are copied to the output, as a worker does."""
    predictions, output = tmp_path / "predictions", tmp_path / "scores"
    predictions.mkdir()
    if (submission / "predictions.csv").is_file():
        content = (submission / "predictions.csv").read_bytes()
        (predictions / "predictions.csv").write_bytes(content)
    ingested = ingest(task, submission, predictions)
    assert (ingested.returncode, ingested.stderr) == (0, "")
    (predictions / "metadata").write_text("elapsedTime: null\ningestionElapsedTime: 1.5\n")
    scored = score(task, predictions, output)
    assert (scored.returncode, scored.stderr) == (0, "")
    found: dict[str, float] = json.loads((output / "scores.json").read_text())
    return found


def test_building_twice_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    for name in ZIPS:
        assert (again / name).read_bytes() == (built / name).read_bytes()


def test_bundle_is_imported_without_a_problem_or_a_note(bundle: BundleReading) -> None:
    assert [str(problem) for problem in bundle.problems] == []
    assert [str(note) for note in bundle.notes] == []


def test_there_is_always_an_open_phase(draft: CompetitionDraft) -> None:
    development, final = draft.phases
    assert development.end == final.start
    assert final.end is None
    for year in (2026, 2050, 2094, 2095, 2200):
        moment = datetime(year, 6, 1, tzinfo=UTC)
        assert any(p.start <= moment and (p.end is None or moment < p.end) for p in draft.phases)


def test_every_phase_has_two_tasks_and_every_column_a_score(draft: CompetitionDraft) -> None:
    assert [phase.tasks for phase in draft.phases] == [(0, 1), (2, 3)]
    assert [(c.key, str(c.sorting)) for c in draft.leaderboards[0].columns] == [
        ("auroc", "desc"),
        ("sensitivity", "desc"),
        ("specificity", "desc"),
        ("brier", "asc"),
        ("duration", "asc"),
    ]


def test_split_is_the_one_that_the_pages_state() -> None:
    with (EXAMPLE / "data" / "wdbc.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter((row["split"], row["malignant"]) for row in rows) == {
        ("train", "0"): 178,
        ("train", "1"): 106,
        ("development", "0"): 89,
        ("development", "1"): 53,
        ("final", "0"): 90,
        ("final", "1"): 53,
    }
    assert len({row["case"] for row in rows}) == 569
    assert len(rows[0]) == 3 + 30


def test_no_diagnosis_of_a_scored_case_is_given_away(built: Path, draft: CompetitionDraft) -> None:
    with (built / "bundle.zip").open("rb") as file:
        archive = Archive(file)
        hidden: set[str] = set()
        for member in archive.files():
            if member.name.startswith("reference_"):
                hidden |= set(re.findall(rb"case-\d+", archive.read(member.name, 10**6)))
        for member in archive.files():
            if member.name.endswith("test.csv"):
                assert b"malignant" not in archive.read(member.name, 10**6)
            if member.name.endswith("train.csv"):
                shown = set(re.findall(rb"case-\d+", archive.read(member.name, 10**6)))
                assert not shown & hidden
    assert len(hidden) == 142 + 143


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (0, {"auroc": 0.986432, "sensitivity": 0.924528, "specificity": 0.966292, "brier": 0.041764}),
        (1, {"auroc": 0.978376, "sensitivity": 0.905660, "specificity": 0.943820, "brier": 0.051577}),
    ],
)  # fmt: skip
def test_sample_results_get_their_known_scores(
    folders: list[Folders], tmp_path: Path, task: int, expected: dict[str, float]
) -> None:
    found = scores_of(folders[task], EXAMPLE / "submissions" / "result", tmp_path)
    assert found.pop("duration") == 1.5
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("task", [0, 1, 2, 3])
def test_sample_code_does_well_on_every_task(
    folders: list[Folders], tmp_path: Path, task: int
) -> None:
    found = scores_of(folders[task], EXAMPLE / "submissions" / "code", tmp_path)
    assert found["auroc"] > 0.97
    assert found["brier"] < 0.06


def test_starting_kit_is_a_valid_but_beatable_submission(
    folders: list[Folders], tmp_path: Path
) -> None:
    kit = scores_of(folders[0], EXAMPLE / "bundle" / "starting_kit", tmp_path)
    assert 0.9 < kit["auroc"] < 1
    assert kit["brier"] > 0.03


def test_starting_kit_can_be_tried_at_home(folders: list[Folders]) -> None:
    kit = EXAMPLE / "bundle" / "starting_kit"
    tried = subprocess.run(
        [sys.executable, "-B", kit / "try_it.py", folders[0].input / "train.csv"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert re.search(r"mean: +AUROC 0\.9", tried.stdout)


def test_detailed_results_stand_alone_and_show_no_case(
    folders: list[Folders], tmp_path: Path
) -> None:
    scores_of(folders[0], EXAMPLE / "submissions" / "result", tmp_path)
    page = (tmp_path / "scores" / "detailed_results.html").read_text()
    assert '<svg viewBox="0 0' in page
    assert '<title id="roc-title">ROC curve, area 0.986</title>' in page
    assert "case-" not in page
    for reference in ("src=", "href=", "url(", "<script", "http:", "https:", "@import"):
        assert reference not in page


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "predictions.csv is missing. It belongs at the top of the zip."),
        (b"", "needs the columns “case” and “all” (or “malignant”); found none."),
        (b"id,p\n1,2\n", "needs the columns “case” and “all” (or “malignant”); found id, p."),
        (b"case,all\ncase-004,0.5\n", "predictions.csv lacks 141 of 142 cases; the first is "),
        (
            b"case,all\ncase-004,nan\n",
            "predictions.csv, line 2: “nan” is not a number from 0 to 1.",
        ),
        (b"case,all\ncase-004,1.01\n", "“1.01” is not a number from 0 to 1."),
        (b"case,all\ncase-004,yes\n", "“yes” is not a number from 0 to 1."),
        (b"case,all\ncase-004\n", "“None” is not a number from 0 to 1."),
        (b"case,all\na,0\na,1\n", "predictions.csv has the case a twice (line 3)."),
        ("case,all\ncase-004,½\n".encode("latin-1"), "predictions.csv is not UTF-8 text."),
    ],
)
def test_predictions_that_cannot_be_scored_fail_with_a_reason(
    folders: list[Folders], tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "predictions.csv").write_bytes(content)
    scored = score(folders[0], tmp_path, tmp_path / "scores")
    assert scored.returncode == 1
    assert reason in scored.stderr
    assert "Traceback" not in scored.stderr
    said = (tmp_path / "scores" / "submission_error.txt").read_text()
    assert said.strip() == scored.stderr.strip()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "The zip has neither model.py nor predictions.csv at its top."),
        ("x = 1", "model.py has no class named Model."),
        ("class Model:\n fit = lambda *_: None\n predict = lambda *_: [0.5]", "predict returned 1 values for 142 cases."),
        ("class Model:\n fit = lambda *_: None\n predict = lambda s, r: [2 for _ in r]", "predict returned 2.0 for case-004; it must be from 0 to 1."),
    ],
)  # fmt: skip
def test_models_that_cannot_be_used_fail_with_a_reason(
    folders: list[Folders], tmp_path: Path, source: str | None, reason: str
) -> None:
    if source is not None:
        (tmp_path / "model.py").write_text(source)
    ingested = ingest(folders[0], tmp_path, tmp_path / "out")
    assert ingested.returncode == 1
    assert ingested.stderr.splitlines()[-1] == reason


_CASES = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])), min_size=2
).filter(lambda cases: len({label for label, _ in cases}) == 2)


@given(_CASES)
def test_auroc_is_the_share_of_pairs_in_order_and_the_area_under_the_curve(
    cases: list[tuple[int, float]],
) -> None:
    labels, probabilities = [c[0] for c in cases], [c[1] for c in cases]
    wins = [
        (p > q) + (p == q) / 2 for label, p in cases if label for other, q in cases if not other
    ]
    area = metrics.auroc(labels, probabilities)
    assert area == pytest.approx(sum(wins) / len(wins))
    points = metrics.roc_points(labels, probabilities)
    steps = pairwise(points)
    assert area == pytest.approx(sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in steps))


def test_intervals_match_published_values() -> None:
    # Hanley and McNeil's own example: area 0.893, 51 abnormal and 58 normal, standard error 0.032.
    assert metrics.wilson_interval(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    low, high = metrics.auroc_interval(0.893, 51, 58)
    assert (high - low) / 2 / metrics.Z_95 == pytest.approx(0.032, abs=1e-3)


def test_counts_and_calibration_add_up() -> None:
    labels, probabilities = [1, 1, 0, 0, 0], [0.9, 0.4, 0.5, 0.1, 1.0]
    counts = metrics.count(labels, probabilities)
    assert counts == metrics.Counts(1, 1, 1, 2)
    assert (counts.sensitivity, counts.specificity) == (0.5, pytest.approx(1 / 3))
    assert [row[0] for row in metrics.calibration(labels, probabilities)] == [1, 0, 2, 0, 2]
    assert metrics.brier([1, 0], [0.5, 0.5]) == 0.25

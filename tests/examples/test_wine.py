from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.bundles import services
from app.bundles.fields import NoteKind
from app.bundles.read import BundleReading, read
from app.competitions import queries as competitions
from app.competitions.models import Phase
from app.leaderboards import queries as boards
from app.platform.archive import Archive
from app.platform.db import db, unit_of_work
from app.platform.strictyaml import load
from tests.actors import browser
from tests.factories import NOW, change, make_user
from tests.leaderboards.boards import submitted, tell, viewer_of

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "wine"
SAMPLES = {
    "forest": {"accuracy": 1.0, "f1": 1.0, "log_loss": 0.1458558},
    "logistic": {"accuracy": 1.0, "f1": 1.0, "log_loss": 0.0827207},
    "neighbour": {"accuracy": 0.7222222, "f1": 0.7151675, "log_loss": 3.1932181},
}


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


def evaluate(built: Path, predictions: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the scoring program on the folders that a worker would give it."""
    for name in ("ref", "res", "out"):
        (folder / name).mkdir(parents=True)
    with zipfile.ZipFile(built / "bundle.zip") as archive:
        truth = archive.read("reference_development/truth.csv")
    (folder / "ref" / "truth.csv").write_bytes(truth)
    (folder / "res" / "predictions.csv").write_bytes(predictions)
    program = EXAMPLE / "bundle" / "scoring_program" / "evaluate.py"
    return subprocess.run(
        [sys.executable, "-W", "error", program, folder, folder / "out"],
        capture_output=True, text=True, env={"PATH": "/usr/bin"}, check=False,
    )  # fmt: skip


def sample(built: Path, name: str) -> bytes:
    with zipfile.ZipFile(built / f"sample_{name}.zip") as archive:
        return archive.read("predictions.csv")


def scores_of(built: Path, name: str, folder: Path) -> dict[str, float]:
    done = evaluate(built, sample(built, name), folder)
    assert (done.returncode, done.stderr) == (0, "")
    found: Any = load((folder / "out" / "scores.txt").read_bytes()).value
    return dict(found)


def test_building_twice_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    for name in ("bundle.zip", *(f"sample_{name}.zip" for name in SAMPLES)):
        assert (again / name).read_bytes() == (built / name).read_bytes()


def test_bundle_is_read_and_its_report_names_what_is_different(bundle: BundleReading) -> None:
    assert [str(problem) for problem in bundle.problems] == []
    lost = [note.where for note in bundle.notes if note.kind is NoteKind.NO_EQUIVALENT]
    assert [where.rpartition(", ")[2] for where in lost] == ["phases.1.color", "admin_names"]


def test_no_cultivar_of_a_test_wine_is_given_away(built: Path) -> None:
    with zipfile.ZipFile(built / "bundle.zip") as archive:
        for phase in ("development", "final"):
            head = archive.read(f"public_data_{phase}/test.csv").split(b"\n", 1)[0]
            assert b"cultivar" not in head
            train = archive.read(f"public_data_{phase}/train.csv")
            tested = [
                line.split(b",")[0]
                for line in archive.read(f"public_data_{phase}/test.csv").split()
            ]
            assert len(tested) == 1 + 36
            assert not any(wine in train for wine in tested[1:])


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_get_their_known_scores(built: Path, tmp_path: Path, name: str) -> None:
    assert scores_of(built, name, tmp_path) == pytest.approx(SAMPLES[name], abs=1e-6)


def test_starting_kit_scores_as_guessing_does(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(built / "bundle.zip") as archive:
        kit = archive.read("starting_kit/predictions.csv")
    assert evaluate(built, kit, tmp_path).returncode == 0
    found: Any = load((tmp_path / "out" / "scores.txt").read_bytes()).value
    assert found["log_loss"] == pytest.approx(1.0986123, abs=1e-6)


@pytest.mark.parametrize(
    ("predictions", "sentence"),
    [
        (b"wine,first,second,third\n", "predictions.csv lacks 36 of 36 wines, such as wine-001."),
        (b"", "predictions.csv lacks 36 of 36 wines, such as wine-001."),
    ],
)
def test_unusable_predictions_are_refused_in_a_sentence(
    built: Path, tmp_path: Path, predictions: bytes, sentence: str
) -> None:
    done = evaluate(built, predictions, tmp_path)
    assert (done.returncode, done.stderr.strip()) == (1, sentence)


def test_imported_board_ranks_by_weighted_ranks_as_codalab_did(
    app: Flask, built: Path, tmp_path: Path
) -> None:
    olga = make_user("olga")
    imported = services.import_file(viewer_of(olga), built / "bundle.zip", lambda: NOW)
    phases = select(Phase).where(Phase.competition_id == imported.competition_id)
    development, final = db.session.scalars(phases.order_by(Phase.index)).all()
    people = {name: make_user(name) for name in SAMPLES}
    for name, person in people.items():
        tell(submitted(development, person, scores_of(built, name, tmp_path / name)))
    viewer = competitions.viewer(olga)
    board = boards.board(competitions.get_phase(development.id, viewer), viewer)
    # Dense ranks: 1, 1, 2 in accuracy and F1, and 2, 1, 3 in log loss, which counts twice.
    found = [(row.rank, row.name, row.overall["mean_rank"]) for row in board.page.rows]
    assert found == [(1, "logistic", 1.0), (2, "forest", 1.5), (3, "neighbour", 2.5)]
    assert board.about.groups == [("", 1), ("Cultivar", 2), ("Probabilities", 1)]
    with unit_of_work():
        tell(submitted(final, people["forest"], SAMPLES["forest"]))
    change(competitions.get(imported.competition_id, viewer), is_published=True)
    for phase, status in ((development, 200), (final, 403)):
        answer = browser(app, None).get(f"/phases/{phase.id}/leaderboard.json")
        assert answer.status_code == status

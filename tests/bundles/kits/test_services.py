"""Starting kits: what is in them, what never is, and that their script runs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.bundles.kits import standin
from app.competitions.models import Phase
from app.platform.db import db
from app.resources.models import FileKind, Solution, StoredFile, Task, TaskRevision
from tests.actors import Cast, browser, make_cast
from tests.factories import NOW, change, make_file, make_phase, make_task, save
from tests.fakes.storage import FakeStore

SECRET = b"id,label\n17,malignant\n18,benign\n"


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def keep(store: FakeStore, cast: Cast, kind: FileKind, files: Mapping[str, bytes]) -> StoredFile:
    raw = zipped(files)
    file = make_file(cast.olga, kind=kind, size_bytes=len(raw))
    store.objects[file.ref] = raw
    return file


@pytest.fixture
def task(cast: Cast, store: FakeStore) -> Task:
    task = make_task(cast.olga, name="Triage")
    revision = db.session.scalars(select(TaskRevision).where(TaskRevision.task_id == task.id)).one()
    command = b"command: python3 $program/score.py $input $output\n"
    change(
        revision,
        scoring_program_id=keep(
            store,
            cast,
            FileKind.SCORING_PROGRAM,
            {"wrap/metadata.yaml": command, "wrap/score.py": b""},
        ).id,
        input_data_id=keep(store, cast, FileKind.INPUT_DATA, {"films.csv": b"1"}).id,
        reference_data_id=keep(
            store, cast, FileKind.REFERENCE_DATA, {"truth.csv": SECRET, "model.bin": b"\0"}
        ).id,
    )
    return task


def kit(app: Flask, cast: Cast, task: Task, **data: str) -> dict[str, bytes]:
    answer = browser(app, cast.olga).post(f"/tasks/{task.key}/kit", data=data)
    assert answer.status_code == 200, answer.text
    raw = answer.data
    answer.close()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_kit_without_a_solution_has_a_skeleton(app: Flask, cast: Cast, task: Task) -> None:
    found = kit(app, cast, task, input_data="y")
    assert set(found) == {
        "README.md", "score.py", "input_data/films.csv",
        "sample_submission/metadata.yaml", "sample_submission/model.py",
    }  # fmt: skip
    readme = found["README.md"].decode()
    assert "Triage" in readme
    assert "io_uring" in readme
    assert "answers of your own" not in readme


def test_solution_is_the_sample(app: Flask, cast: Cast, task: Task, store: FakeStore) -> None:
    file = keep(store, cast, FileKind.SOLUTION, {"answer.csv": b"0"})
    save(
        Solution(
            owner_id=cast.olga.id, name="A", file_id=file.id, created_at=NOW,
            tasks=[db.session.get_one(Task, task.id)],
        )
    )  # fmt: skip
    assert kit(app, cast, task)["sample_submission/answer.csv"] == b"0"


@pytest.mark.security
@pytest.mark.parametrize(
    "wanted", [{}, {"scoring_program": "y"}, {"scoring_program": "y", "stand_in": "y"}]
)
def test_reference_data_are_in_no_kit(
    app: Flask, cast: Cast, task: Task, wanted: dict[str, str]
) -> None:
    found = kit(app, cast, task, input_data="y", ingestion_program="y", **wanted)
    assert not any(b"malignant" in content or b"17" in content for name, content in found.items()
                   if name.startswith("reference"))  # fmt: skip
    assert not any(b"malignant" in content for content in found.values())
    assert ("reference_data/truth.csv" in found) == ("stand_in" in wanted)
    assert ("scoring_program/score.py" in found) == ("scoring_program" in wanted)
    if "stand_in" in wanted:
        assert found["reference_data/truth.csv"] == b"id,label\n0,x\n0,x\n"
        readme = found["README.md"].decode()
        assert "`reference_data/model.bin` has no stand-in" in readme
        assert "put answers of your own into these files" in readme


@pytest.mark.security
def test_only_the_owner_makes_a_kit(app: Flask, cast: Cast, task: Task) -> None:
    change(task, is_public=True)
    for person in (cast.petra, cast.pavel, cast.rita):
        client = browser(app, person)
        assert client.get(f"/tasks/{task.key}/kit").status_code == 403
        assert client.post(f"/tasks/{task.key}/kit").status_code == 403


def test_kit_is_handed_out_in_a_phase(app: Flask, cast: Cast, task: Task, store: FakeStore) -> None:
    phase = make_phase(cast.competition, tasks=[task], execution_time_limit_s=77)
    data = {"phase": str(phase.id), "what": "hand out", "input_data": "y"}
    answer = browser(app, cast.olga).post(f"/tasks/{task.key}/kit", data=data)
    assert answer.status_code == 303, answer.text
    db.session.expire_all()
    kept = db.session.get_one(StoredFile, db.session.get_one(Phase, phase.id).starting_kit_id)
    assert kept.kind == "starting_kit"
    with zipfile.ZipFile(io.BytesIO(store.objects[kept.ref])) as archive:
        assert "SECONDS = 77" in archive.read("score.py").decode()
    assert browser(app, cast.pavel).get(f"/files/{kept.key}").status_code == 302
    page = browser(app, cast.olga).get(f"/benchmarks/{cast.competition.id}/phases/manage").text
    assert f"/tasks/{task.key}/kit?phase={phase.id}" in page


def test_script_runs_the_same_command_as_the_site(
    app: Flask, cast: Cast, task: Task, tmp_path: Path
) -> None:
    for name, content in kit(
        app, cast, task, input_data="y", scoring_program="y", stand_in="y"
    ).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    ended = subprocess.run(
        [sys.executable, "score.py", "--print"],
        cwd=tmp_path, capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    first, second = [line for line in ended.stdout.splitlines() if line.startswith("+ docker run")]
    for line in (first, second):
        assert "--network none" in line
        assert "--read-only" in line
        assert "--cap-drop ALL" in line
    assert f"{tmp_path}/input_data:/app/input_data:ro" in first
    assert first.endswith("python3 /app/program/model.py /app/input /app/output")
    assert f"{tmp_path}/reference_data:/app/input/ref:ro" in second
    assert second.endswith("python3 /app/program/score.py /app/input /app/output")
    assert "reference_data" not in first


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"0.5 1e-3\n-2 .5\n", b"0 0\n0 0\n"),
        (b'{"a": [1.5, "b"]}', b'{"x": [0, "x"]}'),
        (b"\xff\xfe", None),
        (b"a,b\n", b"x,x\n"),
        (b"malignant,left\nbenign,right\n", b"x,x\nx,x\n"),
    ],
)
def test_stand_in_keeps_the_shape_and_nothing_else(content: bytes, expected: bytes | None) -> None:
    assert standin.stand_in(content) == expected

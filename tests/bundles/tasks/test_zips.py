"""Task zips: what is accepted, and the exact sentence that each broken one gets."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest
import yaml
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.bundles.tasks import services, zips
from app.platform.archive import Archive, BadArchive
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.resources.models import FileKind, StoredFile, Task, TaskRevision
from tests.actors import Cast, browser, make_cast
from tests.factories import NOW, make_file
from tests.fakes.storage import FakeStore

GOOD = "name: Triage\nscoring_program: scoring.zip\n"
NO_KEY = "11111111-2222-3333-4444-555555555555"


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


SCORING = zipped({"metadata.yaml": b"command: python3 $program/score.py"})


def task_zip(manifest: str | bytes = GOOD, /, **more: bytes) -> bytes:
    raw = manifest if isinstance(manifest, bytes) else manifest.encode()
    files = {"task.yaml": raw, "scoring.zip": SCORING, "truth/a.csv": b"1"}
    return zipped(files | {name.replace("__", "."): content for name, content in more.items()})


def read(raw: bytes) -> zips.TaskReading:
    return zips.read(Archive(io.BytesIO(raw)))


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def make(cast: Cast, raw: bytes) -> Task:
    viewer = Viewer(cast.olga.id, "olga")
    with unit_of_work():
        return services.create(viewer, "task.zip", io.BytesIO(raw), now=NOW)[0]


def nothing_stayed(store: FakeStore) -> bool:
    db.session.rollback()
    named = db.session.scalars(select(Task).where(Task.name == "Triage")).all()
    return not named and not db.session.scalars(select(StoredFile)).all() and not store.objects


# Accepted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["scoring.zip", "{zip: scoring.zip}", "./scoring.zip"])
def test_path_is_a_text_or_stands_in_a_mapping(
    app: Flask, cast: Cast, store: FakeStore, value: str
) -> None:
    made = make(cast, task_zip(f"name: Triage\nscoring_program: {value}\n"))
    revision = db.session.scalars(select(TaskRevision).where(TaskRevision.task_id == made.id)).one()
    program = db.session.get_one(StoredFile, revision.scoring_program_id)
    assert (program.kind, program.file_name) == ("scoring_program", "scoring.zip")
    assert store.objects[program.ref] == SCORING


@pytest.mark.parametrize("form", ["{key}", "{{key: {key}}}", "{{key: {key}, zip: gone.zip}}"])
def test_key_is_a_text_or_stands_in_a_mapping_and_wins(app: Flask, cast: Cast, form: str) -> None:
    own = make_file(cast.olga, kind=FileKind.SCORING_PROGRAM)
    made = make(cast, task_zip(f"name: Triage\nscoring_program: {form.format(key=own.key)}\n"))
    revision = db.session.scalars(select(TaskRevision).where(TaskRevision.task_id == made.id)).one()
    assert revision.scoring_program_id == own.id


def test_files_and_keys_go_together_and_a_folder_is_zipped(app: Flask, cast: Cast) -> None:
    own = make_file(cast.olga, kind=FileKind.INPUT_DATA)
    manifest = f"{GOOD}input_data: {own.key}\nreference_data: truth/\nis_public: true\n"
    made = make(cast, task_zip(manifest))
    assert made.is_public
    revision = db.session.scalars(select(TaskRevision).where(TaskRevision.task_id == made.id)).one()
    assert revision.input_data_id == own.id
    truth = db.session.get_one(StoredFile, revision.reference_data_id)
    assert (truth.kind, truth.file_name) == ("reference_data", "truth.zip")


def test_a_folder_around_everything_is_no_matter(app: Flask) -> None:
    reading = read(zipped({"task/task.yaml": GOOD.encode(), "task/scoring.zip": SCORING}))
    assert reading.problems == ()
    assert reading.draft is not None


# Broken ---------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once() -> None:
    reading = read(task_zip("name: ''\nscoring_program: a.zip\ninput_data: [1]\nis_public: 7\n"))
    assert len(reading.problems) == 4


def test_page_shows_the_problems_and_then_the_task(app: Flask, cast: Cast) -> None:
    client = browser(app, cast.olga)
    bad = {"file": (io.BytesIO(task_zip("name: Triage\n")), "task.zip")}
    answer = client.post("/tasks/upload", data=bad)
    assert answer.status_code == 422
    assert "task.yaml, scoring_program" in answer.text
    good = {"file": (io.BytesIO(task_zip()), "task.zip")}
    answer = client.post("/tasks/upload", data=good)
    assert answer.status_code == 303
    assert "Triage" in client.get(answer.headers["Location"]).text


def test_two_uploads_never_mix(app: Flask, cast: Cast, store: FakeStore) -> None:
    other = zipped({"metadata.yaml": b"command: python3 $program/other.py"})
    first = make(cast, task_zip())
    second = make(cast, task_zip(GOOD, scoring__zip=other))
    found = []
    for task in (first, second):
        revision = db.session.scalars(
            select(TaskRevision).where(TaskRevision.task_id == task.id)
        ).one()
        found.append(store.objects[db.session.get_one(StoredFile, revision.scoring_program_id).ref])
    assert found == [SCORING, other]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("scoring.zip"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["key", "zip", "name"]) | st.text(max_size=5), inner, max_size=3
    ),
    max_leaves=6,
)  # fmt: skip
KEYS = st.sampled_from(
    ["name", "description", "scoring_program", "input_data", "is_public", "surprise"]
)


@with_settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_manifest_is_a_draft_or_has_problems_that_say_where(
    app: Flask, manifest: dict[str, object]
) -> None:
    with app.app_context():
        reading = read(task_zip(yaml.safe_dump(manifest, allow_unicode=True)))
    assert (reading.draft is None) == bool(reading.problems)
    assert all(problem.where and problem.sentence.endswith(".") for problem in reading.problems)


@with_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 400))
def test_any_damage_is_an_answer_and_no_crash(app: Flask, noise: bytes, at: int) -> None:
    raw = task_zip()
    broken = raw[: at % len(raw)] + noise + raw[at % len(raw) + len(noise) :]
    with app.app_context():
        try:
            reading = read(broken)
        except BadArchive:
            return
    assert (reading.draft is None) == bool(reading.problems)

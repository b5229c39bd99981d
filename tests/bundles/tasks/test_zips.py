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
from app.competitions.services import InvalidDraft
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

BROKEN: dict[str, tuple[bytes, str]] = {
    "no manifest": (
        zipped({"a.txt": b"1"}),
        "task.yaml: task.yaml is not at the top of the zip; found 1 other files. "
        "Move it there and zip again.",
    ),
    "manifest too deep": (
        zipped({"a/b/task.yaml": b"", "c": b""}),
        "task.yaml: task.yaml is not at the top of the zip; found only a/b/task.yaml. "
        "Move it there and zip again.",
    ),
    "a bundle": (
        zipped({"competition.yaml": b"", "c": b""}),
        "task.yaml: task.yaml is not at the top of the zip; found competition.yaml. "
        "This is the bundle of a benchmark: upload it there.",
    ),
    "no YAML": (task_zip("name: [1"), "task.yaml: Line 1, column 9: expected"),
    "a tab": (task_zip("name: a\n\tb: c"), "a tab stands where YAML wants spaces"),
    "not UTF-8": (task_zip(b"name: \xff"), "task.yaml: "),
    "empty": (task_zip(""), "task.yaml: Found nothing; expected a mapping"),
    "a list": (task_zip("- a"), "task.yaml: Found a list of 1; expected a mapping"),
    "a tag": (task_zip("name: !!python/object:os.system x"), "is not allowed; remove it"),
    "a key twice": (task_zip(GOOD + "name: B\n"), "the key “name” is given a second time"),
    "no name": (
        task_zip("scoring_program: scoring.zip\n"),
        "task.yaml, name: The name of the task",
    ),
    "a list as name": (
        task_zip("name: [a]\nscoring_program: scoring.zip\n"),
        "task.yaml, line 1, name: Found a list of 1; expected text.",
    ),
    "a long name": (
        task_zip(f"name: {'a' * 300}\nscoring_program: scoring.zip\n"),
        "task.yaml, line 1, name: The name of the task",
    ),
    "no scoring program": (
        task_zip("name: Triage\n"),
        "task.yaml, scoring_program: The scoring program of the task",
    ),
    "a list as program": (
        task_zip("name: Triage\nscoring_program: [scoring.zip]\n"),
        "task.yaml, line 2, scoring_program: Found a list of 1; expected the name of a zip or "
        "folder, the key of stored data, or a mapping with key or zip.",
    ),
    "an empty mapping": (
        task_zip("name: Triage\nscoring_program: {}\n"),
        "task.yaml, line 2, scoring_program.zip: Found neither key nor zip; expected one of the two.",
    ),
    "a key that is none": (
        task_zip("name: Triage\nscoring_program: {key: 17}\n"),
        "task.yaml, line 2, scoring_program.key: Found “17”; expected the key (a UUID) of "
        "something stored here.",
    ),
    "a misspelt file": (
        task_zip("name: Triage\nscoring_program: scorin.zip\n"),
        "scoring_program: Found “scorin.zip”, which is not in the zip; expected a file or folder "
        "of the zip, or the key of stored data (is “scoring.zip” meant?).",
    ),
    "a misspelt file in a mapping": (
        task_zip("name: Triage\nscoring_program:\n  zip: scorin.zip\n"),
        "task.yaml, line 3, scoring_program.zip: Found “scorin.zip”, which is not in the zip;",
    ),
    "no zip": (
        task_zip(GOOD + "input_data: truth/a.csv\n"),
        "task.yaml, line 3, input_data: Found “truth/a.csv”, which is not a zip file; expected "
        "a zip file or a folder.",
    ),
    "a path out": (
        task_zip("name: Triage\nscoring_program: ../scoring.zip\n"),
        "leads out of the archive; expected a path inside the zip.",
    ),
    "an absolute path": (
        task_zip("name: Triage\nscoring_program: /etc/passwd\n"),
        "is absolute; expected a path inside the zip.",
    ),
    "everything": (
        task_zip("name: Triage\nscoring_program: .\n"),
        "task.yaml, line 2, scoring_program: Found “.”, the whole bundle; expected a file or "
        "folder inside it.",
    ),
    "a cut nested zip": (
        task_zip(GOOD, scoring__zip=SCORING[:30]),
        "task.yaml, line 2, scoring_program: Found “scoring.zip”, which cannot be used: The file "
        "is not a zip file, or its end is missing; expected a sound zip file.",
    ),
    "a nested zip that leads out": (
        task_zip(GOOD, scoring__zip=zipped({"../a": b"1"})),
        "task.yaml, line 2, scoring_program: Found “scoring.zip”, which cannot be used:",
    ),
    "ingestion without a program": (
        task_zip(GOOD + "ingestion_only_during_scoring: true\n"),
        "task.yaml, line 3, ingestion_only_during_scoring: The setting “ingestion only during "
        "scoring”",
    ),
    "no flag": (
        task_zip(GOOD + "is_public: perhaps\n"),
        "task.yaml, line 3, is_public: Found “perhaps”; expected true or false.",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_zip_gets_its_sentence_and_leaves_nothing(
    app: Flask, cast: Cast, store: FakeStore, name: str
) -> None:
    raw, sentence = BROKEN[name]
    with pytest.raises(InvalidDraft) as refusal:
        make(cast, raw)
    assert sentence in refusal.value.message
    assert nothing_stayed(store)


@pytest.mark.parametrize("whose", ["nobody", "petra"])
def test_key_that_is_not_ones_own_is_refused(
    app: Flask, cast: Cast, store: FakeStore, whose: str
) -> None:
    theirs = make_file(cast.petra, kind=FileKind.SCORING_PROGRAM)
    key = theirs.key if whose == "petra" else NO_KEY
    with pytest.raises(InvalidDraft, match="does not exist or is not yours to use"):
        make(cast, task_zip(f"name: Triage\nscoring_program: {key}\n"))


def test_key_of_another_kind_is_refused(app: Flask, cast: Cast) -> None:
    own = make_file(cast.olga, kind=FileKind.INPUT_DATA, name="Films")
    with pytest.raises(InvalidDraft, match="“Films”, which was uploaded as input data"):
        make(cast, task_zip(f"name: Triage\nscoring_program: {own.key}\n"))


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

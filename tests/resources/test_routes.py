"""Starting uploads, downloading files, and pictures, as browsers see them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.competitions.models import CompetitionSolution
from app.platform.db import db
from app.platform.limiting import limiter
from app.platform.storage import PRIVATE, PUBLIC, ObjectRef
from app.resources.models import FileKind, Solution, StoredFile, Task, TaskRevision
from tests.actors import HTMX, Cast, browser, make_cast
from tests.factories import NOW, change, make_file, make_phase, make_task, save
from tests.fakes.storage import FakeStore

UPLOAD = {"kind": "submission", "file_name": "results.zip", "file_size": "10"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def count_files() -> int:
    return db.session.scalar(select(func.count()).select_from(StoredFile)) or 0


@pytest.mark.parametrize("headers", [JSON, {**JSON, **HTMX}, {}])
def test_upload_island_gets_a_url_and_a_key(
    app: Flask, cast: Cast, headers: dict[str, str]
) -> None:
    answer = browser(app, cast.pavel).post("/uploads", data=UPLOAD, headers=headers)
    assert answer.status_code == 200
    body = answer.get_json()
    file = db.session.scalars(select(StoredFile).where(StoredFile.key == body["key"])).one()
    assert (file.owner_id, file.kind, file.is_complete) == (cast.pavel.id, "submission", False)
    assert body["url"].startswith("http://store.test/private/uploads/")
    assert body["headers"] == {"Content-Type": "application/zip"}
    assert set(body) == {"url", "headers", "key"}


def test_kind_may_stand_in_the_address(app: Flask, cast: Cast) -> None:
    fields = {"file_name": "b.zip", "file_size": "10"}
    answer = browser(app, cast.pavel).post("/uploads?kind=competition_bundle", data=fields)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"kind": "reference_data"}, 422),
        ({"kind": ""}, 422),
        ({"file_name": "results.txt"}, 422),
        ({"file_name": ""}, 422),
        ({"file_size": "many"}, 422),
        ({"file_size": "-1"}, 422),
        ({"file_size": "0"}, 422),
        ({"file_size": str(10**13)}, 413),
    ],
)
def test_upload_that_cannot_be_used_is_refused_in_a_sentence(
    app: Flask, cast: Cast, change: dict[str, str], status: int
) -> None:
    before = count_files()
    answer = browser(app, cast.pavel).post("/uploads", data={**UPLOAD, **change}, headers=JSON)
    assert answer.status_code == status
    assert answer.get_json()["error"].endswith(".")
    assert count_files() == before


def test_visitor_cannot_start_an_upload(app: Flask, cast: Cast) -> None:
    before = count_files()
    answer = browser(app, None).post("/uploads", data=UPLOAD)
    assert answer.status_code in (302, 303, 401)
    assert count_files() == before


def test_upload_takes_nothing_but_its_fields(app: Flask, cast: Cast) -> None:
    columns = {column.name: "1" for column in StoredFile.__table__.columns}
    answer = browser(app, cast.pavel).post("/uploads", data={**columns, **UPLOAD})
    file = db.session.scalars(
        select(StoredFile).where(StoredFile.key == answer.get_json()["key"])
    ).one()
    assert (file.owner_id, file.is_public, file.is_complete) == (cast.pavel.id, False, False)
    assert (file.bucket, file.object_key, file.sha256) == (PRIVATE, "", "")


def test_uploads_are_limited(app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "enabled", True)
    client = browser(app, cast.pavel)
    answers = [client.post("/uploads", data=UPLOAD).status_code for _ in range(61)]
    assert answers == [200] * 60 + [429]
    limiter.reset()


def revision_of(task: Task) -> TaskRevision:
    return db.session.scalars(select(TaskRevision).where(TaskRevision.task_id == task.id)).one()


def downloads(app: Flask, cast: Cast, file: StoredFile) -> set[str]:
    """Return who is sent to the store for this file; everyone else must see nothing."""
    answers = {
        name: browser(app, person).get(f"/files/{file.key}")
        for name, person in cast.people().items()
    }
    assert {answer.status_code for answer in answers.values()} <= {302, 404}
    for answer in answers.values():
        if answer.status_code == 302:
            assert answer.headers["Location"] == f"http://store.test/private/{file.object_key}?get"
            assert answer.headers["Cache-Control"] == "private, no-store"
    return {name for name, answer in answers.items() if answer.status_code == 302}


def test_private_file_is_for_its_owner(app: Flask, cast: Cast) -> None:
    assert downloads(app, cast, make_file(cast.petra)) == {"stranger"}


@pytest.mark.parametrize("role", ["starting_kit_id", "public_data_id"])
def test_kits_and_public_data_are_for_participants(app: Flask, cast: Cast, role: str) -> None:
    file = make_file(cast.olga, kind=FileKind.PUBLIC_DATA)
    roles: dict[str, Any] = {role: file.id}
    make_phase(cast.competition, **roles)
    assert downloads(app, cast, file) == {"organizer", "participant", "staff"}


def test_reference_data_and_scoring_programs_stay_with_the_organizers(
    app: Flask, cast: Cast
) -> None:
    change(cast.competition, make_programs_available=True, make_input_data_available=True)
    task = make_task(cast.olga, programs=True)
    make_phase(cast.competition, tasks=[task])
    revision = revision_of(task)
    for file_id in (revision.reference_data_id, revision.scoring_program_id):
        file = db.session.get_one(StoredFile, file_id)
        assert downloads(app, cast, file) == {"organizer", "staff"}


def test_reference_data_that_is_public_data_too_stays_with_the_organizers(
    app: Flask, cast: Cast
) -> None:
    truth = make_file(cast.olga, kind=FileKind.PUBLIC_DATA)
    task = make_task(cast.olga)
    change(revision_of(task), reference_data_id=truth.id)
    make_phase(cast.competition, tasks=[task], public_data_id=truth.id)
    assert downloads(app, cast, truth) == {"organizer", "staff"}


@pytest.mark.parametrize("is_available", [True, False])
def test_input_data_is_for_participants_when_the_organizer_says_so(
    app: Flask, cast: Cast, is_available: bool
) -> None:
    change(cast.competition, make_input_data_available=is_available)
    file, task = make_file(cast.olga, kind=FileKind.INPUT_DATA), make_task(cast.olga)
    change(revision_of(task), input_data_id=file.id)
    make_phase(cast.competition, tasks=[task])
    everyone = {"organizer", "participant", "staff"}
    assert downloads(app, cast, file) == (everyone if is_available else everyone - {"participant"})


def test_solution_is_for_participants(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=FileKind.SOLUTION)
    solution = Solution(owner_id=cast.olga.id, name="S", file_id=file.id, created_at=NOW)
    save(solution)
    save(CompetitionSolution(competition_id=cast.competition.id, solution_id=solution.id))
    assert downloads(app, cast, file) == {"organizer", "participant", "staff"}


def test_files_of_an_unpublished_competition_stay_inside(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=FileKind.STARTING_KIT)
    make_phase(cast.competition, starting_kit_id=file.id)
    change(cast.competition, is_published=False)
    assert downloads(app, cast, file) == {"organizer", "staff"}


def test_unknown_key_and_a_hidden_file_look_alike(app: Flask, cast: Cast) -> None:
    client = browser(app, cast.pavel)
    hidden = client.get(f"/files/{make_file(cast.petra).key}", headers=JSON)
    unknown = client.get(f"/files/{uuid.uuid4()}", headers=JSON)
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.get_json() == unknown.get_json()
    assert client.get("/files/..%2f..%2fetc").status_code == 404


KEY = f"pictures/{'0' * 32}/logo.png"


def test_logo_is_served_for_a_long_time(app: Flask, cast: Cast, store: FakeStore) -> None:
    store.objects[ObjectRef(PUBLIC, KEY)] = b"png"
    client = browser(app, None)
    assert client.get(f"/media/{KEY}").status_code == 404  # no page shows it
    change(cast.competition, logo_key=KEY)
    answer = client.get(f"/media/{KEY}")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, b"png", "image/png")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "key", ["", "../private/x", "pictures/x/logo.png", f"pictures/{'0' * 32}/logo.html"]
)
def test_other_objects_are_no_pictures(app: Flask, cast: Cast, store: FakeStore, key: str) -> None:
    change(cast.competition, logo_key=key)
    store.objects[ObjectRef(PUBLIC, key)] = b"secret"
    assert browser(app, cast.rita).get(f"/media/{key}").status_code == 404

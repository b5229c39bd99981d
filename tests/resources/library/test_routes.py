"""The library of files, as browsers see it."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select

from app.platform.db import db, unit_of_work
from app.resources.library import uses
from app.resources.library.drafts import KINDS
from app.resources.models import FileKind, FileVersion, PartUpload, StoredFile, Task, TaskRevision
from app.resources.parts import checking, services
from tests.actors import HTMX, Cast, browser, make_cast
from tests.factories import NOW, change, make_file, make_phase, make_submission, make_task, save
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore

JSON = {"Accept": "application/json"}
DATA = FileKind.INPUT_DATA
FORM = {
    "name": "Mammograms", "kind": "input_data", "description": "Four views of each breast.",
    "license": "CC-BY-4.0", "license_other": "", "replaces": "", "upload_key": "",
}  # fmt: skip


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def a_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.csv"), b"1")
    return out.getvalue()


def fresh(file: StoredFile) -> StoredFile:
    db.session.expire_all()
    return db.session.get_one(StoredFile, file.id)


def upload(app: Flask, cast: Cast, **values: Any) -> Any:
    data = {**FORM, "file": (io.BytesIO(a_zip()), "numbers.zip"), **values}
    return browser(app, cast.olga).post("/resources/new", data=data)


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]+>([^<]+)</a>', page)


# Uploading ------------------------------------------------------------------------------------


def test_plain_form_brings_a_file(app: Flask, cast: Cast, store: FakeStore) -> None:
    answer = upload(app, cast)
    assert answer.status_code == 303
    file = db.session.scalars(select(StoredFile).where(StoredFile.kind == DATA)).one()
    assert answer.headers["Location"] == f"/resources/{file.key}"
    assert (file.name, file.file_name, file.license) == ("Mammograms", "numbers.zip", "CC-BY-4.0")
    assert (file.owner_id, file.is_complete, file.is_public) == (cast.olga.id, True, False)
    assert store.objects[file.ref] == a_zip()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": " "}, "Give the file a name."),
        ({"kind": "submission"}, "Not a valid choice"),
        ({"license": "other"}, "Name the licence."),
        ({"file": (io.BytesIO(b"x"), "numbers.tar")}, "is not a zip file"),
        ({"file": (io.BytesIO(b"x"), "numbers.zip")}, "not a zip"),
        ({"file": (io.BytesIO(b""), "")}, "Choose a zip file"),
        ({"upload_key": "nonsense"}, "This upload is not known"),
        ({"replaces": "nonsense"}, "is not known"),
    ],
)
def test_what_is_wrong_is_said_in_the_form(
    app: Flask, cast: Cast, values: dict[str, Any], sentence: str
) -> None:
    answer = upload(app, cast, **values)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert not db.session.scalars(select(StoredFile)).all()


def test_licence_of_an_owners_own_words_is_kept(app: Flask, cast: Cast) -> None:
    upload(app, cast, license="other", license_other="By agreement only")
    file = db.session.scalars(select(StoredFile)).one()
    page = browser(app, cast.olga).get(f"/resources/{file.key}/edit").text
    assert file.license == "By agreement only"
    assert 'value="By agreement only"' in page


def announce(app: Flask, cast: Cast, size: int) -> dict[str, Any]:
    data = {**FORM, "file_name": "numbers.zip", "file_size": str(size), "file_modified": "17"}
    answer = browser(app, cast.olga).post("/resources/start", data=data, headers=JSON)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def test_small_file_of_the_island_goes_to_one_place(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    ticket = announce(app, cast, len(a_zip()))
    assert "url" in ticket
    file = db.session.scalars(select(StoredFile)).one()
    store.objects[type(file.ref)(file.bucket, file.upload_key)] = a_zip()
    answer = upload(app, cast, file=(io.BytesIO(b""), ""), upload_key=ticket["key"])
    assert answer.status_code == 303
    assert fresh(file).is_complete


def test_large_file_of_the_island_goes_in_parts(
    app: Flask, cast: Cast, store: FakeStore, carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "FROM_BYTES", 10)
    client = browser(app, cast.olga)
    ticket = announce(app, cast, len(a_zip()))
    assert "url" not in ticket
    batch = client.post(ticket["parts_url"], headers=JSON).get_json()
    assert [part["number"] for part in batch["urls"]] == [1]
    file = db.session.scalars(select(StoredFile)).one()
    early = upload(app, cast, file=(io.BytesIO(b""), ""), upload_key=ticket["key"])
    assert (early.status_code, "have not arrived" in early.text) == (422, True)

    store.uploads[db.session.get_one(PartUpload, file.id).upload_id][1][1] = a_zip()
    assert client.post(ticket["parts_url"], headers=JSON).get_json()["urls"] == []
    answer = upload(app, cast, file=(io.BytesIO(b""), ""), upload_key=ticket["key"])
    assert answer.status_code == 303
    assert len(carrier.jobs) == 1
    page = client.get(answer.headers["Location"]).text
    assert "Being checked" in page
    under_way = client.get(f"/resources/{file.key}/status", headers=HTMX)
    assert (under_way.status_code, "hx-swap-oob" in under_way.text) == (200, False)
    checking.run(file.id, lambda: NOW)
    over = client.get(f"/resources/{file.key}/status", headers=HTMX)
    assert over.status_code == 286
    for words in (fresh(file).sha256, "Upload a new version", "Make it public"):
        assert words in over.text
    assert over.text.count("hx-swap-oob") == 2
    assert "hx-swap-oob" not in client.get(f"/resources/{file.key}").text
    assert fresh(file).is_complete


def test_upload_that_the_store_forgot_is_told_to_begin_anew(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    ticket = announce(app, cast, services.FROM_BYTES)
    store.uploads.clear()
    answer = browser(app, cast.olga).post(ticket["parts_url"], headers=JSON)
    assert (answer.status_code, answer.get_json()["is_forgotten"]) == (404, True)
    anew = announce(app, cast, services.FROM_BYTES)
    assert anew["key"] != ticket["key"]
    assert browser(app, cast.olga).post(anew["parts_url"], headers=JSON).get_json()["arrived"] == 0


def test_announcement_of_a_bad_form_says_why(app: Flask, cast: Cast) -> None:
    data = {**FORM, "name": "", "file_name": "numbers.zip", "file_size": "10"}
    answer = browser(app, cast.olga).post("/resources/start", data=data, headers=JSON)
    assert (answer.status_code, answer.get_json()["error"]) == (422, "Give the file a name.")


def test_upload_that_is_not_over_can_be_cancelled_on_its_page(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    ticket = announce(app, cast, services.FROM_BYTES)
    client = browser(app, cast.olga)
    assert "Not all of this file has arrived" in client.get(f"/resources/{ticket['key']}").text
    assert "Not all of it has arrived" in client.get("/resources/").text
    assert client.post(ticket["cancel_url"]).status_code == 303
    assert (store.uploads, db.session.scalars(select(StoredFile)).all()) == ({}, [])


# The list -------------------------------------------------------------------------------------


def test_list_holds_what_is_asked_for(app: Flask, cast: Cast) -> None:
    make_file(cast.olga, kind=DATA, name="Beta", size_bytes=1, came_with_bundle=True)
    make_file(cast.olga, kind=FileKind.SCORING_PROGRAM, name="alpha", size_bytes=9, downloads=3)
    make_file(cast.olga, kind=FileKind.SUBMISSION, name="Mine too")
    make_file(cast.petra, kind=DATA, name="Shared", is_public=True, description="100% chest")
    make_file(cast.petra, kind=DATA, name="Secret")
    make_file(cast.petra, kind=DATA, name="Half", is_public=True, is_complete=False)
    client = browser(app, cast.olga)
    for query, expected in {
        "": ["alpha", "Beta"],
        "?sort=name": ["alpha", "Beta"],
        "?sort=-name": ["Beta", "alpha"],
        "?sort=size": ["Beta", "alpha"],
        "?sort=-downloads": ["alpha", "Beta"],
        "?kind=input_data": ["Beta"],
        "?kind=submission": ["alpha", "Beta"],
        "?origin=bundle": ["Beta"],
        "?origin=hand": ["alpha"],
        "?q=ALP": ["alpha"],
        "?q=100%25+chest": [],
        "?whose=public": ["Shared"],
        "?whose=public&q=100%25+chest": ["Shared"],
        "?whose=everybody&kind=nonsense&sort=drop&origin=x": ["alpha", "Beta"],
        "?page=2": [],
    }.items():
        assert names(client.get(f"/resources/{query}").text) == expected, query


def test_owner_is_told_that_a_new_version_of_a_public_file_is_private(
    app: Flask, cast: Cast
) -> None:
    old = make_file(cast.olga, kind=DATA, is_public=True)
    new = make_file(cast.olga, kind=DATA)
    save(FileVersion(newer_id=new.id, older_id=old.id))
    client, told = browser(app, cast.olga), "The version before is public"
    assert told in client.get(f"/resources/{new.key}").text
    assert told not in client.get(f"/resources/{old.key}").text
    change(new, is_public=True)
    assert told not in client.get(f"/resources/{new.key}").text
    assert "There is a newer version" in browser(app, None).get(f"/datasets/{old.key}").text


def test_list_says_what_is_in_use_and_what_has_a_newer_version(app: Flask, cast: Cast) -> None:
    old, new = make_file(cast.olga, kind=DATA), make_file(cast.olga, kind=DATA)
    save(FileVersion(newer_id=new.id, older_id=old.id))
    task = make_task(cast.olga)
    change(task_revision(task), input_data_id=old.id)
    page = browser(app, cast.olga).get("/resources/").text
    assert page.count("has a newer version") == 1
    assert page.count("not in use") == 1
    assert page.count("in use") == 2


def task_revision(task: Task) -> TaskRevision:
    return db.session.scalars(select(TaskRevision).where(TaskRevision.task_id == task.id)).one()


def statements(app: Flask, cast: Cast, address: str) -> int:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    client = browser(app, cast.olga)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert client.get(address).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize(
    "address", ["/resources/", "/resources/?whose=public&q=file+1", "/datasets/?sort=-size&q=file"]
)
def test_ten_thousand_files_take_as_many_statements_as_two(
    app: Flask, cast: Cast, address: str
) -> None:
    def files(first: int, count: int) -> list[dict[str, Any]]:
        return [
            {
                "key": f"{number:036}", "owner_id": cast.olga.id, "kind": DATA,
                "name": f"File {number}", "file_name": "a.zip", "bucket": "private",
                "object_key": f"files/{number}", "is_complete": True, "is_public": True,
                "created_at": NOW,
            }
            for number in range(first, first + count)
        ]  # fmt: skip

    with unit_of_work():
        db.session.execute(insert(StoredFile), files(0, 2))
    few = statements(app, cast, address)
    with unit_of_work():
        db.session.execute(insert(StoredFile), files(2, 10_000))
    assert statements(app, cast, address) == few
    assert len(names(browser(app, cast.olga).get(address).text)) == 50


# One file -------------------------------------------------------------------------------------


def reached(app: Flask, cast: Cast, address: str) -> set[str]:
    return {
        part for part, user in cast.people().items()
        if browser(app, user).get(address).status_code == 200
    }  # fmt: skip


def test_private_page_is_for_the_owner_and_staff(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=DATA)
    for page in ("", "/edit", "/public", "/delete"):
        assert reached(app, cast, f"/resources/{file.key}{page}") == {"organizer", "staff"}


def test_public_page_is_for_people_and_read_only(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=DATA, name="Open", is_public=True)
    everybody = set(cast.people()) - {"visitor"}
    assert reached(app, cast, f"/resources/{file.key}") == everybody
    for page in ("/edit", "/public", "/delete"):
        assert reached(app, cast, f"/resources/{file.key}{page}") == {"organizer", "staff"}
    stranger = browser(app, cast.petra)
    for act in ("edit", "public", "private", "delete"):
        answer = stranger.post(f"/resources/{file.key}/{act}", data={"name": "x", "license": ""})
        assert answer.status_code == 403
    assert "Where it is used" not in stranger.get(f"/resources/{file.key}").text
    assert (fresh(file).name, fresh(file).is_public) == ("Open", True)


def test_owner_renames_and_describes(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=DATA)
    form = {"name": "Films", "description": "*Chest*", "license": "MIT", "license_other": ""}
    client = browser(app, cast.olga)
    assert client.post(f"/resources/{file.key}/edit", data=form).status_code == 303
    page = client.get(f"/resources/{file.key}").text
    assert "<h1>Films</h1>" in page
    assert "<em>Chest</em>" in page
    assert client.post(f"/resources/{file.key}/edit", data={"name": ""}).status_code == 422


def test_file_becomes_public_only_when_its_owner_says_so_twice(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=FileKind.REFERENCE_DATA)
    client = browser(app, cast.olga)
    assert "usually kept secret" in client.get(f"/resources/{file.key}/public").text
    assert client.post(f"/resources/{file.key}/public").status_code == 422
    assert not fresh(file).is_public
    agreed = {"is_understood": "y"}
    assert client.post(f"/resources/{file.key}/public", data=agreed).status_code == 303
    assert fresh(file).is_public
    assert client.post(f"/resources/{file.key}/private").status_code == 303
    assert not fresh(file).is_public


@pytest.mark.parametrize(
    "role", ["reference_data", "scoring_program", "ingestion_program", "input_data"]
)
@pytest.mark.parametrize("is_available", [True, False])
def test_what_a_benchmark_keeps_secret_stays_private(
    app: Flask, cast: Cast, role: str, is_available: bool
) -> None:
    change(
        cast.competition,
        make_programs_available=is_available,
        make_input_data_available=is_available,
    )
    file = make_file(cast.olga, kind=FileKind.PUBLIC_DATA)
    task = make_task(cast.olga)
    change(task_revision(task), **{f"{role}_id": file.id})
    make_phase(cast.competition, tasks=[task])
    answer = browser(app, cast.olga).post(
        f"/resources/{file.key}/public", data={"is_understood": "y"}
    )
    may = is_available and role in ("ingestion_program", "input_data")
    assert answer.status_code == (303 if may else 409)
    assert fresh(file).is_public == may


@pytest.mark.parametrize("kind", [FileKind.SUBMISSION, FileKind.COMPETITION_BUNDLE])
def test_submissions_and_bundles_stay_private(app: Flask, cast: Cast, kind: FileKind) -> None:
    file = make_file(cast.olga, kind=kind)
    answer = browser(app, cast.olga).post(
        f"/resources/{file.key}/public", data={"is_understood": "y"}
    )
    assert answer.status_code == 409


def test_new_version_takes_the_place_of_the_old_one(app: Flask, cast: Cast) -> None:
    old = make_file(cast.olga, kind=DATA, name="Films", license="MIT", is_public=True)
    client = browser(app, cast.olga)
    assert 'value="Films"' in client.get(f"/resources/new?replaces={old.key}").text
    new = upload(app, cast, name="Films", replaces=old.key).headers["Location"]
    page = client.get(f"/resources/{old.key}").text
    assert "There is a newer version" in page
    assert new in page
    assert f"/resources/{old.key}" in client.get(new).text
    again = upload(app, cast, name="Films", replaces=old.key)
    assert (again.status_code, "newer version already" in again.text) == (422, True)
    assert "Films" in browser(app, cast.petra).get(f"/resources/{old.key}").text
    assert (
        "newer" not in browser(app, cast.petra).get(f"/resources/{old.key}").text
    )  # it is private


def test_nobody_replaces_the_file_of_another(app: Flask, cast: Cast) -> None:
    theirs = make_file(cast.petra, kind=DATA, is_public=True)
    hidden = make_file(cast.petra, kind=DATA)
    assert upload(app, cast, replaces=theirs.key).status_code == 403
    assert upload(app, cast, replaces=hidden.key).status_code in (404, 422)
    assert not db.session.scalars(select(FileVersion)).all()


# Deleting -------------------------------------------------------------------------------------


def test_unused_file_is_deleted_with_its_bytes(app: Flask, cast: Cast, store: FakeStore) -> None:
    file = make_file(cast.olga, kind=DATA)
    store.objects[file.ref] = b"zip"
    assert browser(app, cast.olga).post(f"/resources/{file.key}/delete").status_code == 303
    assert store.objects == {}
    assert db.session.get(StoredFile, file.id, populate_existing=True) is None


@pytest.mark.parametrize("use", ["starting_kit_id", "public_data_id", "task", "submission"])
def test_file_in_use_is_not_deleted_and_the_reason_names_the_place(
    app: Flask, cast: Cast, store: FakeStore, use: str
) -> None:
    file = make_file(cast.olga, kind=DATA)
    store.objects[file.ref] = b"zip"
    if use == "task":
        task = make_task(cast.olga, name="Screening")
        change(task_revision(task), input_data_id=file.id)
        place = "task “Screening”"
    elif use == "submission":
        phase = make_phase(cast.competition)
        change(make_submission(phase, cast.pavel), file_id=file.id)
        place = "submission “Breast cancer”"
    else:
        handed_out: dict[str, Any] = {use: file.id}
        make_phase(cast.competition, name="Final", **handed_out)
        place = "phase “Breast cancer: Final”"
    client = browser(app, cast.olga)
    assert place in client.get(f"/resources/{file.key}/delete").text
    answer = client.post(f"/resources/{file.key}/delete", headers=JSON)
    assert (answer.status_code, place in answer.get_json()["error"]) == (409, True)
    assert file.ref in store.objects


def test_every_table_that_names_a_file_is_known_to_use_it() -> None:
    named = {f"{column.table.name}.{column.name}" for column in uses.columns()}
    assert named >= {
        "bundle_imports.file_id", "phases.public_data_id", "phases.starting_kit_id",
        "solutions.file_id", "submissions.file_id", "task_revisions.ingestion_program_id",
        "task_revisions.input_data_id", "task_revisions.reference_data_id",
        "task_revisions.scoring_program_id",
    }  # fmt: skip
    assert not {name for name in named if name.startswith(("part_uploads", "file_versions"))}


def test_library_kinds_are_all_but_those_that_come_by_themselves() -> None:
    assert set(FileKind) - set(KINDS) == {
        FileKind.SUBMISSION, FileKind.COMPETITION_BUNDLE, FileKind.TASK_ZIP,
    }  # fmt: skip

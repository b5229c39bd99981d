"""Uploading a bundle and watching it, as browsers see them."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from app.bundles import services
from app.bundles.models import BundleImport, ImportState
from app.platform.db import db, unit_of_work
from app.platform.storage import ObjectRef
from app.resources.models import FileKind, StoredFile
from tests.actors import HTMX, Cast, browser, make_cast
from tests.bundles.bundle_factories import MANIFEST, changed, make_files, zip_of
from tests.conftest import make_settings
from tests.factories import NOW, make_file, save
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def form(name: str = "bundle.zip", raw: bytes | None = None, **fields: str) -> dict[str, Any]:
    raw = zip_of(make_files()).getvalue() if raw is None else raw
    return {"file": (io.BytesIO(raw), name), "upload_key": "", **fields}


def post_large(client: FlaskClient, raw: bytes) -> TestResponse:
    """Post a large file; the test client would leave its temporary file open."""
    file = FileStorage(io.BytesIO(raw), "bundle.zip", "file", "application/zip")
    boundary, body = encode_multipart({"file": file})
    kind = f"multipart/form-data; boundary={boundary}"
    return client.post("/bundles/new", data=body, content_type=kind)


def imports() -> int:
    return db.session.scalar(select(func.count()).select_from(BundleImport)) or 0


def make_import(cast: Cast, **values: Any) -> BundleImport:
    file = make_file(cast.olga, kind=FileKind.COMPETITION_BUNDLE, file_name="bundle.zip")
    made = BundleImport(
        **{"owner_id": cast.olga.id, "file_id": file.id, "created_at": NOW, "heard_at": NOW,
           "problems": [], "notes": [], "object_keys": [], **values}
    )  # fmt: skip
    save(made)
    return made


def test_check_is_a_button_beside_import(
    app: Flask, cast: Cast, store: FakeStore, carrier: FakeCarrier
) -> None:
    client = browser(app, cast.olga)
    answer = client.post("/bundles/new", data=form(act="check"))
    with unit_of_work():
        made = db.session.scalars(select(BundleImport)).one()
        import_id = made.id
        assert made.is_check
    assert answer.location == f"/bundles/{import_id}"
    assert b"Check of bundle.zip" in client.get(answer.location).data
    services.run_import(import_id, lambda: NOW)
    shown = client.get(f"/bundles/{import_id}").data
    assert b"The bundle can be imported" in shown
    assert b"The benchmark is made" not in shown
    assert b"bundle.zip" in client.get("/bundles/new").data
    assert store.objects == {}


def test_form_asks_what_becomes_of_an_archive(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    olga, rita = browser(app, cast.olga), browser(app, cast.rita)
    assert b'value="restore"' in olga.get("/bundles/new").data
    for client in (olga, rita):  # anybody can sign up
        assert b'value="match"' not in client.get("/bundles/new").data
    monkeypatch.setattr(services, "settings", lambda: make_settings(sign_up=False))
    assert b'value="match"' not in olga.get("/bundles/new").data
    assert b'value="match"' in rita.get("/bundles/new").data
    for past, flags in {"leave": (False, False), "match": (True, True)}.items():
        assert rita.post("/bundles/new", data=form(past=past)).status_code == 303
        made = db.session.scalars(select(BundleImport).order_by(BundleImport.id.desc())).first()
        assert made is not None
        assert (made.with_archive, made.matches_accounts) == flags


def test_choice_that_is_not_offered_stores_nothing(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    olga = browser(app, cast.olga)
    assert olga.post("/bundles/new", data=form(past="match")).status_code == 403
    answer = olga.post("/bundles/new", data=form(past="forget"))
    assert answer.status_code == 422
    assert b"Choose what becomes of participants" in answer.data
    assert store.objects == {}
    assert imports() == 0


def test_form_is_a_page_for_whoever_is_logged_in(app: Flask, cast: Cast) -> None:
    make_import(cast)
    answer = browser(app, cast.olga).get("/bundles/new")
    assert answer.status_code == 200
    assert b"Check" in answer.data
    assert b"/uploads?kind=competition_bundle" in answer.data
    assert b'name="upload_key"' in answer.data
    assert b"bundle.zip" in answer.data
    assert b"bundle.zip" not in browser(app, cast.petra).get("/bundles/new").data
    assert browser(app, None).get("/bundles/new").status_code in (302, 303)


def test_plain_browser_uploads_a_bundle_and_is_sent_to_its_import(
    app: Flask, cast: Cast, carrier: FakeCarrier, store: FakeStore
) -> None:
    answer = browser(app, cast.olga).post("/bundles/new", data=form("../folder/bundle.zip"))
    started = db.session.scalars(select(BundleImport)).one()
    assert (answer.status_code, answer.location) == (303, f"/bundles/{started.id}")
    assert carrier.jobs == [("app.bundles.jobs.unpack", (started.id,))]
    file = db.session.get_one(StoredFile, started.file_id)
    assert (file.file_name, file.kind, file.is_complete) == (
        "bundle.zip", "competition_bundle", True,
    )  # fmt: skip
    assert store.objects[file.ref] == zip_of(make_files()).getvalue()


def test_htmx_uploads_a_bundle_and_is_sent_to_its_import(app: Flask, cast: Cast) -> None:
    answer = browser(app, cast.olga).post("/bundles/new", data=form(), headers=HTMX)
    started = db.session.scalars(select(BundleImport)).one()
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, f"/bundles/{started.id}")


def test_island_uploads_to_the_store_and_sends_the_key(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    client = browser(app, cast.olga)
    fields = {"kind": "competition_bundle", "file_name": "b.zip", "file_size": "10"}
    key = client.post("/uploads", data=fields).get_json()["key"]
    file = db.session.scalars(select(StoredFile).where(StoredFile.key == key)).one()
    store.objects[ObjectRef(file.bucket, file.upload_key)] = zip_of(make_files()).getvalue()
    answer = client.post("/bundles/new", data={"upload_key": key})
    assert answer.status_code == 303
    started = db.session.scalars(select(BundleImport)).one()
    assert (started.file_id, started.owner_id) == (file.id, cast.olga.id)


BROKEN = {
    "no file": ({"upload_key": ""}, "Choose a zip file"),
    "other type": (form("bundle.rar"), "not a zip file"),
    "empty": (form(raw=b""), "empty"),
    "no zip": (form(raw=b"hello"), "not a zip"),
    "unknown key": ({"upload_key": "' OR 1=1 --"}, "not known"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_cannot_be_imported_comes_back_with_the_reason(
    app: Flask, cast: Cast, store: FakeStore, name: str, headers: dict[str, str]
) -> None:
    fields, reason = BROKEN[name]
    if file := fields.get("file"):
        fields = {**fields, "file": (io.BytesIO(file[0].getvalue()), file[1])}
    answer = browser(app, cast.olga).post("/bundles/new", data=fields, headers=headers)
    assert answer.status_code == 422
    assert reason in answer.text
    assert ("<html" in answer.text) == (not headers)
    assert imports() == 0
    assert not store.objects


def test_upload_of_another_is_not_known(app: Flask, cast: Cast) -> None:
    theirs = make_file(cast.petra, kind=FileKind.COMPETITION_BUNDLE)
    answer = browser(app, cast.olga).post("/bundles/new", data={"upload_key": theirs.key})
    assert answer.status_code == 422
    assert imports() == 0


def test_visitor_uploads_nothing(app: Flask, cast: Cast, store: FakeStore) -> None:
    answer = browser(app, None).post("/bundles/new", data=form())
    assert answer.status_code in (302, 303, 401)
    assert imports() == 0
    assert not store.objects


def test_form_takes_nothing_but_its_fields(app: Flask, cast: Cast) -> None:
    columns = {column.name: "1" for column in BundleImport.__table__.columns}
    browser(app, cast.petra).post("/bundles/new", data={**form(), **columns})
    started = db.session.scalars(select(BundleImport)).one()
    assert (started.owner_id, started.state) == (cast.petra.id, "waiting")
    assert (started.competition_id, started.files_total) == (None, 0)


def test_file_larger_than_other_pages_take_arrives(app: Flask, cast: Cast) -> None:
    """Everywhere else a request ends at 2 MiB."""
    files = make_files() | {"large.bin": bytes(range(256)) * 4 * 4096}
    answer = post_large(browser(app, cast.olga), zip_of(files).getvalue())
    assert answer.status_code == 303


def test_file_over_the_limit_is_refused(app: Flask, cast: Cast) -> None:
    app.extensions["plumbline.settings"] = make_settings(upload_mib=1)
    for mib, status in ((1.5, 422), (3, 413)):
        answer = post_large(browser(app, cast.olga), b"x" * int(mib * 1024**2))
        assert answer.status_code == status
    assert imports() == 0


def test_token_is_checked_once_it_is_known_who_sends(app: Flask, cast: Cast) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = browser(app, cast.olga)
    assert client.post("/bundles/new", data=form()).status_code == 403
    assert imports() == 0
    page = client.get("/bundles/new").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert client.post("/bundles/new", data=form(csrf_token=token)).status_code == 303


def test_database_is_free_while_the_file_arrives(app: Flask, cast: Cast) -> None:
    free = []

    class Slow(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            free.append(not db.session().in_transaction())
            return super().readinto(buffer)

    file = FileStorage(io.BytesIO(b"x" * 1024), "bundle.zip", "file", "application/zip")
    boundary, body = encode_multipart({"file": file})
    browser(app, cast.olga).post(
        "/bundles/new", input_stream=Slow(body), content_length=len(body),
        content_type=f"multipart/form-data; boundary={boundary}",
    )  # fmt: skip
    assert free
    assert all(free)


# Watching

STATES: dict[str, tuple[dict[str, Any], str]] = {
    "waiting": ({}, "Waiting for its turn"),
    "reading": ({}, "Reading the bundle"),
    "storing": ({"files_done": 2, "files_total": 5}, "2 of 5 stored"),
    "finished": ({}, "The benchmark is made"),
    "failed": (
        {"problems": [{"where": "competition.yaml, line 3, title", "found": "nothing",
                       "expected": "<b>text</b>", "sentence": "The title is empty."}]},
        "The title is empty.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_page_and_a_fragment(app: Flask, cast: Cast, state: str) -> None:
    values, text = STATES[state]
    if state == "finished":
        values = {"competition_id": cast.competition.id}
    shown = make_import(cast, state=state, **values)
    client = browser(app, cast.olga)
    page = client.get(f"/bundles/{shown.id}")
    assert (page.status_code, "<html" in page.text) == (200, True)
    fragment = client.get(f"/bundles/{shown.id}/status", headers=HTMX)
    is_over = ImportState(state).is_terminal
    assert fragment.status_code == (286 if is_over else 200)
    assert fragment.text.lstrip().startswith(f'<section class="stack" id="import-{shown.id}"')
    for answer in (page, fragment):
        assert text in answer.text
        assert ("every 1s" in answer.text) == (not is_over)
        assert "<b>text</b>" not in answer.text
    if state == "finished":
        assert f'href="/benchmarks/{cast.competition.id}"' in page.text
    if state == "failed":
        assert "The title is empty. Expected: &lt;b&gt;text&lt;/b&gt;." in page.text
        assert "Lines are those of competition.yaml." in page.text
        assert ">line 3, title<" in page.text


def test_plain_browser_is_sent_from_the_fragment_to_the_page(app: Flask, cast: Cast) -> None:
    shown = make_import(cast)
    answer = browser(app, cast.olga).get(f"/bundles/{shown.id}/status")
    assert (answer.status_code, answer.location) == (303, f"/bundles/{shown.id}")


@pytest.mark.parametrize("path", ["", "/status"])
def test_only_the_owner_and_staff_watch_an_import(app: Flask, cast: Cast, path: str) -> None:
    shown = make_import(cast)
    seen = {
        name: browser(app, person).get(f"/bundles/{shown.id}{path}", headers=HTMX).status_code
        for name, person in cast.people().items()
    }
    assert {name for name, status in seen.items() if status == 200 and name != "visitor"} == {
        "organizer", "staff",
    }  # fmt: skip
    assert {seen[name] for name in ("participant", "pending", "denied", "stranger")} == {404}
    assert "import-" not in browser(app, None).get(f"/bundles/{shown.id}{path}").text


def test_whole_way_from_the_form_to_the_benchmark(app: Flask, cast: Cast) -> None:
    client = browser(app, cast.olga)
    raw = zip_of(make_files(changed(("title: A benchmark", "title: <i>Mine</i>")))).getvalue()
    url = client.post("/bundles/new", data=form(raw=raw)).location
    services.run_import(int(url.rpartition("/")[2]), lambda: NOW)
    page = client.get(url).text
    assert "The benchmark is made" in page
    link = page.partition('class="button button--primary" href="')[2].partition('"')[0]
    shown = client.get(link)
    assert shown.status_code == 200
    assert "&lt;i&gt;Mine&lt;/i&gt;" in shown.text
    assert browser(app, cast.petra).get(link).status_code == 404


def test_bad_bundle_shows_all_its_problems(app: Flask, cast: Cast) -> None:
    client = browser(app, cast.olga)
    manifest = changed(("title: A benchmark", 'title: ""'), ("2030-01-01", "soon"))
    url = client.post(
        "/bundles/new", data=form(raw=zip_of(make_files(manifest)).getvalue())
    ).location
    services.run_import(int(url.rpartition("/")[2]), lambda: NOW)
    page = client.get(url).text
    assert "there are 2 problems" in page
    assert page.count('<span class="quiet mono">line ') == 2
    assert MANIFEST not in page


def test_report_is_grouped_by_what_became_of_things(app: Flask, cast: Cast) -> None:
    notes = [
        {"where": "competition.yaml, line 3, phases.1.color", "sentence": "No colours.", "kind": "no_equivalent"},
        {"where": "", "sentence": "Another name.", "kind": "converted"},
        {"where": "", "sentence": "Of before there were kinds."},
    ]  # fmt: skip
    done = make_import(cast, state=ImportState.FINISHED, notes=notes)
    text = " ".join(browser(app, cast.olga).get(f"/bundles/{done.id}").text.split())
    found = [text.index(words) for words in (
        "Without equivalent", "No colours.", "line 3, phases.1.color", "Ignored",
        "Of before there were kinds.", "Converted", "Another name.",
    )]  # fmt: skip
    assert found == sorted(found)
    assert "Changed" not in text


@pytest.mark.parametrize("path", ["/bundles/new", "/resources/new", "/tasks/upload", "/tasks/new"])
def test_limits_of_uploads_are_told_in_the_unit_that_fits(
    app: Flask, cast: Cast, path: str
) -> None:
    text = browser(app, cast.olga).get(path).text
    limits = re.findall(r"(?:zip file of|may have) at most (\S+ \w+)", text)
    assert limits
    assert [one for one in limits if not re.fullmatch(r"\d+(\.\d)? [KMG]iB", one)] == []

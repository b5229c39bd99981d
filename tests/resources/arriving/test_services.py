"""Bundles, submissions and task zips that come in parts, and that everybody else sends as before."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.bundles.models import BundleImport
from app.platform.db import db
from app.resources.models import FileKind, StoredFile, Task
from app.resources.parts import checking, services
from tests.actors import Cast, browser, make_cast
from tests.bundles.bundle_factories import make_files, zip_of
from tests.bundles.corpus.cases import TASK, task_zip
from tests.conftest import make_settings
from tests.factories import make_phase
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore

PART = 512
JSON = {"Accept": "application/json"}
BUNDLE = zip_of(make_files()).getvalue()
PROGRAM = zip_of({"metadata.yaml": b"command: python3 score.py", "large.bin": bytes(2_000)})


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "FROM_BYTES", 1_000)
    monkeypatch.setattr(services, "_PART", PART)


def announce(client: FlaskClient, kind: str, raw: bytes, **more: str) -> Any:
    fields = {"file_name": "large.zip", "file_size": str(len(raw)), **more}
    answer = client.post(f"/uploads?kind={kind}", data=fields, headers=JSON)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def arrive(client: FlaskClient, store: FakeStore, kind: str, raw: bytes) -> str:
    """Announce a file and send all its parts; returns its key."""
    ticket = announce(client, kind, raw, in_parts="1", file_modified="1700000000000")
    assert set(ticket) == {"parts_url", "cancel_url", "key"}
    [upload_id] = store.uploads
    batch = client.post(ticket["parts_url"], headers=JSON).get_json()
    for part in batch["urls"]:
        start = (part["number"] - 1) * batch["part_bytes"]
        store.uploads[upload_id][1][part["number"]] = raw[start : start + batch["part_bytes"]]
    return str(ticket["key"])


def the_file(key: str) -> StoredFile | None:
    db.session.rollback()
    return db.session.scalar(select(StoredFile).where(StoredFile.key == key))


@pytest.mark.parametrize("kind", ["competition_bundle", "submission", "task_zip"])
def test_only_who_asks_for_it_sends_in_parts(app: Flask, cast: Cast, kind: str) -> None:
    client = browser(app, cast.olga)
    assert set(announce(client, kind, BUNDLE)) == {"url", "headers", "key"}
    assert set(announce(client, kind, bytes(900), in_parts="1")) == {"url", "headers", "key"}
    assert "parts_url" in announce(client, kind, BUNDLE, in_parts="1")


def test_bundle_in_parts_is_imported(
    app: Flask, cast: Cast, store: FakeStore, carrier: FakeCarrier
) -> None:
    client = browser(app, cast.olga)
    key = arrive(client, store, "competition_bundle", BUNDLE)
    answer = client.post("/bundles/new", data={"upload_key": key})
    assert answer.status_code == 303
    opened = db.session.scalars(select(BundleImport)).one()
    assert carrier.jobs == [("app.bundles.jobs.unpack", (opened.id,))]  # and none that checks
    file = the_file(key)
    assert file is not None
    assert (file.is_complete, store.objects[file.ref], store.uploads) == (True, BUNDLE, {})


def test_submission_in_parts_is_reviewed(app: Flask, cast: Cast, store: FakeStore) -> None:
    phase = make_phase(cast.competition)
    client = browser(app, cast.pavel)
    key = arrive(client, store, "submission", BUNDLE)
    answer = client.post(f"/phases/{phase.id}/uploads", data={"upload_key": key})
    assert (answer.status_code, key in answer.headers["Location"]) == (303, True)
    assert client.get(answer.headers["Location"]).status_code == 200


def test_task_zip_in_parts_becomes_a_task_and_is_given_up(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    raw = task_zip(TASK, scoring__zip=PROGRAM.getvalue())
    client = browser(app, cast.olga)
    key = arrive(client, store, "task_zip", raw)
    answer = client.post("/tasks/upload", data={"upload_key": key})
    assert answer.status_code == 303
    assert "Triage" in client.get(answer.headers["Location"]).text
    assert the_file(key) is None
    assert list(store.objects.values()) == [PROGRAM.getvalue()]


@pytest.mark.parametrize("manifest", ["name: Triage\n", "no: [yaml"])
def test_broken_task_zip_in_parts_is_told_and_given_up(
    app: Flask, cast: Cast, store: FakeStore, manifest: str
) -> None:
    client = browser(app, cast.olga)
    key = arrive(client, store, "task_zip", task_zip(manifest, scoring__zip=PROGRAM.getvalue()))
    answer = client.post("/tasks/upload", data={"upload_key": key})
    assert (answer.status_code, "task.yaml" in answer.text) == (422, True)
    assert the_file(key) is None
    assert (store.objects, store.uploads) == ({}, {})
    assert not db.session.scalars(select(Task).where(Task.name == "Triage")).all()


@pytest.mark.parametrize("kind", ["competition_bundle", "submission", "task_zip"])
def test_what_is_no_zip_is_told_and_gone(
    app: Flask, cast: Cast, store: FakeStore, kind: str
) -> None:
    phase = make_phase(cast.competition)
    person, path = {
        "competition_bundle": (cast.olga, "/bundles/new"),
        "submission": (cast.pavel, f"/phases/{phase.id}/uploads"),
        "task_zip": (cast.olga, "/tasks/upload"),
    }[kind]
    client = browser(app, person)
    key = arrive(client, store, kind, b"x" * 1_500)
    answer = client.post(path, data={"upload_key": key})
    assert (answer.status_code, "not a zip file" in answer.text) == (422, True)
    assert the_file(key) is None
    assert (store.objects, store.uploads) == ({}, {})


def test_parts_that_are_missing_are_asked_for(app: Flask, cast: Cast, store: FakeStore) -> None:
    client = browser(app, cast.olga)
    key = announce(client, "competition_bundle", BUNDLE, in_parts="1")["key"]
    answer = client.post("/bundles/new", data={"upload_key": key})
    assert (answer.status_code, "have not arrived" in answer.text) == (422, True)
    assert the_file(key) is not None  # to go on with


def test_form_that_is_sent_twice_makes_one_import(app: Flask, cast: Cast, store: FakeStore) -> None:
    client = browser(app, cast.olga)
    key = arrive(client, store, "competition_bundle", BUNDLE)
    answers = [client.post("/bundles/new", data={"upload_key": key}) for _ in range(2)]
    assert len({answer.headers["Location"] for answer in answers}) == 1


def test_check_that_another_one_still_carries_out_is_waited_for(
    app: Flask, cast: Cast, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(app, cast.olga)
    key = arrive(client, store, "competition_bundle", BUNDLE)
    with monkeypatch.context() as patch:
        patch.setattr(checking, "run", lambda *_args: None)
        answer = client.post("/bundles/new", data={"upload_key": key})
    assert "Try again in a minute" in answer.text
    assert client.post("/bundles/new", data={"upload_key": key}).status_code == 303


def test_upload_of_somebody_else_is_not_known(app: Flask, cast: Cast, store: FakeStore) -> None:
    key = arrive(browser(app, cast.olga), store, "task_zip", BUNDLE)
    answer = browser(app, cast.petra).post("/tasks/upload", data={"upload_key": key})
    assert (answer.status_code, "not known" in answer.text) == (422, True)


def test_task_zip_may_be_as_large_as_a_data_set(app: Flask, cast: Cast) -> None:
    app.extensions["plumbline.settings"] = make_settings(upload_mib=1, dataset_mib=3)
    client = browser(app, cast.olga)
    for kind, mib in ((FileKind.TASK_ZIP, 3), (FileKind.COMPETITION_BUNDLE, 1)):
        assert announce(client, kind, bytes(mib * 1024**2), in_parts="1")
        fields = {"file_name": "a.zip", "file_size": str(mib * 1024**2 + 1), "in_parts": "1"}
        answer = client.post(f"/uploads?kind={kind}", data=fields, headers=JSON)
        assert (answer.status_code, f"{mib} MiB" in answer.text) == (413, True)


def test_plain_form_of_a_task_zip_stays(app: Flask, cast: Cast) -> None:
    sent = {"file": (io.BytesIO(task_zip(TASK)), "task.zip")}
    assert browser(app, cast.olga).post("/tasks/upload", data=sent).status_code == 303

"""What a bundle or a task brings must fit into what its owner may keep; what does not leaves nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import User
from app.bundles import services
from app.bundles.models import BundleImport
from app.bundles.tasks import services as task_zips
from app.competitions import services as competitions
from app.competitions.services import InvalidDraft
from app.competitions.tasks import queries as tasks
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.resources.models import FileKind, StoredFile, Task
from tests.actors import browser
from tests.bundles.bundle_factories import changed, make_files, zip_of
from tests.bundles.corpus.cases import TASK, task_zip
from tests.bundles.test_services import Clock, rows
from tests.factories import NOW, make_file, make_user
from tests.fakes.storage import FakeStore

GIB = 1024**3
ADVICE = "Delete what you no longer need, or ask an administrator for more."
DATA = zip_of({"a.csv": bytes(5_000)}).getvalue()
WITH_DATA = changed(("scoring/\n", "scoring/\n  input_data: data.zip\n"))


@pytest.fixture
def olga(app: Flask) -> User:
    return make_user("olga")


@pytest.fixture
def actor(olga: User) -> Viewer:
    return Viewer(olga.id, olga.username)


def leave(owner: User, size_bytes: int) -> None:
    """Fill what a person may keep until only this many bytes are left."""
    make_file(owner, kind=FileKind.INPUT_DATA, size_bytes=15 * GIB - size_bytes)


def everything(store: FakeStore) -> tuple[Any, ...]:
    db.session.rollback()
    return rows(), dict(store.objects), dict(store.uploads)


def imported(actor: Viewer, file: StoredFile, *, is_check: bool = False) -> BundleImport:
    with unit_of_work():
        import_id = services.open_import(actor, file, now=NOW, is_check=is_check).id
    services.run_import(import_id, Clock())
    db.session.rollback()
    return db.session.get_one(BundleImport, import_id)


def a_bundle(owner: User, store: FakeStore, manifest: str = WITH_DATA) -> StoredFile:
    file = make_file(owner, kind=FileKind.COMPETITION_BUNDLE, file_name="b.zip", size_bytes=0)
    store.objects[file.ref] = zip_of(make_files(manifest) | {"data.zip": DATA}).getvalue()
    return file


@pytest.mark.parametrize("is_check", [False, True])
def test_bundle_beyond_the_quota_is_refused_before_anything_is_stored(
    olga: User, actor: Viewer, store: FakeStore, monkeypatch: pytest.MonkeyPatch, is_check: bool
) -> None:
    leave(olga, 4_000)
    file = a_bundle(olga, store)
    before = dict(store.objects)
    monkeypatch.setattr(store, "put", None)  # whoever stores fails
    ended = imported(actor, file, is_check=is_check)
    [problem] = ended.problems
    assert problem == {
        "where": "b.zip", "found": "0.000005 GiB", "expected": "at most 0.000004 GiB",
        "sentence": "What this bundle holds has 0.000005 GiB, and you use 15.00 of 15.00 GiB.",
        "hint": ADVICE,
    }  # fmt: skip
    assert is_check or store.objects == before


def test_folder_that_is_too_large_once_it_is_zipped_leaves_nothing(
    olga: User, actor: Viewer, store: FakeStore
) -> None:
    leave(olga, len(DATA) + 100)  # for the data, and not for the scoring program beside them
    file = a_bundle(olga, store)
    before = everything(store)
    ended = imported(actor, file)
    assert "GiB" in ended.problems[0]["sentence"]
    assert ended.object_keys == []
    with unit_of_work():
        db.session.delete(db.session.get_one(BundleImport, ended.id))
    assert everything(store) == before


def test_upload_that_was_faster_than_an_import_keeps_its_room(
    olga: User, actor: Viewer, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_bundle(olga, store)
    make = competitions.store_logo

    def meanwhile(*args: Any) -> None:
        make(*args)
        monkeypatch.setattr("app.bundles.unpacking._say", after_storing)

    def after_storing(*_args: Any, **values: Any) -> None:
        if values.get("files_done") == 2:
            leave(olga, 100)

    monkeypatch.setattr(competitions, "store_logo", meanwhile)
    ended = imported(actor, file)
    assert "you use 15.00 of 15.00 GiB" in ended.problems[0]["sentence"]
    assert list(store.objects) == [file.ref]


Make = Callable[[], Any]


@pytest.mark.parametrize("way", ["zip", "form", "edit"])
def test_task_beyond_the_quota_is_refused_and_nothing_stays(
    app: Flask, olga: User, actor: Viewer, store: FakeStore, way: str
) -> None:
    small = make_file(olga, kind=FileKind.SCORING_PROGRAM)
    client = browser(app, olga)
    form = {"name": "Triage", "version": "1", "scoring_program": small.key}
    task: Task | None = None
    if way == "edit":
        assert client.post("/tasks/new", data=form).status_code == 303
        task = db.session.scalars(select(Task)).one()
    leave(olga, 4_000)
    before = everything(store)
    if way == "zip":
        raw = task_zip(f"{TASK}input_data: data.zip\n", data__zip=DATA)
        with pytest.raises(InvalidDraft) as refusal, unit_of_work():
            task_zips.create(actor, "task.zip", io.BytesIO(raw), now=NOW)
        [problem] = refusal.value.problems
        assert problem.where == "task.yaml, line 3, input_data"
        assert problem.hint == ADVICE
        text = problem.sentence
    else:
        sent = form | {"input_data_file": (io.BytesIO(DATA), "data.zip")}
        key = tasks.get_by_id(task.id).key if task else ""
        answer = client.post(f"/tasks/{key}/edit" if task else "/tasks/new", data=sent)
        assert answer.status_code == 422
        text = answer.text
    assert "What comes with the task has 0.000005 GiB, and you use 15.00 of 15.00 GiB." in text
    assert everything(store) == before


def test_upload_that_was_faster_than_a_task_keeps_its_room(
    olga: User, actor: Viewer, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = store.put

    def meanwhile(*args: Any) -> None:
        put(*args)
        leave(olga, 100)

    monkeypatch.setattr(store, "put", meanwhile)
    with pytest.raises(InvalidDraft, match=r"you use 15\.00 of 15\.00 GiB"), unit_of_work():
        task_zips.create(actor, "task.zip", io.BytesIO(task_zip(TASK)), now=NOW)
    assert store.objects == {}


def test_upload_that_was_faster_than_a_form_keeps_its_room(
    app: Flask, olga: User, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = store.put

    def meanwhile(*args: Any) -> None:
        put(*args)
        leave(olga, 100)

    monkeypatch.setattr(store, "put", meanwhile)
    form = {"file": (io.BytesIO(DATA), "data.zip"), "name": "Data", "kind": "input_data"}
    answer = browser(app, olga).post("/resources/new", data=form | {"license": ""})
    assert (answer.status_code, "you use 15.00 of 15.00 GiB" in answer.text) == (422, True)
    assert store.objects == {}

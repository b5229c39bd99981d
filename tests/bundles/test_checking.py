"""A check says what an import would say, and leaves only its own row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts.models import User
from app.bundles import checking, progress, services
from app.bundles.models import BundleImport
from app.errors import Unavailable
from app.platform.db import Base, db, unit_of_work
from app.platform.storage import ObjectRef
from app.policy import Viewer
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile
from tests.bundles.bundle_factories import MANIFEST, changed, make_files, zip_of
from tests.bundles.test_services import Clock
from tests.factories import NOW, make_file, make_user
from tests.fakes.storage import FakeStore

UNKNOWN_QUEUE = changed(("title: A benchmark", "queue: nosuchqueue\ntitle: A benchmark"))


@pytest.fixture
def olga(app: Flask) -> User:
    return make_user("olga")


@pytest.fixture
def actor(olga: User) -> Viewer:
    return Viewer(olga.id, olga.username)


Upload = Callable[[bytes], StoredFile]


@pytest.fixture
def upload(olga: User, store: FakeStore) -> Upload:
    def uploaded(raw: bytes) -> StoredFile:
        file = make_file(olga, kind=FileKind.COMPETITION_BUNDLE, file_name="iris.zip")
        store.objects[file.ref] = raw
        return file

    return uploaded


@pytest.fixture
def leaves_its_row(store: FakeStore, olga: User) -> Iterator[None]:
    """Compare rows and objects with those of before: the row of one check is more."""
    before = (_rows(), dict(store.objects))
    yield
    rows = _rows()
    rows["bundle_imports"] -= 1
    assert (rows, dict(store.objects)) == before


def _rows() -> dict[str, int]:
    db.session.rollback()
    tables = Base.metadata.sorted_tables
    return {t.name: db.session.scalar(select(func.count()).select_from(t)) or 0 for t in tables}


def bundle(manifest: str = MANIFEST) -> bytes:
    return zip_of(make_files(manifest)).getvalue()


def check(actor: Viewer, file: StoredFile) -> BundleImport:
    with unit_of_work():
        import_id = services.open_import(actor, file, now=NOW, is_check=True).id
    services.run_import(import_id, Clock())
    db.session.rollback()
    return db.session.get_one(BundleImport, import_id)


@pytest.mark.usefixtures("leaves_its_row")
def test_good_bundle_is_reported_and_nothing_made(actor: Viewer, upload: Upload) -> None:
    made = check(
        actor, upload(bundle(changed(("title: A benchmark", "colour: red\ntitle: A benchmark"))))
    )
    assert (made.state, made.problems, made.competition_id) == ("finished", [], None)
    assert (made.file_id, made.checked_name) == (None, "iris.zip")
    assert ["colour" in note["where"] for note in made.notes] == [True]


@pytest.mark.usefixtures("leaves_its_row")
@pytest.mark.parametrize(
    "raw",
    [
        b"no zip",
        bundle(changed(("title: A benchmark", "titel: A benchmark"))),
        bundle(UNKNOWN_QUEUE),
    ],
)
def test_check_has_the_problems_of_the_import(actor: Viewer, upload: Upload, raw: bytes) -> None:
    checked = check(actor, upload(raw))
    file = upload(raw)
    with unit_of_work():
        import_id = services.open_import(actor, file, now=NOW).id
    services.run_import(import_id, Clock())
    with unit_of_work():
        imported = db.session.get_one(BundleImport, import_id)
        assert checked.state == imported.state == "failed"
        assert checked.problems == imported.problems != []
        db.session.delete(imported)
        db.session.delete(db.session.get_one(StoredFile, file.id))
    resources.forget([file.ref])


def test_check_at_a_terminal_says_the_same(actor: Viewer, upload: Upload, tmp_path: Path) -> None:
    path = tmp_path / "iris.zip"
    for raw in (
        b"no zip",
        bundle(UNKNOWN_QUEUE),
        bundle(changed(("title: A benchmark", "colour: 1\ntitle: A benchmark"))),
    ):
        path.write_bytes(raw)
        made, reading = check(actor, upload(raw)), checking.of_file(path, actor, now=NOW)
        assert [one["sentence"] for one in made.problems] == [p.sentence for p in reading.problems]
        assert [one["sentence"] for one in made.notes if not made.problems] == [
            note.sentence for note in reading.notes if not reading.problems
        ]


def test_queue_is_not_looked_up_for_nobody(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "iris.zip"
    path.write_bytes(bundle(UNKNOWN_QUEUE))
    assert checking.of_file(path, None, now=NOW).problems == ()


@pytest.mark.usefixtures("leaves_its_row")
def test_silent_check_keeps_no_file(actor: Viewer, upload: Upload) -> None:
    file = upload(bundle())
    with unit_of_work():
        import_id = services.open_import(actor, file, now=NOW, is_check=True).id
    with unit_of_work():
        assert services.fail_stale(now=NOW + 2 * progress.WAITS_AT_MOST) == 1
    assert db.session.get_one(BundleImport, import_id).state == "failed"


def test_file_that_the_store_did_not_delete_goes_later(
    actor: Viewer, upload: Upload, store: FakeStore, monkeypatch: Any
) -> None:
    file = upload(bundle())
    place = ObjectRef(file.bucket, file.object_key)

    def away(_place: ObjectRef) -> None:
        raise Unavailable("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(store, "delete", away)
        assert check(actor, file).state == "finished"
    assert place in store.objects
    with unit_of_work():
        services.fail_stale(now=NOW)
    assert place not in store.objects


def test_check_leaves_the_file_to_an_import_of_it(
    actor: Viewer, upload: Upload, store: FakeStore
) -> None:
    file = upload(bundle())
    with unit_of_work():
        import_id = services.open_import(actor, file, now=NOW).id
    check(actor, file)
    assert file.ref in store.objects
    services.run_import(import_id, Clock())
    db.session.rollback()
    assert db.session.get_one(BundleImport, import_id).state == "finished"


def test_dates_far_ahead_are_noted_and_kept(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "iris.zip"
    path.write_bytes(bundle(changed(("2030-01-01", "2100-01-01\n  end: 2101-01-01"))))
    reading = checking.of_file(path, None, now=NOW)
    assert [str(note) for note in reading.notes] == [
        "competition.yaml, line 13, phases[0]: The start of “Development”, 2100-01-01 00:00 UTC, is "
        "more than 50 years ahead: it is kept, and pages show “no date yet”.",
        "competition.yaml, line 13, phases[0]: The end of “Development”, 2101-01-01 00:00 UTC, is "
        "more than 50 years ahead: it is kept, and pages show no end.",
    ]
    path.write_bytes(bundle(changed(("2030-01-01", "2070-01-01"))))
    assert checking.of_file(path, None, now=NOW).notes == ()


def test_one_other_file_is_one(tmp_path: Path, app: Flask) -> None:
    path = tmp_path / "iris.zip"
    path.write_bytes(zip_of({"notes.txt": b"a"}).getvalue())
    (problem,) = checking.of_file(path, None, now=NOW).problems
    assert problem.found == "1 other file"

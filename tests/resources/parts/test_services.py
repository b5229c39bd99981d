"""Uploads in parts: begun, left off, gone on with, checked, forgotten."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import User
from app.errors import Forbidden, Invalid, Refused, TooLarge
from app.platform.db import db, unit_of_work
from app.policy import ANONYMOUS, Viewer
from app.resources.library import queries as library
from app.resources.library.queries import FileState
from app.resources.measuring import MIB
from app.resources.models import FileKind, PartUpload, StoredFile
from app.resources.parts import checking, services
from tests.conftest import make_settings
from tests.factories import NOW, make_user
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore

PART = 1024
LATER = NOW + timedelta(minutes=5)


def a_zip(size: int) -> bytes:
    """Return a valid zip of about this size, without a time in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("numbers.bin"), bytes(size))
    return out.getvalue()


CONTENT = a_zip(2500)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_PART", PART)


@pytest.fixture
def olga(app: Flask) -> User:
    return make_user("olga")


@pytest.fixture
def actor(olga: User) -> Viewer:
    return Viewer(olga.id, olga.username)


def begun(actor: Viewer, size: int = len(CONTENT), *, now: datetime = NOW) -> StoredFile:
    with unit_of_work():
        file = services.begin(actor, FileKind.INPUT_DATA, "numbers.zip", size, 1_700_000, now=now)
        key = file.key
    return again(key)


def again(key: str) -> StoredFile:
    db.session.expire_all()
    file = db.session.scalars(select(StoredFile).where(StoredFile.key == key)).one()
    return library.get(UUID(key), Viewer(file.owner_id))


def upload_of(file: StoredFile) -> PartUpload:
    return db.session.get_one(PartUpload, file.id, populate_existing=True)


def send(store: FakeStore, file: StoredFile, *numbers: int, content: bytes = CONTENT) -> None:
    parts = store.uploads[upload_of(file).upload_id][1]
    for number in numbers:
        parts[number] = content[(number - 1) * PART : number * PART]


def batch(actor: Viewer, file: StoredFile) -> services.Batch:
    with unit_of_work():
        return services.next_parts(actor, again(file.key), now=LATER)


def finished(actor: Viewer, file: StoredFile) -> None:
    with unit_of_work():
        services.finish(actor, again(file.key), now=LATER)


def test_upload_begins_with_every_part_missing(actor: Viewer) -> None:
    found = batch(actor, begun(actor))
    assert (found.part_bytes, found.arrived_bytes) == (PART, 0)
    assert [number for number, _ in found.urls] == [1, 2, 3]


def test_the_same_file_goes_on_where_it_stopped(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    send(store, file, 1, 3)
    same = begun(actor, now=LATER)
    assert same.id == file.id
    found = batch(actor, same)
    assert [number for number, _ in found.urls] == [2]
    assert found.arrived_bytes == len(CONTENT) - PART


@pytest.mark.parametrize("other", ["person", "size"])
def test_another_file_begins_anew(actor: Viewer, other: str) -> None:
    file = begun(actor)
    rival = make_user()
    who = Viewer(rival.id, rival.username) if other == "person" else actor
    assert begun(who, len(CONTENT) + (other == "size")).id != file.id


def test_part_of_a_wrong_size_is_asked_for_again(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    send(store, file, 1, 2, 3)
    store.uploads[upload_of(file).upload_id][1][2] = b"half"
    assert [number for number, _ in batch(actor, file).urls] == [2]


def test_upload_with_missing_parts_is_not_finished(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    send(store, file, 1)
    with pytest.raises(Refused, match="2 parts"):
        finished(actor, file)


def test_finished_upload_is_checked_by_a_job(
    actor: Viewer, store: FakeStore, carrier: FakeCarrier
) -> None:
    file = begun(actor)
    send(store, file, 1, 2, 3)
    finished(actor, file)
    assert carrier.jobs == [(services.CHECK, (file.id,))]
    assert library.state_of(again(file.key)) == FileState.CHECKING

    checking.run(file.id, lambda: LATER)
    done = again(file.key)
    assert (done.is_complete, done.size_bytes) == (True, len(CONTENT))
    assert done.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert store.objects == {done.ref: CONTENT}
    assert not store.uploads  # its URLs write nowhere any more
    assert db.session.get(PartUpload, file.id) is None


def test_checking_or_finishing_twice_changes_nothing(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    send(store, file, 1, 2, 3)
    finished(actor, file)
    finished(actor, file)
    checking.run(file.id, lambda: LATER)
    checking.run(file.id, lambda: LATER)
    finished(actor, file)
    assert again(file.key).is_complete


def test_check_that_crashed_after_joining_goes_on(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    send(store, file, 1, 2, 3)
    finished(actor, file)
    store.join_parts(file.ref, upload_of(file).upload_id)
    checking.run(file.id, lambda: LATER)
    assert again(file.key).is_complete


def test_file_that_is_no_zip_is_refused_and_its_bytes_go(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    send(store, file, 1, 2, 3, content=b"x" * len(CONTENT))
    finished(actor, file)
    checking.run(file.id, lambda: LATER)
    refused = again(file.key)
    assert library.state_of(refused) == FileState.REFUSED
    assert "not a zip" in upload_of(refused).refusal
    assert (refused.is_complete, refused.size_bytes, store.objects) == (False, 0, {})


def test_size_that_was_not_announced_is_refused(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    send(store, file, 1, 2, 3)
    finished(actor, file)
    store.uploads[upload_of(file).upload_id][1][4] = b"slipped in"
    checking.run(file.id, lambda: LATER)
    assert "announced" in upload_of(file).refusal


def test_upload_cancelled_while_it_is_checked_stays_cancelled(
    actor: Viewer, store: FakeStore
) -> None:
    file = begun(actor)
    send(store, file, 1, 2, 3)
    finished(actor, file)

    def clock() -> datetime:
        if (found := db.session.get(StoredFile, file.id)) is not None and store.objects:
            services.drop(again(found.key))
        return LATER

    checking.run(file.id, clock)
    assert db.session.get(StoredFile, file.id) is None or not again(file.key).is_complete


def test_upload_that_the_store_forgot_begins_anew(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    store.uploads.clear()
    with pytest.raises(services.Forgotten):
        batch(actor, file)
    assert begun(actor, now=LATER).object_key != file.object_key
    assert len(db.session.scalars(select(StoredFile)).all()) == 1


def test_parts_of_another_are_nobodys_business(actor: Viewer) -> None:
    file = begun(actor)
    rival = make_user()
    for who in (ANONYMOUS, Viewer(rival.id), Viewer(rival.id, is_staff=True)):
        with pytest.raises(Forbidden):
            services.next_parts(who, file, now=LATER)
        with pytest.raises(Forbidden):
            services.finish(who, file, now=LATER)
        with pytest.raises(Forbidden):
            services.cancel(who, file)


def test_cancelled_upload_leaves_nothing(actor: Viewer, store: FakeStore) -> None:
    file = begun(actor)
    send(store, file, 1)
    with unit_of_work():
        services.cancel(actor, again(file.key))
    assert (store.uploads, db.session.scalars(select(StoredFile)).all()) == ({}, [])


def test_abandoned_uploads_are_forgotten_after_a_week(actor: Viewer, store: FakeStore) -> None:
    begun(actor)
    for later, left in ((timedelta(days=6), 1), (timedelta(days=8), 0)):
        with unit_of_work():
            services.tend(now=NOW + later)
        assert len(store.uploads) == len(db.session.scalars(select(StoredFile)).all()) == left


def test_check_that_fell_silent_is_sent_again(
    actor: Viewer, store: FakeStore, carrier: FakeCarrier
) -> None:
    file = begun(actor)
    send(store, file, 1, 2, 3)
    finished(actor, file)
    for later, sent in ((timedelta(minutes=1), 1), (timedelta(minutes=3), 2)):
        with unit_of_work():
            services.tend(now=LATER + later)
        assert len(carrier.jobs) == sent


def test_upload_over_the_limit_is_refused_before_it_begins(app: Flask, actor: Viewer) -> None:
    app.extensions["plumbline.settings"] = make_settings(dataset_mib=32)
    with pytest.raises(TooLarge, match="32 MiB"):
        begun(actor, 33 * MIB)
    with pytest.raises(Invalid, match="not a zip"):
        services.begin(actor, FileKind.INPUT_DATA, "a.tar", 10, 0, now=NOW)


def test_parts_of_a_huge_file_grow_so_that_stores_take_them(app: Flask, actor: Viewer) -> None:
    app.extensions["plumbline.settings"] = make_settings(quota_gib=100.0)
    size = 20 * 1024**3
    assert size / upload_of(begun(actor, size)).part_bytes <= 10_000

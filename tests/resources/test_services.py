"""Uploads in their two ways, and who may download what."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import User
from app.errors import Forbidden, Invalid, NotFound, Refused, TooLarge
from app.platform.db import db, unit_of_work
from app.platform.storage import ObjectRef
from app.policy import ANONYMOUS, Viewer
from app.resources import queries, services
from app.resources.arriving import services as arriving
from app.resources.models import FileKind, StoredFile
from tests.conftest import make_settings
from tests.factories import NOW, make_file, make_user
from tests.fakes.storage import FakeStore


def a_zip(content: bytes = b"1") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.csv"), content)  # no time in it: always these bytes
    return out.getvalue()


def viewer_of(user: User) -> Viewer:
    return Viewer(user.id, user.username, user.is_staff)


@pytest.fixture
def pavel(app: Flask) -> User:
    return make_user("pavel")


@pytest.fixture
def actor(pavel: User) -> Viewer:
    return viewer_of(pavel)


def started(actor: Viewer, name: str = "results.zip", size: int = 10) -> StoredFile:
    with unit_of_work():
        file, _ = services.start_upload(actor, FileKind.SUBMISSION, name, size, now=NOW)
    return file


def completed(actor: Viewer, file: StoredFile) -> StoredFile:
    with unit_of_work():
        return services.complete_upload(actor, file, now=NOW + timedelta(minutes=1))


def sent(store: FakeStore, file: StoredFile, content: bytes) -> ObjectRef:
    place = ObjectRef(file.bucket, file.upload_key)
    store.objects[place] = content
    return place


def test_upload_begins_as_an_incomplete_row_and_a_url(actor: Viewer) -> None:
    with unit_of_work():
        file, url = services.start_upload(
            actor, FileKind.SUBMISSION, "../x/results.zip", 10, now=NOW
        )
        assert file.upload_key in url
    assert (file.file_name, file.is_complete, file.object_key) == ("results.zip", False, "")
    assert file.owner_id == actor.user_id


def test_visitor_cannot_start_an_upload(app: Flask) -> None:
    with pytest.raises(Forbidden):
        services.start_upload(ANONYMOUS, FileKind.SUBMISSION, "a.zip", 1, now=NOW)
    with pytest.raises(Forbidden):
        services.receive(ANONYMOUS, FileKind.SUBMISSION, "a.zip", io.BytesIO(a_zip()), now=NOW)


@pytest.mark.parametrize("name", ["results.tar.gz", "results", "zip", "results.zip.exe"])
@pytest.mark.parametrize("kind", [FileKind.SUBMISSION, FileKind.COMPETITION_BUNDLE])
def test_submissions_and_bundles_must_be_called_zip(
    actor: Viewer, kind: FileKind, name: str
) -> None:
    with pytest.raises(Invalid, match="not a zip"):
        services.start_upload(actor, kind, name, 1, now=NOW)


def test_upload_over_the_limit_is_refused_before_it_begins(actor: Viewer) -> None:
    with pytest.raises(TooLarge, match="2048 MiB"):
        services.start_upload(actor, FileKind.SUBMISSION, "a.zip", 2048 * 1024**2 + 1, now=NOW)
    with pytest.raises(Invalid, match="empty"):
        services.start_upload(actor, FileKind.SUBMISSION, "a.zip", 0, now=NOW)


def test_completed_upload_lies_where_nobody_was_told(actor: Viewer, store: FakeStore) -> None:
    file = started(actor, size=3)  # the browser may be wrong about the size
    place = sent(store, file, a_zip())
    file = completed(actor, file)
    assert file.is_complete
    assert file.size_bytes == len(a_zip())
    assert file.sha256 == hashlib.sha256(a_zip()).hexdigest()
    assert list(store.objects) == [file.ref]
    assert file.object_key != place.key

    sent_again = b"something else"
    store.objects[place] = sent_again  # the URL lives on, and reaches nothing
    with services.open_file(file) as stream:
        assert stream.read() == a_zip()


def test_completing_twice_changes_nothing(actor: Viewer, store: FakeStore) -> None:
    file = started(actor)
    sent(store, file, a_zip())
    first = completed(actor, file).object_key
    assert completed(actor, file).object_key == first


def test_slower_of_two_completions_does_not_change_the_bytes(
    actor: Viewer, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = started(actor)
    place = sent(store, file, a_zip())
    read = store.open

    def slow(source: ObjectRef) -> Any:
        monkeypatch.setattr(store, "open", read)
        completed(actor, db.session.scalars(select(StoredFile)).one())
        store.objects[source] = a_zip(b"other bytes")
        return read(source)

    monkeypatch.setattr(store, "open", slow)
    file = completed(actor, file)
    with services.open_file(file) as stream:
        assert stream.read() == a_zip()
    assert set(store.objects) == {file.ref, place}  # the second copy is gone


def test_completion_that_comes_too_late_finds_the_file(
    actor: Viewer, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = started(actor)
    sent(store, file, a_zip())
    size = store.size

    def slow(place: ObjectRef) -> int | None:
        monkeypatch.setattr(store, "size", size)
        completed(actor, db.session.scalars(select(StoredFile)).one())
        return size(place)

    monkeypatch.setattr(store, "size", slow)
    assert completed(actor, file).is_complete


def test_completion_whose_object_is_taken_away_while_it_begins_finds_the_file(
    actor: Viewer, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = started(actor)
    sent(store, file, a_zip())
    read = store.open

    def slow(source: ObjectRef) -> Any:
        monkeypatch.setattr(store, "open", read)
        completed(actor, db.session.scalars(select(StoredFile)).one())
        return read(source)

    monkeypatch.setattr(store, "open", slow)
    assert completed(actor, file).is_complete


def test_upload_that_never_came_is_refused(actor: Viewer) -> None:
    with pytest.raises(Refused, match="not arrived"):
        completed(actor, started(actor))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"no zip at all", "not a zip"), (a_zip()[:-30], "zip")],
    ids=["empty", "text", "cut off"],  # a zip's own bytes hold the time: no name for a test
)
def test_upload_that_is_no_zip_is_deleted(
    actor: Viewer, store: FakeStore, content: bytes, reason: str
) -> None:
    file = started(actor)
    sent(store, file, content)
    with pytest.raises(Invalid, match=reason):
        completed(actor, file)
    assert not store.objects
    assert not db.session.scalars(select(StoredFile)).one().is_complete


def test_upload_larger_than_announced_and_allowed_is_deleted(
    app: Flask, actor: Viewer, store: FakeStore
) -> None:
    file = started(actor)
    sent(store, file, a_zip(b"x" * 2 * 1024**2))
    app.extensions["plumbline.settings"] = make_settings(upload_mib=1)
    with pytest.raises(TooLarge, match="1 MiB"):
        completed(actor, file)
    assert not store.objects


def test_nobody_completes_the_upload_of_another(actor: Viewer, store: FakeStore) -> None:
    file = started(actor)
    sent(store, file, a_zip())
    petra = viewer_of(make_user("petra"))
    with pytest.raises(Forbidden):
        completed(petra, file)
    with pytest.raises(NotFound):
        queries.get_upload(file.key, FileKind.SUBMISSION, petra)


def test_upload_is_found_by_key_and_kind_only(actor: Viewer) -> None:
    file = started(actor)
    assert queries.get_upload(file.key, FileKind.SUBMISSION, actor) is file
    for key, kind in (
        (file.key, FileKind.COMPETITION_BUNDLE),
        (f"{file.key}' OR 1=1 --", FileKind.SUBMISSION),
        ("%", FileKind.SUBMISSION),
        ("", FileKind.SUBMISSION),
    ):
        with pytest.raises(NotFound):
            queries.get_upload(key, kind, actor)


def test_file_through_the_app_is_stored_and_hashed(actor: Viewer, store: FakeStore) -> None:
    with unit_of_work():
        file = services.receive(actor, FileKind.SUBMISSION, "a.zip", io.BytesIO(a_zip()), now=NOW)
    assert (file.is_complete, file.size_bytes) == (True, len(a_zip()))
    assert file.sha256 == hashlib.sha256(a_zip()).hexdigest()
    assert store.objects[file.ref] == a_zip()


def test_file_through_the_app_over_the_limit_stores_nothing(
    app: Flask, actor: Viewer, store: FakeStore
) -> None:
    app.extensions["plumbline.settings"] = make_settings(upload_mib=1)
    stream = io.BytesIO(a_zip(b"x" * 2 * 1024**2))
    with pytest.raises(TooLarge), unit_of_work():
        services.receive(actor, FileKind.SUBMISSION, "a.zip", stream, now=NOW)
    with pytest.raises(Invalid), unit_of_work():
        services.receive(actor, FileKind.SUBMISSION, "a.zip", io.BytesIO(b"no"), now=NOW)
    assert not store.objects
    assert not db.session.scalars(select(StoredFile)).all()


def test_form_without_a_file_is_refused(actor: Viewer) -> None:
    class Form:
        form: dict[str, str] = {"upload_key": ""}
        files: dict[str, object] = {}

    with pytest.raises(Invalid, match="Choose a zip"):
        arriving.take(actor, FileKind.SUBMISSION, Form(), lambda: NOW)


def test_owner_downloads_by_a_link_and_a_stranger_does_not(pavel: User) -> None:
    file = make_file(pavel)
    assert file.object_key in services.link(file, viewer_of(pavel))
    for viewer in (ANONYMOUS, viewer_of(make_user("petra")), viewer_of(make_user(is_staff=True))):
        with pytest.raises(NotFound):
            services.link(file, viewer)


def test_public_file_is_for_everyone(pavel: User) -> None:
    assert services.link(make_file(pavel, is_public=True), ANONYMOUS)


def test_incomplete_file_cannot_be_downloaded(pavel: User) -> None:
    file = make_file(pavel, is_complete=False, is_public=True)
    with pytest.raises(NotFound):
        services.link(file, viewer_of(pavel))


def test_what_is_sent_to_a_used_url_is_cleared_once_the_url_is_dead(
    actor: Viewer, store: FakeStore
) -> None:
    file = started(actor)
    place = sent(store, file, a_zip())
    file = completed(actor, file)
    store.objects[place] = b"written again by the same URL"
    for later, left in ((timedelta(hours=2), {file.ref, place}), (timedelta(days=2), {file.ref})):
        with unit_of_work():
            assert services.forget_abandoned(now=NOW + later) == 0
        assert set(store.objects) == left
    assert store.objects[file.ref] == a_zip()
    store.objects[place] = b"not ours to look at any more"
    with unit_of_work():
        services.forget_abandoned(now=NOW + timedelta(days=3))
    assert place in store.objects


def test_abandoned_uploads_are_forgotten_after_a_day(actor: Viewer, store: FakeStore) -> None:
    old, done = started(actor), started(actor)
    sent(store, old, b"half")
    sent(store, done, a_zip())
    done = completed(actor, done)
    for later, count in ((timedelta(hours=23), 0), (timedelta(hours=25), 1)):
        with unit_of_work():
            assert services.forget_abandoned(now=NOW + later) == count
    assert list(store.objects) == [done.ref]
    assert db.session.scalars(select(StoredFile)).all() == [done]

"""A gigabyte on its way to a real S3 server: interrupted three times, finished, and safe then."""

from __future__ import annotations

import hashlib
import socket
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit
from uuid import UUID

import pytest
import urllib3
from flask import Flask
from sqlalchemy import select

from app.platform.db import db, unit_of_work
from app.platform.storage import S3Store
from app.policy import Viewer
from app.resources import services as resources
from app.resources.library import queries as library
from app.resources.models import FileKind, PartUpload, StoredFile
from app.resources.parts import checking, services
from tests.factories import NOW, make_user

pytestmark = pytest.mark.services

GIB = 1024**3
http = urllib3.PoolManager(retries=False, timeout=120)


@pytest.fixture
def s3(app: Flask, s3_settings: dict[str, str]) -> S3Store:
    """The app of this test with a real store."""
    url, access, secret = (
        s3_settings[name] for name in ("s3_url", "s3_access_key", "s3_secret_key")
    )
    store = S3Store(url, "", access, secret, "us-east-1")
    store.prepare()
    app.extensions["plumbline.store"] = store
    return store


@pytest.fixture
def large_zip(tmp_path: Path) -> Iterator[Path]:
    """A zip of a little more than a gigabyte."""
    path = tmp_path / "large.zip"
    zeros = bytes(64 * 1024**2)
    with (
        zipfile.ZipFile(path, "w") as archive,
        archive.open("zeros.bin", "w", force_zip64=True) as member,
    ):
        for _ in range(GIB // len(zeros)):
            member.write(zeros)
    yield path
    path.unlink()


def begin(actor: Viewer, path: Path) -> StoredFile:
    """Begin or take up the upload, as a browser does when somebody chooses the file."""
    with unit_of_work():
        file = services.begin(
            actor, FileKind.INPUT_DATA, path.name, path.stat().st_size, 1_700_000_000_000, now=NOW
        )
        key = file.key
    return db.session.scalars(select(StoredFile).where(StoredFile.key == key)).one()


def next_parts(actor: Viewer, file: StoredFile) -> services.Batch:
    with unit_of_work():
        return services.next_parts(actor, _loaded(file, actor), now=NOW)


def _loaded(file: StoredFile, actor: Viewer) -> StoredFile:
    [key] = db.session.scalars(select(StoredFile.key).where(StoredFile.id == file.id))
    return library.own_upload(UUID(key), actor)


def send(path: Path, batch: services.Batch, count: int | None = None) -> list[str]:
    """Send the first parts of a batch; returns their URLs."""
    sent = []
    for number, url in batch.urls[:count]:
        with path.open("rb") as stream:
            stream.seek((number - 1) * batch.part_bytes)
            answer = http.request("PUT", url, body=stream.read(batch.part_bytes))
        assert answer.status == 200, answer.data
        sent.append(url)
    return sent


def break_off(path: Path, batch: services.Batch) -> None:
    """Send half of the next part, then vanish without a word."""
    number, url = batch.urls[0]
    parts = urlsplit(url)
    with path.open("rb") as stream, socket.create_connection((parts.hostname, parts.port)) as line:
        stream.seek((number - 1) * batch.part_bytes)
        line.sendall(
            f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Content-Length: {batch.part_bytes}\r\n\r\n".encode()
        )
        line.sendall(stream.read(batch.part_bytes // 2))


def test_a_gigabyte_interrupted_three_times_arrives(
    app: Flask, s3: S3Store, large_zip: Path
) -> None:
    olga = make_user("olga")
    actor = Viewer(olga.id, olga.username)
    used: list[str] = []
    for parts_until_it_breaks in (3, 7, 1):
        file = begin(actor, large_zip)
        batch = next_parts(actor, file)
        used += send(large_zip, batch, parts_until_it_breaks)
        break_off(large_zip, next_parts(actor, file))

    file = begin(actor, large_zip)
    while (batch := next_parts(actor, file)).urls:
        used += send(large_zip, batch)
    assert len(db.session.scalars(select(StoredFile.id)).all()) == 1
    assert len(used) == -(-large_zip.stat().st_size // batch.part_bytes)  # none was sent twice

    with unit_of_work():
        services.finish(actor, _loaded(file, actor), now=NOW)
    checking.run(file.id, lambda: NOW + timedelta(minutes=1))
    done = _loaded(file, actor)
    with large_zip.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    assert (done.is_complete, done.sha256) == (True, digest)
    assert db.session.scalar(select(PartUpload)) is None

    ref = done.ref
    _nothing_writes_to_it_any_more(s3, done, used[0])
    s3.delete(ref)


def _nothing_writes_to_it_any_more(s3: S3Store, done: StoredFile, url: str) -> None:
    assert http.request("PUT", url, body=b"evil").status == 404
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    for name in ("uploadId", "partNumber"):
        without = urlencode({key: value for key, value in query.items() if key != name})
        changed = urlunsplit(parts._replace(query=without))
        assert http.request("PUT", changed, body=b"evil").status == 403
    assert s3.size(done.ref) == done.size_bytes
    assert s3.read_range(done.ref, 0, 4) == b"PK\x03\x04"


def test_cancelled_upload_leaves_no_place_to_write_to(
    app: Flask, s3: S3Store, tmp_path: Path
) -> None:
    path = tmp_path / "some.zip"
    path.write_bytes(b"x" * services.FROM_BYTES)
    olga = make_user("olga")
    actor = Viewer(olga.id, olga.username)
    file = begin(actor, path)
    ref = file.ref
    [url, *_] = send(path, next_parts(actor, file))
    with unit_of_work():
        services.cancel(actor, _loaded(file, actor))
    assert http.request("PUT", url, body=b"more").status == 404
    assert s3.size(ref) is None


def test_file_that_is_no_zip_leaves_nothing_in_the_store(
    app: Flask, s3: S3Store, tmp_path: Path
) -> None:
    path = tmp_path / "text.zip"
    path.write_bytes(b"x" * services.FROM_BYTES)
    olga = make_user("olga")
    actor = Viewer(olga.id, olga.username)
    file = begin(actor, path)
    while (batch := next_parts(actor, file)).urls:
        send(path, batch)
    with unit_of_work():
        services.finish(actor, _loaded(file, actor), now=NOW)
    checking.run(file.id, lambda: NOW)
    refused = _loaded(file, actor)
    assert refused.part_upload is not None
    assert "not a zip" in refused.part_upload.refusal
    assert s3.size(refused.ref) is None


def test_many_parts_are_listed_page_by_page(s3: S3Store) -> None:
    ref = resources.new_place(FileKind.INPUT_DATA)
    upload_id = s3.open_parts(ref, "application/zip")
    for number in range(1, 1004):
        url = s3.presign_part(ref, upload_id, number, timedelta(minutes=5))
        assert http.request("PUT", url, body=b"%d" % number).status == 200
    parts = s3.parts(ref, upload_id)
    assert parts is not None
    assert sorted(parts) == list(range(1, 1004))
    s3.abort_parts(ref, upload_id)
    s3.abort_parts(ref, upload_id)  # twice is fine
    assert s3.parts(ref, upload_id) is None
    assert not s3.join_parts(ref, upload_id)

"""Three imports at the same moment, of files that are called the same: nothing is mixed up."""

from __future__ import annotations

import io
import os
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import Parts, create_app
from app.bundles import services
from app.bundles.dumps import queries as dumps
from app.bundles.models import BundleImport
from app.competitions import building, rereading
from app.competitions.models import Competition
from app.platform.clock import now
from app.platform.db import Base, db, unit_of_work, will_write
from app.platform.storage import PUBLIC, ObjectRef, S3Store
from app.policy import Viewer
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile, Task
from tests.bundles.bundle_factories import MANIFEST, make_files, zip_of
from tests.conftest import make_settings
from tests.factories import make_user
from tests.fakes.carrier import FakeCarrier
from tests.fakes.tally import FakeTally
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.services

MARKS = ("mammograms", "chest films", "broken")
FILES = 4
LONG = 2_000
"""So often does a mark stand in a file whose damage is to show at its end, not at a first look."""


class MeetingStore(S3Store):
    """A real store in which three imports meet before each stores its first file."""

    def __init__(self, url: str, access: str, secret: str) -> None:
        super().__init__(url, "", access, secret, "us-east-1")
        self.written: list[ObjectRef] = []
        self.meeting: threading.Barrier | None = None
        self._met = threading.local()

    def put(self, ref: ObjectRef, stream: BinaryIO, size: int, content_type: str) -> None:
        """See :class:`app.platform.storage.Store`."""
        if self.meeting is not None and not hasattr(self._met, "here"):
            self._met.here = True
            self.meeting.wait(PATIENCE_S)
        self.written.append(ref)
        super().put(ref, stream, size, content_type)

    def left(self) -> set[ObjectRef]:
        """Return what was written and is still there."""
        return {ref for ref in self.written if self.size(ref) is not None}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(s3_settings: dict[str, str]) -> MeetingStore:
    store = MeetingStore(
        *(s3_settings[name] for name in ("s3_url", "s3_access_key", "s3_secret_key"))
    )
    store.prepare()
    return store


@pytest.fixture
def app(url: str, store: MeetingStore) -> Iterator[Flask]:
    settings = make_settings(database_url=url)
    app = create_app(settings, Parts(store, FakeCarrier(), FakeTally()))
    with app.app_context():
        Base.metadata.create_all(db.engine)
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def temp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything that is temporary lies."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def bundle(mark: str) -> bytes:
    """Return a bundle whose every file is called as in the others, and holds its mark."""
    manifest = MANIFEST.replace(
        "scoring_program: scoring/", "scoring_program: scoring/\n  input_data: data.zip"
    ).replace(
        "tasks: [0]", "tasks: [0]\n  starting_kit: kit.zip\n  public_data: truth.csv"
    ).replace("A benchmark", mark)  # fmt: skip
    files = make_files(manifest) | {
        "scoring/score.py": f"print('{mark}')".encode(),
        "data.zip": zip_of({"a.csv": LONG * mark.encode()}).getvalue(),
        "kit.zip": zip_of({"kit.csv": mark.encode()}).getvalue(),
        "truth.csv": mark.encode(),
    }
    raw = bytearray(zip_of(files).getvalue())
    if mark == "broken":  # its second file, once the first is stored
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            at = archive.getinfo("data.zip").header_offset
        raw[at + 30 + len("data.zip") + LONG] ^= 0xFF
    return bytes(raw)


def open_import(owner: Viewer, mark: str) -> int:
    with unit_of_work():
        stream, kind = io.BytesIO(bundle(mark)), FileKind.COMPETITION_BUNDLE
        file = resources.receive(owner, kind, "bundle.zip", stream, now=now())
        return services.open_import(owner, file, now=now()).id


def run_in(app: Flask, import_id: int) -> None:
    with app.app_context():
        try:
            services.run_import(import_id, now)
        finally:
            will_write(False)
            db.session.remove()


def said(competition_id: int, store: MeetingStore) -> list[tuple[str, str]]:
    """Return the name of each file of a benchmark, and the text within."""
    wanted = building.wanted(rereading.draft(dumps.rows(competition_id)))
    files = {file.key: file for file in db.session.scalars(select(StoredFile))}
    found = []
    for one in wanted:
        stream = store.open(files[str(one.ref.key)].ref)
        content = stream.read()
        stream.close()
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = b"".join(archive.read(name) for name in archive.namelist())
        found.append((files[str(one.ref.key)].file_name, content.decode()))
    return found


def test_imports_at_once_never_mix(app: Flask, store: MeetingStore, temp_folder: Path) -> None:
    olga, petra = (Viewer(make_user(name).id, name) for name in ("olga", "petra"))
    ids = [open_import(who, mark) for who, mark in zip((olga, petra, olga), MARKS, strict=True)]
    db.session.remove()
    store.meeting = threading.Barrier(len(ids))
    with ThreadPoolExecutor(len(ids)) as pool:
        for ended in [pool.submit(run_in, app, import_id) for import_id in ids]:
            ended.result()
    db.session.rollback()

    imports = [db.session.get_one(BundleImport, import_id) for import_id in ids]
    assert [one.state for one in imports] == ["finished", "finished", "failed"]
    assert [(one.files_done, one.files_total) for one in imports] == [(4, 4), (4, 4), (1, 4)]
    assert all(one.object_keys == [] for one in imports)
    for one, mark in zip(imports[:2], MARKS, strict=False):
        assert one.competition_id is not None
        made = db.session.get_one(Competition, one.competition_id)
        assert (made.title, made.owner_id) == (mark, one.owner_id)
        files = said(one.competition_id, store)
        assert sorted(name for name, _ in files) == [
            "data.zip", "kit.zip", "scoring.zip", "truth.csv",
        ]  # fmt: skip
        assert [other for _, text in files for other in MARKS if other in text] == [mark] * FILES
    stored = db.session.scalars(select(StoredFile)).all()
    assert len(stored) == len(ids) + 2 * FILES
    assert count(Competition) == count(Task) == 2
    pictures = {
        ObjectRef(PUBLIC, key)
        for made in db.session.scalars(select(Competition))
        for key in (made.logo_key, made.icon_key)
    }
    assert store.left() == {file.ref for file in stored} | pictures
    assert list(temp_folder.iterdir()) == []
    assert not [name for name in open_files() if name.startswith(str(temp_folder))]


def count(model: type[Base]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def open_files() -> list[str]:
    """Name what this process holds open: temporary files have no name in their folder."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(link))
        except FileNotFoundError:  # of this very look
            continue
    return found

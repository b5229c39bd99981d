"""Hostile zips and YAML at every door of the product: refused in words, nothing kept."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.bundles import services as bundles
from app.bundles.models import BundleImport, ImportState
from app.competitions.models import Competition
from app.platform.clock import now
from app.platform.db import db
from app.platform.storage import ObjectRef
from app.resources.models import FileKind, StoredFile
from app.submissions.models import Submission
from tests.bundles.bundle_factories import make_files, zip_of
from tests.fakes.storage import FakeStore
from tests.security.world import World, make_world

pytestmark = pytest.mark.security

Make = Callable[[], bytes]


def _zip(
    *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def _encrypted() -> bytes:
    raw = bytearray(_zip(("secret.txt", b"x")))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def _overlapping() -> bytes:
    """Make two entries of a directory share one body."""
    raw = bytearray(_zip(("a.txt", b"x" * 100), ("b.txt", b"x" * 100)))
    second = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02") + 4)
    raw[second + 42 : second + 46] = bytes(4)
    return bytes(raw)


def _named(name: bytes) -> bytes:
    stand_in = b"Q" * len(name)
    return _zip((stand_in.decode(), b"x")).replace(stand_in, name)


ZIPS: dict[str, tuple[Make, str]] = {
    "no zip": (lambda: b"plain text", "zip"),
    "cut short": (lambda: _zip(("a.txt", b"x" * 1000))[:-30], "zip"),
    "empty file": (lambda: b"", "empty"),
    "parent folder": (lambda: _zip(("../../etc/cron.d/x", b"x")), "etc/cron.d/x"),
    "backslashes": (lambda: _named(b"..\\..\\x.txt"), "x.txt"),
    "absolute path": (lambda: _zip(("/etc/passwd", b"x")), "/etc/passwd"),
    "drive": (lambda: _zip(("C:/x.txt", b"x")), "C:"),
    "link": (lambda: _zip((_entry("link", stat.S_IFLNK | 0o777), b"/etc/passwd")), "link"),
    "device": (lambda: _zip((_entry("tty", stat.S_IFCHR | 0o666), b"")), "tty"),
    "encrypted": (_encrypted, "encrypted"),
    "overlap": (_overlapping, "overlap"),
    "bomb": (lambda: _zip(("zeros", bytes(64 * 2**20))), "zeros"),
    "twice": (lambda: _zip(("dup.txt", b"1"), ("DUP.txt", b"2")), "DUP.txt"),
    "control characters": (lambda: _named(b"a\nb.txt"), "control"),
    "too many": (lambda: _zip(*((f"{n}", b"") for n in range(10_001)), method=0), "10"),
    "long name": (lambda: _zip(("x" * 300, b"x")), "xxx"),
}  # fmt: skip


@pytest.fixture
def world(app: Flask) -> World:
    return make_world(app)


def _count() -> tuple[int, int]:
    db.session.rollback()
    files = db.session.scalar(select(func.count()).select_from(StoredFile)) or 0
    submissions = db.session.scalar(select(func.count()).select_from(Submission)) or 0
    return files, submissions


@pytest.mark.parametrize("name", ZIPS)
def test_hostile_submission_is_refused_by_the_form(
    world: World, store: FakeStore, name: str
) -> None:
    make, words = ZIPS[name]
    before, stored = _count(), set(store.objects)
    answer = world.browser("participant").post(
        f"/phases/{world.arguments['phase_id']}/uploads",
        data={"file": (io.BytesIO(make()), "a.zip")}, content_type="multipart/form-data",
    )  # fmt: skip
    answer.request.environ["wsgi.input"].close()  # a large one is a file of the test client
    assert answer.status_code == 422
    assert words in answer.text
    assert (_count(), set(store.objects)) == (before, stored)


@pytest.mark.parametrize("name", ZIPS)
def test_hostile_submission_is_refused_after_its_presigned_upload(
    world: World, store: FakeStore, name: str
) -> None:
    make, words = ZIPS[name]
    client = world.browser("participant")
    form = {"kind": "submission", "file_name": "a.zip", "file_size": "100"}
    begun = client.post("/uploads", data=form).get_json()
    file = db.session.scalars(select(StoredFile).where(StoredFile.key == begun["key"])).one()
    place = ObjectRef(file.bucket, file.upload_key)
    store.objects[place] = make()
    stored = set(store.objects) - {place}
    answer = client.post(
        f"/phases/{world.arguments['phase_id']}/uploads", data={"upload_key": begun["key"]}
    )
    assert answer.status_code == 422
    assert words in answer.text
    db.session.rollback()
    assert not db.session.get_one(StoredFile, file.id).is_complete
    assert set(store.objects) == stored


def _imported(world: World, content: bytes) -> BundleImport | None:
    """Bring a bundle in by the form and its job; None when the form refuses it."""
    answer = world.browser("stranger").post(
        "/bundles/new", data={"file": (io.BytesIO(content), "bundle.zip")},
        content_type="multipart/form-data",
    )  # fmt: skip
    if answer.status_code == 422:
        return None
    import_id = int(answer.headers["Location"].rpartition("/")[2])
    bundles.run_import(import_id, now)
    return db.session.get_one(BundleImport, import_id, populate_existing=True)


# A bundle may have more files than a submission.
@pytest.mark.parametrize("name", sorted(set(ZIPS) - {"too many"}))
def test_hostile_bundle_leaves_nothing_behind(world: World, store: FakeStore, name: str) -> None:
    make, _words = ZIPS[name]
    stored = set(store.objects)
    ended = _imported(world, make())
    assert ended is None
    assert set(store.objects) == stored


def _laughs() -> bytes:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefg", "bcdefgh", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    return "\n".join(lines).encode()


YAMLS: dict[str, bytes] = {
    "laughs": _laughs(),
    "cycle": b"a: &a [*a]",
    "deep": b"a: " + b"[" * 100_000,
    "deeper": b"- " * 50_000,
    "a program": b"title: !!python/object/apply:os.system ['touch /tmp/pwned']",
    "a module": b"title: !!python/name:os.system",
    "NUL": b"title: a\x00b",
    "other encoding": "title: ä".encode("utf-16"),
    "no mapping": b"[1, 2]",
    "huge": b"title: " + b"x" * 300_000,
    "a file of the server": b"version: 2\ntitle: x\nterms: /etc/passwd\nimage: ../../etc/passwd",
}


@pytest.mark.parametrize("name", YAMLS)
def test_hostile_manifest_leaves_nothing_behind_and_says_where(
    world: World, store: FakeStore, name: str
) -> None:
    competitions = select(func.count()).select_from(Competition)
    before, stored = db.session.scalar(competitions), set(store.objects)
    ended = _imported(world, zip_of({**make_files(), "competition.yaml": YAMLS[name]}).getvalue())
    assert ended is not None
    assert ended.state == ImportState.FAILED
    assert ended.problems
    assert all(problem["sentence"] for problem in ended.problems)
    assert "root:" not in repr(ended.problems)
    assert db.session.scalar(competitions) == before
    bundle = db.session.get_one(StoredFile, ended.file_id)
    assert set(store.objects) - stored <= {bundle.ref}
    page = world.browser("stranger").get(f"/bundles/{ended.id}")
    assert page.status_code == 200


def test_kind_of_an_upload_is_not_the_clients_to_choose(world: World) -> None:
    client = world.browser("participant")
    for kind in (FileKind.REFERENCE_DATA, FileKind.SCORING_PROGRAM, "../x", ""):
        form = {"kind": str(kind), "file_name": "a.zip", "file_size": "100"}
        assert client.post("/uploads", data=form).status_code == 422

"""Imports from the uploaded zip to the competition, and everything that can stop one."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts.models import User
from app.bundles import members, services, unpacking
from app.bundles.fields import NoteKind
from app.bundles.models import BundleImport, ImportState
from app.competitions import services as competitions
from app.competitions.models import Competition, Phase
from app.competitions.services import InvalidDraft
from app.errors import Forbidden, Invalid, Refused, TooLarge, Unavailable
from app.platform.db import Base, db, unit_of_work
from app.platform.storage import ObjectRef
from app.policy import ANONYMOUS, Viewer
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile, TaskRevision
from tests.bundles.bundle_factories import MANIFEST, changed, content, make_files, zip_of
from tests.conftest import make_settings
from tests.factories import NOW, change, make_file, make_user
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore

KIND = FileKind.COMPETITION_BUNDLE
UNPACK = "app.bundles.jobs.unpack"


class Clock:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@pytest.fixture
def olga(app: Flask) -> User:
    return make_user("olga")


@pytest.fixture
def actor(olga: User) -> Viewer:
    return Viewer(olga.id, olga.username)


Upload = Callable[[bytes], int]


@pytest.fixture
def upload(olga: User, actor: Viewer, store: FakeStore) -> Upload:
    """Uploads a bundle, and opens its import."""

    def uploaded(raw: bytes) -> int:
        file = make_file(olga, kind=FileKind.COMPETITION_BUNDLE, file_name="bundle.zip")
        store.objects[file.ref] = raw
        with unit_of_work():
            return services.open_import(actor, file, now=NOW).id

    return uploaded


def bundle(manifest: str = MANIFEST, files: dict[str, bytes] | None = None) -> bytes:
    return zip_of(make_files(manifest) | (files or {})).getvalue()


def ended(import_id: int) -> BundleImport:
    db.session.rollback()
    return db.session.get_one(BundleImport, import_id)


def run(import_id: int) -> BundleImport:
    services.run_import(import_id, Clock())
    return ended(import_id)


def rows() -> dict[str, int]:
    tables = Base.metadata.sorted_tables
    return {t.name: db.session.scalar(select(func.count()).select_from(t)) or 0 for t in tables}


@pytest.fixture
def leaves_nothing(store: FakeStore) -> Iterator[Callable[[], None]]:
    """Note rows and objects when asked, and compare them at the end of the test."""
    noted: list[Any] = []

    def note() -> None:
        noted.append((rows(), dict(store.objects)))

    yield note
    db.session.rollback()
    assert noted == [(rows(), dict(store.objects))]


# Asking for an import


def test_started_import_is_a_row_and_a_job(actor: Viewer, olga: User, carrier: FakeCarrier) -> None:
    file = make_file(olga, kind=FileKind.COMPETITION_BUNDLE)
    with unit_of_work():
        started = services.start(actor, file, now=NOW)
        assert carrier.jobs == []  # only once the row is saved
    assert carrier.jobs == [(UNPACK, (started.id,))]
    assert (started.state, started.owner_id, started.file_id) == ("waiting", olga.id, file.id)


def test_second_click_gets_the_same_import(upload: Upload, actor: Viewer) -> None:
    import_id = upload(bundle())
    for _ in range(2):  # while it waits, and when it is done
        with unit_of_work():
            file = db.session.scalars(select(StoredFile).where(StoredFile.kind == KIND)).one()
            assert services.start(actor, file, now=NOW).id == import_id
        assert run(import_id).state == "finished"


def test_failed_bundle_may_be_tried_again(upload: Upload, actor: Viewer) -> None:
    import_id = upload(b"no zip")
    run(import_id)
    with unit_of_work():
        file = db.session.scalars(select(StoredFile)).one()
        assert services.start(actor, file, now=NOW).id != import_id


def test_import_waits_while_the_queue_is_away(
    actor: Viewer, olga: User, carrier: FakeCarrier
) -> None:
    carrier.down = True
    with unit_of_work():
        waiting = services.start(actor, make_file(olga, kind="competition_bundle"), now=NOW)
    carrier.down = False
    for seconds, sent in ((30, 0), (61, 1), (90, 0)):
        with unit_of_work():
            assert services.send_waiting(now=NOW + timedelta(seconds=seconds)) == sent
    assert carrier.jobs == [(UNPACK, (waiting.id,))]


def test_only_the_uploader_imports_a_bundle(olga: User) -> None:
    file, petra = make_file(olga, kind=FileKind.COMPETITION_BUNDLE), make_user("petra")
    for viewer in (ANONYMOUS, Viewer(petra.id, "petra"), Viewer(petra.id, "petra", True)):
        with pytest.raises(Forbidden):
            services.start(viewer, file, now=NOW)


@pytest.mark.parametrize(
    "values", [{"kind": FileKind.SUBMISSION}, {"kind": "competition_bundle", "is_complete": False}]
)
def test_only_complete_bundles_are_imported(
    actor: Viewer, olga: User, values: dict[str, Any]
) -> None:
    with pytest.raises(Invalid, match="Upload it again"):
        services.start(actor, make_file(olga, **values), now=NOW)


# A good bundle


def test_bundle_becomes_a_competition(upload: Upload, actor: Viewer, store: FakeStore) -> None:
    manifest = changed(
        ("scoring_program: scoring/\n", "scoring_program: scoring/\n  input_data: data.zip\n")
    )
    import_id = upload(bundle(manifest))
    done = run(import_id)
    assert (done.state, done.problems, done.object_keys) == ("finished", [], [])
    assert (done.files_done, done.files_total) == (2, 2)
    assert done.ended_at is not None
    made = db.session.get_one(Competition, done.competition_id)
    assert (made.title, made.owner_id, made.is_published) == ("A benchmark", actor.user_id, False)

    revision = db.session.scalars(select(TaskRevision)).one()
    program = db.session.get_one(StoredFile, revision.scoring_program_id)
    data = db.session.get_one(StoredFile, revision.input_data_id)
    assert (program.file_name, program.kind, program.came_with_bundle) == (
        "scoring.zip", "scoring_program", True,
    )  # fmt: skip
    assert set(content(io.BytesIO(store.objects[program.ref]))) == {"metadata.yaml", "score.py"}
    assert store.objects[data.ref] == make_files()["data.zip"]
    assert (program.size_bytes, data.size_bytes) == (
        len(store.objects[program.ref]), len(store.objects[data.ref]),
    )  # fmt: skip
    assert store.objects[ObjectRef("public", made.logo_key)].startswith(b"\x89PNG")
    assert store.objects[ObjectRef("public", made.icon_key)].startswith(b"\x89PNG")


def test_running_an_import_twice_makes_one_competition(upload: Upload) -> None:
    import_id = upload(bundle())
    first = run(import_id).competition_id
    assert run(import_id).competition_id == first
    assert rows()["competitions"] == 1


def test_running_an_unknown_import_does_nothing(app: Flask) -> None:
    services.run_import(12345, Clock())


def test_progress_can_be_watched(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []
    write = members.write

    def watched(*args: Any) -> None:
        row = ended(import_id)
        seen.append((row.state, row.files_done, row.files_total))
        write(*args)

    monkeypatch.setattr(members, "write", watched)
    second = "- index: 1\n  name: Two\n  scoring_program: data.zip\nphases:"
    import_id = upload(bundle(changed(("phases:", second))))
    assert run(import_id).state == "finished"
    assert seen == [("storing", 0, 2), ("storing", 1, 2)]


def test_database_is_free_while_files_are_stored(
    upload: Upload, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock held here would keep everybody else from writing for minutes."""
    free = []

    def watched(name: str) -> None:
        act = getattr(store, name)

        def checked(*args: Any) -> Any:
            free.append(not db.session().in_transaction())
            return act(*args)

        monkeypatch.setattr(store, name, checked)

    watched("put")
    watched("open")
    assert run(upload(bundle())).state == "finished"
    assert len(free) == 4
    assert all(free)


def test_notes_of_the_reader_are_kept(upload: Upload) -> None:
    done = run(upload(bundle(MANIFEST + "published: true\n")))
    assert done.state == "finished"
    assert any("published" in one["where"] and one["kind"] == "ignored" for one in done.notes)


# Bad bundles leave nothing behind

EMPTY_TITLE = changed(("title: A benchmark", 'title: ""'))
BAD = {
    "no zip": (b"this is no zip", "not a zip"),
    "no manifest": (zip_of({"a.txt": b""}).getvalue(), "competition.yaml"),
    "no text": (bundle(EMPTY_TITLE), "The title"),
    "path upwards": (
        bundle(changed(("file: overview.md", "file: ../../etc/passwd"))), "leads out of",
    ),
    "absolute path": (bundle(changed(("terms: terms.md", "terms: /etc/passwd"))), "absolute"),
    "name upwards": (bundle(files={"../evil.sh": b"x"}), "leads out of"),
    "YAML that calls": (
        bundle(changed(("title: A benchmark", "title: !!python/object/apply:os.system [id]"))),
        "tag",
    ),
    "missing program": (
        bundle(changed(("scoring_program: scoring/", "scoring_program: lost/"))), "not in the zip",
    ),
    "foreign data": (
        bundle(changed(("scoring_program: scoring/",
                        "scoring_program: 5b0c5b0e-1111-4444-8888-0123456789ab"))),
        "not yours",
    ),
    "wrong queue": (bundle(MANIFEST + "queue: nosuchqueue\n"), "The queue"),
    "SQL": (bundle(MANIFEST + "queue: \"x' OR '1'='1\"\n"), "The queue"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_bundle_says_why_and_leaves_nothing(
    upload: Upload, leaves_nothing: Callable[[], None], name: str
) -> None:
    raw, reason = BAD[name]
    import_id = upload(raw)
    leaves_nothing()
    failed = run(import_id)
    assert (failed.state, failed.competition_id) == ("failed", None)
    assert any(reason in problem["sentence"] for problem in failed.problems)
    assert all(
        set(p) == {"where", "found", "expected", "sentence", "hint"} for p in failed.problems
    )
    assert failed.ended_at is not None


def test_all_problems_come_at_once(upload: Upload) -> None:
    manifest = changed(
        ("title: A benchmark", 'title: ""'), ("start: 2030-01-01", "start: soon"),
        ("file: overview.md", "file: lost.md"),
    )  # fmt: skip
    found = run(upload(bundle(manifest))).problems
    assert {problem["where"].rpartition(", ")[2] for problem in found} == {
        "title", "phases[0].start", "pages[0].file",
    }  # fmt: skip


def test_keys_of_others_are_found_before_anything_is_stored(
    upload: Upload, store: FakeStore
) -> None:
    theirs = make_file(make_user("petra"), kind=FileKind.REFERENCE_DATA).key
    manifest = changed(
        ("scoring_program: scoring/", f"scoring_program: scoring/\n  reference_data: {theirs}")
    )
    import_id = upload(bundle(manifest))
    before = dict(store.objects)
    store.put = None  # type: ignore[method-assign, assignment]
    failed = run(import_id)
    assert [problem["found"] for problem in failed.problems] == [theirs]
    assert store.objects == before


def test_own_key_is_used(upload: Upload, olga: User) -> None:
    own = make_file(olga, kind=FileKind.STARTING_KIT)
    manifest = changed(("tasks: [0]", f"tasks: [0]\n  starting_kit: {own.key}"))
    assert run(upload(bundle(manifest))).state == "finished"
    assert db.session.scalars(select(Phase)).one().starting_kit_id == own.id


def test_damaged_member_is_a_problem_and_leaves_nothing(
    upload: Upload, leaves_nothing: Callable[[], None]
) -> None:
    raw = bytearray(bundle(changed(("scoring/", "data.zip"))))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        info = archive.getinfo("data.zip")
    raw[info.header_offset + 30 + len("data.zip") + 40] ^= 0xFF
    import_id = upload(bytes(raw))
    leaves_nothing()
    failed = run(import_id)
    assert failed.state == "failed"
    assert "damaged" in failed.problems[0]["sentence"]
    assert failed.problems[0]["where"] == "bundle.zip, data.zip"


def test_bug_while_making_the_competition_leaves_nothing(
    upload: Upload, leaves_nothing: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = competitions.create

    def broken(*args: Any, **values: Any) -> None:
        create(*args, **values)
        raise ZeroDivisionError

    monkeypatch.setattr(competitions, "create", broken)
    import_id = upload(bundle())
    leaves_nothing()
    with pytest.raises(ZeroDivisionError):
        services.run_import(import_id, Clock())
    failed = ended(import_id)
    assert failed.state == "failed"
    assert "on our side" in failed.problems[0]["sentence"]


@pytest.mark.parametrize("which", [1, 2, 3])
def test_store_that_goes_away_fails_the_import_and_is_cleaned_later(
    upload: Upload,
    leaves_nothing: Callable[[], None],
    store: FakeStore,
    monkeypatch: pytest.MonkeyPatch,
    which: int,
) -> None:
    """The store dies while the n-th object is written, and answers again an hour later."""
    put, delete, calls = store.put, store.delete, []

    def dying(*args: Any) -> None:
        put(*args)
        calls.append(args)
        if len(calls) == which:
            monkeypatch.setattr(store, "delete", away)
            raise Unavailable("The file store does not answer. Try again in a minute.")

    def away(_ref: ObjectRef) -> None:
        raise Unavailable("The file store does not answer. Try again in a minute.")

    import_id = upload(bundle())
    leaves_nothing()
    monkeypatch.setattr(store, "put", dying)
    failed = run(import_id)
    assert failed.state == "failed"
    assert failed.problems[0]["sentence"].startswith("The file store does not answer")
    assert len(failed.object_keys) == 3
    monkeypatch.setattr(store, "delete", delete)
    with unit_of_work():
        services.fail_stale(now=NOW + timedelta(hours=1))
    assert ended(import_id).object_keys == []


# Imports that fell silent


def silent(import_id: int, **values: Any) -> None:
    change(ended(import_id), **{"state": ImportState.STORING, "heard_at": NOW, **values})


def test_crashed_import_is_failed_and_cleaned_after_ten_minutes(
    upload: Upload, store: FakeStore, leaves_nothing: Callable[[], None]
) -> None:
    import_id = upload(bundle())
    leaves_nothing()
    left = ObjectRef("private", "files/left")
    silent(import_id, object_keys=[[left.bucket, left.key]])
    store.objects[left] = b"1"
    with unit_of_work():
        assert services.fail_stale(now=NOW + timedelta(minutes=9)) == 0
    with unit_of_work():
        assert services.fail_stale(now=NOW + timedelta(minutes=11)) == 1
    failed = ended(import_id)
    assert (failed.state, failed.object_keys) == ("failed", [])
    assert "without a word" in failed.problems[0]["sentence"]


def test_waiting_import_has_an_hour(upload: Upload) -> None:
    import_id = upload(bundle())
    with unit_of_work():
        assert services.fail_stale(now=NOW + timedelta(minutes=59)) == 0
    with unit_of_work():
        assert services.fail_stale(now=NOW + timedelta(minutes=61)) == 1
    assert "administrator" in ended(import_id).problems[0]["hint"]


def test_finished_import_is_left_alone(upload: Upload, store: FakeStore) -> None:
    import_id = upload(bundle())
    run(import_id)
    before = dict(store.objects)
    with unit_of_work():
        assert services.fail_stale(now=NOW + timedelta(days=1)) == 0
    unpacking.clean_up(import_id)
    assert store.objects == before


def test_import_that_was_given_up_makes_nothing_when_it_wakes(
    upload: Upload, leaves_nothing: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = members.write

    written = []

    def slept(*args: Any) -> None:
        with unit_of_work():
            services.fail_stale(now=NOW + timedelta(hours=1))
        write(*args)
        written.append(args)

    monkeypatch.setattr(members, "write", slept)
    second = "- index: 1\n  name: Two\n  scoring_program: data.zip\nphases:"
    import_id = upload(bundle(changed(("phases:", second))))
    leaves_nothing()
    failed = run(import_id)
    assert failed.state == "failed"
    assert "without a word" in failed.problems[0]["sentence"]
    assert len(written) == 1  # it noticed before the second file


def test_import_given_up_at_the_last_moment_makes_nothing(
    upload: Upload, leaves_nothing: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = unpacking._finish

    def late(*args: Any) -> None:
        with unit_of_work():
            services.fail_stale(now=NOW + timedelta(hours=1))
        with pytest.raises(Refused):
            finish(*args)
        raise Refused("late")

    monkeypatch.setattr(unpacking, "_finish", late)
    import_id = upload(bundle())
    leaves_nothing()
    assert run(import_id).state == "failed"


# A bundle of this machine


def test_local_bundle_is_imported_at_once(
    actor: Viewer, tmp_path: Path, carrier: FakeCarrier
) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle(MANIFEST + "published: true\n"))
    imported = services.import_file(actor, path, Clock())
    assert db.session.get_one(Competition, imported.competition_id).title == "A benchmark"
    (note,) = imported.notes
    assert (note.kind, "published" in note.where) == (NoteKind.IGNORED, True)
    assert carrier.jobs == []


def test_local_bundle_may_be_larger_than_an_upload(
    app: Flask, actor: Viewer, tmp_path: Path
) -> None:
    app.extensions["plumbline.settings"] = make_settings(upload_mib=0)
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle())
    with pytest.raises(TooLarge), path.open("rb") as stream:
        resources.receive(actor, FileKind.COMPETITION_BUNDLE, "bundle.zip", stream, now=NOW)
    assert services.import_file(actor, path, Clock()).competition_id


def test_bad_local_bundle_raises_every_problem(actor: Viewer, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle(EMPTY_TITLE))
    with pytest.raises(InvalidDraft) as caught:
        services.import_file(actor, path, Clock())
    assert [dataclasses.asdict(p)["expected"] for p in caught.value.problems] == [
        "1 to 256 characters"
    ]
    assert rows()["competitions"] == 0

"""Dumps from the request to the file, and everything that can stop one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from flask import Flask
from sqlalchemy import func, select

from app.accounts.models import User
from app.bundles.archives.ledger import Wish
from app.bundles.checksums import NAME
from app.bundles.dumps import packing, queries, services
from app.bundles.models import BundleDump
from app.competitions.models import Competition
from app.errors import Forbidden, NotFound, Refused, Unavailable
from app.platform.db import db, unit_of_work
from app.platform.storage import ObjectRef
from app.policy import ANONYMOUS, Viewer
from app.resources import services as resources
from app.resources.models import StorageQuota, StoredFile, Task, TaskRevision
from tests.bundles.dumps.round_trips import create, import_, pack
from tests.competitions.draft_factories import make_competition_draft
from tests.factories import NOW, change, make_queue, make_user, save
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore

PACK = "app.bundles.dumps.jobs.pack"


@pytest.fixture
def user(app: Flask) -> User:
    return make_user("olga")


@pytest.fixture
def olga(user: User) -> Viewer:
    return Viewer(user.id, user.username)


@pytest.fixture
def competition_id(olga: Viewer, store: FakeStore) -> int:
    return create(olga, make_competition_draft(title="A benchmark"), store)


def ask(actor: Viewer, competition_id: int, *, with_files: bool = True) -> int:
    with unit_of_work():
        competition = db.session.get_one(Competition, competition_id)
        return services.request(actor, competition, with_files=with_files, now=NOW).id


def run(dump_id: int) -> BundleDump:
    services.run(dump_id, lambda: NOW)
    return ended(dump_id)


def ended(dump_id: int) -> BundleDump:
    db.session.rollback()
    return db.session.scalars(queries._loaded().where(BundleDump.id == dump_id)).one()


@pytest.fixture
def keeps_the_store(store: FakeStore, competition_id: int) -> Iterator[None]:
    assert competition_id  # made before
    before = dict(store.objects)
    yield
    assert store.objects == before


def count(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_request_is_a_row_and_a_job(
    olga: Viewer, competition_id: int, carrier: FakeCarrier
) -> None:
    dump_id = ask(olga, competition_id)
    assert carrier.jobs == [(PACK, (dump_id,))]
    assert ended(dump_id).state == "waiting"


def test_second_click_gets_the_dump_under_way(olga: Viewer, competition_id: int) -> None:
    first = ask(olga, competition_id)
    assert ask(olga, competition_id) == first
    assert ask(olga, competition_id, with_files=False) != first
    run(first)
    assert ask(olga, competition_id) != first


@pytest.mark.parametrize(
    ("wish", "with_files", "what"),
    [
        (None, False, "-keys"),
        (Wish(), True, "-archive"),
        (Wish(is_pseudonymised=True), True, "-archive-pseudonymised"),
    ],
)
def test_name_of_a_dump_says_what_is_in_it(
    olga: Viewer, competition_id: int, wish: Wish | None, with_files: bool, what: str
) -> None:
    with unit_of_work():
        competition = db.session.get_one(Competition, competition_id)
        dump = services.request(olga, competition, with_files=with_files, now=NOW, wish=wish)
    file = run(dump.id).file
    assert file is not None
    assert file.file_name == f"a-benchmark{what}-{NOW:%Y-%m-%d}.zip"


def test_only_organizers_ask_fetch_and_delete(olga: Viewer, competition_id: int) -> None:
    pavel, rita = make_user("pavel"), make_user("rita", is_staff=True)
    stranger, staff = (
        Viewer(pavel.id, "pavel", memberships={competition_id: "approved"}),
        Viewer(rita.id, "rita", True),
    )
    for viewer in (ANONYMOUS, stranger):
        with pytest.raises(Forbidden):
            ask(viewer, competition_id)
    dump = run(ask(olga, competition_id))
    for viewer in (ANONYMOUS, stranger):
        with pytest.raises(NotFound):
            queries.get(dump.id, viewer)
        with pytest.raises(Forbidden):
            services.link(viewer, dump)
        with pytest.raises(Forbidden):
            services.delete(viewer, dump)
    assert services.link(staff, queries.get(dump.id, staff)).endswith("?get")


def test_finished_dump_is_a_bundle_of_whoever_asked(
    olga: Viewer, competition_id: int, store: FakeStore
) -> None:
    done = run(ask(olga, competition_id))
    assert (done.state, done.refusal, done.object_key) == ("finished", "", "")
    assert done.file is not None
    assert (done.file.kind, done.file.owner_id) == ("competition_bundle", olga.user_id)
    assert done.file.file_name == f"a-benchmark-{NOW:%Y-%m-%d}.zip"
    assert done.bytes_done == done.bytes_total > 0
    with zipfile.ZipFile(io.BytesIO(store.objects[done.file.ref])) as found:
        listing = json.loads(found.read(NAME))
        names = set(found.namelist())
    assert done.file.size_bytes == len(store.objects[done.file.ref])
    assert listing["source"] == {"site": "http://localhost", "benchmark": competition_id}
    assert listing["created_at"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    assert set(listing["members"]) == names - {NAME}


def test_running_a_dump_twice_makes_one_file(olga: Viewer, competition_id: int) -> None:
    dump_id = ask(olga, competition_id)
    before = count(StoredFile)
    run(dump_id)
    run(dump_id)
    assert count(StoredFile) == before + 1


@pytest.mark.usefixtures("keeps_the_store")
def test_dump_is_deleted_with_its_file(olga: Viewer, competition_id: int) -> None:
    dump_id = ask(olga, competition_id)
    with pytest.raises(Refused, match="still being made"):
        services.delete(olga, queries.get(dump_id, olga))
    run(dump_id)
    with unit_of_work():
        services.delete(olga, queries.get(dump_id, olga))
    assert count(BundleDump) == 0


@pytest.mark.usefixtures("keeps_the_store")
def test_dumps_are_forgotten_after_two_weeks(olga: Viewer, competition_id: int) -> None:
    run(ask(olga, competition_id))
    for days, left in ((13, 1), (15, 0)):
        with unit_of_work():
            services.forget_old(now=NOW + timedelta(days=days))
        assert count(BundleDump) == left


# What can stop a dump


@pytest.mark.usefixtures("keeps_the_store")
def test_lost_file_is_named(olga: Viewer, store: FakeStore, competition_id: int) -> None:
    revision = db.session.scalars(select(TaskRevision)).one()
    file = db.session.get_one(StoredFile, revision.scoring_program_id)
    kept = store.objects.pop(file.ref)
    failed = run(ask(olga, competition_id))
    store.objects[file.ref] = kept
    assert (failed.state, failed.file_id, failed.object_key) == ("failed", None, "")
    assert failed.refusal == (
        "The file “scoring_program” (tasks/1-task-0/scoring_program.bin) is no longer stored. "
        "Replace it."
    )


@pytest.mark.usefixtures("keeps_the_store")
def test_dump_over_the_quota_says_the_numbers(olga: Viewer, competition_id: int) -> None:
    save(StorageQuota(user_id=olga.user_id, gib=0.0000002))
    failed = run(ask(olga, competition_id))
    assert failed.state == "failed"
    assert "GiB" in failed.refusal


def test_file_that_has_changed_is_named(
    olga: Viewer, store: FakeStore, competition_id: int
) -> None:
    file = db.session.scalars(select(StoredFile)).one()
    change(file, sha256="0" * 64)
    assert "its bytes have changed" in run(ask(olga, competition_id)).refusal
    change(file, sha256="", size_bytes=file.size_bytes + 1)
    assert "its bytes have changed" in run(ask(olga, competition_id)).refusal


@pytest.mark.usefixtures("keeps_the_store")
@pytest.mark.parametrize(
    "error", [Unavailable("The file store does not answer."), OSError("disk full")]
)
def test_failure_leaves_a_record_and_nothing_else(
    olga: Viewer, competition_id: int, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr(resources, "store_file", fails)
    dump_id = ask(olga, competition_id)
    if isinstance(error, OSError):
        with pytest.raises(OSError, match="disk full"):
            services.run(dump_id, lambda: NOW)
    else:
        services.run(dump_id, lambda: NOW)
    failed = ended(dump_id)
    assert failed.state == "failed"
    own = "Something went wrong on our side; the error is logged. Nothing was kept."
    assert failed.refusal == (error.message if isinstance(error, Unavailable) else own)


@pytest.mark.usefixtures("keeps_the_store")
def test_dump_that_was_given_up_meanwhile_keeps_nothing(
    olga: Viewer, competition_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump_id = ask(olga, competition_id)
    store_file: Callable[..., StoredFile] = resources.store_file

    def stored_late(*args: Any, **more: Any) -> StoredFile:
        file = store_file(*args, **more)
        with unit_of_work():
            services.fail_stale(now=NOW + timedelta(minutes=11))
        return file

    monkeypatch.setattr(resources, "store_file", stored_late)
    assert run(dump_id).state == "failed"
    assert "without a word" in ended(dump_id).refusal


def test_silent_dump_fails_and_what_it_stored_goes(
    olga: Viewer, competition_id: int, store: FakeStore
) -> None:
    dump = ended(ask(olga, competition_id))
    change(dump, state="storing", object_key="files/left")
    left = ObjectRef("private", "files/left")
    store.objects[left] = b"left"
    for minutes, state in ((9, "storing"), (11, "failed")):
        with unit_of_work():
            services.fail_stale(now=NOW + timedelta(minutes=minutes))
        assert ended(dump.id).state == state
    assert left not in store.objects
    assert ended(dump.id).object_key == ""


def test_dump_waits_while_the_queue_is_away(
    olga: Viewer, competition_id: int, carrier: FakeCarrier
) -> None:
    carrier.down = True
    dump_id = ask(olga, competition_id)
    carrier.down = False
    for seconds, sent in ((30, 0), (61, 1), (90, 0)):
        with unit_of_work():
            assert services.send_waiting(now=NOW + timedelta(seconds=seconds)) == sent
    assert carrier.jobs == [(PACK, (dump_id,))]
    with unit_of_work():
        assert services.fail_stale(now=NOW + timedelta(minutes=61)) == 1
    assert "Tell the administrator" in ended(dump_id).refusal


# What leaves, and what does not


def test_tasks_of_others_leave_by_key_alone(
    olga: Viewer, competition_id: int, store: FakeStore
) -> None:
    """A public task may be used by everybody; its reference data leaves with nobody."""
    petra = make_user("petra")
    task = db.session.scalars(select(Task)).one()
    file = db.session.scalars(select(StoredFile)).one()
    change(task, owner_id=petra.id, is_public=True)
    change(file, owner_id=petra.id)
    done = run(ask(olga, competition_id))
    assert done.file is not None
    with zipfile.ZipFile(io.BytesIO(store.objects[done.file.ref])) as found:
        (written,) = yaml.safe_load(found.read("competition.yaml"))["tasks"]
        assert [name for name in found.namelist() if name.startswith("tasks/")] == []
    assert written == {"index": 0, "key": task.key, "name": "Task 0"}
    assert done.notes == [
        "The task “Task 0” is somebody else's; it is named by its key, so that it is found on this "
        "site alone."
    ]
    change(file, is_public=True)
    assert run(ask(olga, competition_id)).notes == []


def test_queue_of_another_site_is_left_out(
    olga: Viewer, competition_id: int, store: FakeStore, tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    queue = make_queue(qid="queue0009")
    change(db.session.get_one(Competition, competition_id), queue_id=queue.id)
    here = pack(olga, competition_id)
    again = db.session.get_one(Competition, import_(olga, here, tmp_path))
    assert again.queue_id == queue.id
    packed = packing.pack
    monkeypatch.setattr(
        packing,
        "pack",
        lambda plan, out, _site, at, heard: packed(plan, out, "https://b.test", at, heard),
    )
    elsewhere = pack(olga, competition_id)
    again = db.session.get_one(Competition, import_(olga, elsewhere, tmp_path))
    assert again.queue_id is None


def test_files_keep_their_names(olga: Viewer, competition_id: int, tmp_path: Any) -> None:
    file = db.session.scalars(select(StoredFile)).one()
    change(file, file_name="my scorer.zip")
    import_(olga, pack(olga, competition_id), tmp_path)
    names = db.session.scalars(
        select(StoredFile.file_name).where(StoredFile.kind == "scoring_program")
    )
    assert sorted(names) == ["my scorer.zip", "my scorer.zip"]

"""Archives on their way out: what they hold, and what they hold back."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import User
from app.bundles.archives import records
from app.bundles.archives.fields import decode
from app.bundles.archives.ledger import Wish
from app.bundles.checksums import NAME
from app.bundles.dumps import services as dumps
from app.competitions.models import Page
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.resources.models import StoredFile
from app.submissions.models import Submission
from tests.bundles.archives.history import SECRETS, make_history
from tests.factories import NOW, make_user
from tests.fakes.storage import FakeStore

Lines = list[dict[str, Any]]


@pytest.fixture
def organizer(app: Flask) -> User:
    return make_user("quill")


@pytest.fixture
def competition_id(organizer: User, store: FakeStore) -> int:
    return make_history(organizer, store)


def pack(actor: User, competition_id: int, **wish: bool) -> bytes:
    out = io.BytesIO()
    viewer = Viewer(actor.id, actor.username, actor.is_staff)
    dumps.pack_into(viewer, competition_id, out, with_files=True, now=NOW, wish=Wish(**wish))
    return out.getvalue()


def members(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as found:
        return {name: found.read(name) for name in found.namelist()}


def lines(raw: bytes, member: str) -> Lines:
    return [json.loads(line) for line in members(raw)[member].splitlines()]


def everything(raw: bytes) -> Iterator[bytes]:
    """Yield the bytes of every member, those of zips within as well."""
    for content in members(raw).values():
        yield content
        if content.startswith(b"PK"):
            yield from everything(content)


def test_archive_tells_all_that_took_place(organizer: User, competition_id: int) -> None:
    raw = pack(organizer, competition_id)
    people = lines(raw, records.PEOPLE)
    assert [(one["person"], one["name"], one["status"]) for one in people] == [
        ("1", "Don Q", "approved"), ("2", "quimby", "approved"), ("3", "quorra", "pending"),
        ("4", "quentin", "denied"), ("5", "quill", ""),
    ]  # fmt: skip
    tasks = lines(raw, records.TASKS)
    assert [[one["number"] for one in task["revisions"]] for task in tasks] == [[1, 2], [1]]
    submissions = lines(raw, records.SUBMISSIONS)
    assert [one["submission"] for one in submissions] == list(range(1, 10))
    assert [one["state"] for one in submissions][:4] == ["finished"] * 2 + ["failed", "cancelled"]
    assert [one["rerun_of"] for one in submissions] == [None] * 5 + [1] + [None] * 3
    assert [one["migrated_from"] for one in submissions] == [None] * 6 + [1] + [None] * 2
    assert submissions[5]["runs"][0]["revision"] == 2
    assert submissions[5]["file"] == submissions[0]["file"]
    assert submissions[0]["runs"][0]["scores"] == {"score": 0.5, "time": 3.0}
    assert len(lines(raw, records.LOGS)) == 2 * sum(len(one["runs"]) for one in submissions)


def test_trials_are_not_in_it(organizer: User, competition_id: int) -> None:
    trial = db.session.scalars(select(Submission.id).where(Submission.is_trial)).one()
    numbers = [one["number"] for one in lines(pack(organizer, competition_id), records.SUBMISSIONS)]
    assert trial not in numbers


def test_listing_has_a_checksum_of_every_member(organizer: User, competition_id: int) -> None:
    found = members(pack(organizer, competition_id))
    listed = json.loads(found.pop(NAME))["members"]
    assert {name: hashlib.sha256(raw).hexdigest() for name, raw in found.items()} == {
        name: entry["sha256"] for name, entry in listed.items()
    }
    assert sum(name.startswith("archive/outputs/") for name in found) == 2 * 15


def test_equal_content_gives_equal_records(organizer: User, competition_id: int) -> None:
    assert pack(organizer, competition_id) == pack(organizer, competition_id)


def test_every_record_can_be_read_back(organizer: User, competition_id: int) -> None:
    raw = pack(organizer, competition_id)
    kinds = {
        records.PEOPLE: records.Person, records.TASKS: records.TaskRecord,
        records.SUBMISSIONS: records.SubmissionRecord, records.LOGS: records.LogRecord,
    }  # fmt: skip
    for member, kind in kinds.items():
        assert all(decode(kind, one, member) for one in lines(raw, member))


def test_addresses_leave_only_when_an_administrator_asks(
    organizer: User, competition_id: int
) -> None:
    assert not any(
        b"@mancha.example" in c for c in [members(pack(organizer, competition_id))[records.PEOPLE]]
    )
    told = lines(pack(organizer, competition_id, with_addresses=True), records.PEOPLE)
    assert told[0]["email"] == "quixote@mancha.example"


def test_pseudonymised_archive_names_nobody(organizer: User, competition_id: int) -> None:
    raw = pack(organizer, competition_id, is_pseudonymised=True)
    for content in everything(raw):
        for secret in (*SECRETS, "@", "quill", *_checksums()):
            assert secret.casefold().encode() not in content.lower(), secret
    ids = set(db.session.scalars(select(Submission.id)))
    assert all(one["number"] is None for one in lines(raw, records.SUBMISSIONS)), ids
    assert not any(
        name.startswith(("archive/submissions/", "archive/outputs/")) for name in members(raw)
    )


def _checksums() -> list[str]:
    """Return the checksums of what people submitted: pages of boards show them beside names."""
    kinds = select(StoredFile.sha256).where(
        StoredFile.kind == "submission", StoredFile.sha256 != ""
    )
    return list(db.session.scalars(kinds))


def test_pseudonymised_archive_keeps_what_is_measured(organizer: User, competition_id: int) -> None:
    plain = lines(pack(organizer, competition_id), records.SUBMISSIONS)
    hidden = lines(pack(organizer, competition_id, is_pseudonymised=True), records.SUBMISSIONS)
    for one, other in zip(plain, hidden, strict=True):
        assert [run["scores"] for run in one["runs"]] == [run["scores"] for run in other["runs"]]
        assert one["created_at"] == other["created_at"]
        assert other["answers"] == {"extra": True}


def test_pseudonyms_are_others_each_time(organizer: User, competition_id: int) -> None:
    first, second = (
        {one["person"] for one in lines(pack(organizer, competition_id, is_pseudonymised=True), records.PEOPLE)}
        for _ in range(2)
    )  # fmt: skip
    assert len(first) == 5
    assert not first & second


def test_texts_that_name_people_are_pointed_out(organizer: User, competition_id: int) -> None:
    with unit_of_work():
        page = db.session.scalars(select(Page)).one()
        page.content = "The winner is quimby."
    out = io.BytesIO()
    viewer = Viewer(organizer.id, organizer.username)
    plan = dumps.pack_into(
        viewer, competition_id, out, with_files=True, now=NOW, wish=Wish(is_pseudonymised=True)
    )
    assert plan.notes == (
        "Texts of the benchmark name people who took part, and stay as they are: "
        "pages/1-overview.md.",
    )


def test_lost_submission_does_not_keep_the_rest_from_leaving(
    organizer: User, competition_id: int, store: FakeStore
) -> None:
    first = db.session.scalars(select(StoredFile).join(Submission).order_by(Submission.id)).first()
    assert first is not None
    del store.objects[first.ref]
    found = members(pack(organizer, competition_id))
    assert json.loads(found[records.HEADER])["lost"] == ["archive/submissions/1.zip"]
    assert "archive/submissions/1.zip" not in found

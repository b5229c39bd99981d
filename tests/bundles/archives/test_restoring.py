"""Archives on another site: the same boards, nothing run again, nobody who can log in."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts import services as accounts
from app.accounts.models import User
from app.bundles import checking, services
from app.bundles.archives import records
from app.bundles.services import Past
from app.competitions import queries as competitions
from app.competitions.models import Competition, Participant, Phase
from app.errors import Forbidden, Refused
from app.leaderboards import queries as boards
from app.platform.configured import settings
from app.platform.db import db
from app.policy import Viewer
from app.resources.models import StoredFile, TaskRevision
from app.submissions import quota
from app.submissions.models import TERMINAL, Attempt, LogChunk, Run, RunOutput, State, Submission
from tests.actors import browser
from tests.bundles.archives.history import make_history
from tests.bundles.archives.test_gathering import Lines, lines, members, pack
from tests.factories import NOW, make_competition, make_phase, make_submission, make_user
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore

LATER = NOW + timedelta(days=100)
MINE = (records.PEOPLE, records.TASKS, records.SUBMISSIONS, records.LOGS)


@dataclasses.dataclass(frozen=True)
class Moved:
    """A benchmark with a past, packed on a site that is gone."""

    plain: bytes
    hidden: bytes
    addressed: bytes
    boards: list[Any]


@pytest.fixture
def moved(app: Flask, store: FakeStore) -> Moved:
    """Make the archives, then begin anew with a site that has other ids and none of the files."""
    organizer = make_user("quill")
    competition_id = make_history(organizer, store)
    packed = Moved(
        pack(organizer, competition_id), pack(organizer, competition_id, is_pseudonymised=True),
        pack(organizer, competition_id, with_addresses=True), boards_of(competition_id),
    )  # fmt: skip
    db.session.remove()
    db.drop_all()
    db.create_all()
    store.objects.clear()
    decoy = make_user("decoy")
    for _ in range(3):
        make_submission(make_phase(make_competition(decoy), tasks=2), decoy)
    return packed


@pytest.fixture
def petra(moved: Moved) -> User:
    return make_user("petra")


def restore(actor: User, raw: bytes, path: Path, **options: Any) -> int:
    file = path / "archive.zip"
    file.write_bytes(raw)
    viewer = Viewer(actor.id, actor.username, actor.is_staff)
    return services.import_file(viewer, file, lambda: LATER, **options).competition_id


def boards_of(competition_id: int) -> list[Any]:
    """Return every row of every board as its readers see it, ids apart."""
    db.session.rollback()
    staff = Viewer(is_staff=True)
    found = []
    for phase_id in db.session.scalars(
        select(Phase.id).where(Phase.competition_id == competition_id).order_by(Phase.index)
    ):
        about, rows = boards.whole_board(competitions.get_phase(phase_id, staff), staff)
        found.append([
            (row.rank, row.name, row.submitted_at, dict(row.overall), dict(row.answers),
             {about.tasks[id_]: scores for id_, scores in row.tasks.items()},
             {about.tasks[id_]: number for id_, number in row.earlier.items()},
             sorted(about.tasks[id_] for id_ in row.details))
            for row in rows
        ])  # fmt: skip
    return found


def plain_records(raw: bytes) -> dict[str, Lines]:
    """Return the records of an archive, without what names the site."""
    found = {member: lines(raw, member) for member in MINE}
    for one in found[records.SUBMISSIONS]:
        one["number"] = one["origin"] = None
    return found


def test_boards_are_what_they_were(moved: Moved, petra: User, tmp_path: Path) -> None:
    assert [len(rows) for rows in moved.boards] == [3, 2]
    assert [row[-2] for row in moved.boards[0]].count({"Lungs": 1}) == 2  # earlier revisions
    assert boards_of(restore(petra, moved.plain, tmp_path)) == moved.boards


def test_archive_of_what_was_restored_is_equal(moved: Moved, petra: User, tmp_path: Path) -> None:
    again = pack(petra, restore(petra, moved.plain, tmp_path))
    assert plain_records(again) == plain_records(moved.plain)
    others = {
        name: content for name, content in members(again).items()
        if name not in (*MINE, "manifest.json")
    }  # fmt: skip
    assert others == {name: members(moved.plain)[name] for name in others}
    assert set(members(again)) == set(members(moved.plain))


def test_restored_submissions_say_where_they_were_measured(
    moved: Moved, petra: User, tmp_path: Path
) -> None:
    competition_id = restore(petra, moved.plain, tmp_path)
    first = lines(moved.plain, records.SUBMISSIONS)[0]
    again = lines(pack(petra, competition_id), records.SUBMISSIONS)[0]
    assert again["origin"] == {"site": settings().base_url, "number": first["number"]}
    assert again["number"] != first["number"]


def test_pseudonymised_archive_is_restored_too(moved: Moved, petra: User, tmp_path: Path) -> None:
    competition_id = restore(petra, moved.hidden, tmp_path)
    found = boards_of(competition_id)
    for rows, others in zip(found, moved.boards, strict=True):
        assert [(row[0], row[2], row[3], row[5]) for row in rows] == [
            (row[0], row[2], row[3], row[5]) for row in others
        ]
        assert all(row[1].startswith("p-") for row in rows)


def test_nothing_is_run_and_nobody_is_told(
    moved: Moved, petra: User, tmp_path: Path, carrier: FakeCarrier
) -> None:
    before = list(carrier.jobs)
    restore(petra, moved.plain, tmp_path)
    assert carrier.jobs == before
    assert set(db.session.scalars(select(Run.state))) <= TERMINAL
    assert set(db.session.scalars(select(Submission.state))) <= TERMINAL
    second = db.session.scalars(select(Phase).where(Phase.auto_migrate_to_this_phase)).one()
    assert second.migrated_until == LATER


def test_people_become_accounts_that_nobody_can_log_in_to(
    moved: Moved, petra: User, tmp_path: Path
) -> None:
    competition_id = restore(petra, moved.addressed, tmp_path)
    people = db.session.execute(
        select(User, Participant.status).outerjoin(Participant).where(User.username.like("restored-%"))
        .order_by(User.id)
    ).all()  # fmt: skip
    assert [(user.display_name, status) for user, status in people] == [
        ("Don Q", "approved"), ("quimby", "approved"), ("quorra", "pending"),
        ("quentin", "denied"), ("quill", None),
    ]  # fmt: skip
    for user, _ in people:
        assert not user.is_active
        assert user.email == f"{user.username}@restored.invalid"
        assert accounts.log_in(user.username, "", now=LATER) is None
    assert not db.session.scalars(select(User).where(User.email.like("%mancha%"))).all()
    assert db.session.get_one(Competition, competition_id).owner_id == petra.id


def test_tries_are_counted_as_they_were_used(moved: Moved, petra: User, tmp_path: Path) -> None:
    competition_id = restore(petra, moved.plain, tmp_path)
    phase = db.session.scalars(
        select(Phase).where(Phase.competition_id == competition_id).order_by(Phase.index)
    ).first()
    quimby = db.session.scalars(select(User).where(User.display_name == "quimby")).one()
    assert phase is not None
    assert quota.allowance(phase, quimby.id, NOW).used_today == 1
    assert quota.allowance(phase, quimby.id, LATER).used_today == 0
    assert quota.allowance(phase, quimby.id, LATER).used == 1


def test_files_count_towards_the_storage_of_who_restores(
    moved: Moved, petra: User, tmp_path: Path, store: FakeStore
) -> None:
    restore(petra, moved.plain, tmp_path)
    files = db.session.scalars(select(StoredFile).where(StoredFile.owner_id == petra.id)).all()
    assert len([one for one in files if one.kind == "submission"]) == 7
    for file in files:
        assert len(store.objects[file.ref]) == file.size_bytes
    for output in db.session.scalars(select(RunOutput)):
        assert len(store.objects[output.ref]) == output.size_bytes
    assert db.session.scalar(select(func.count()).select_from(LogChunk)) == 30
    logged = select(Attempt.log_chars).where(Attempt.output_prefix == "")
    assert min(db.session.scalars(logged)) > 0


def test_submission_that_was_not_over_is_cancelled(
    app: Flask, store: FakeStore, tmp_path: Path
) -> None:
    organizer = make_user("quill")
    competition_id = make_history(organizer, store)
    phase = db.session.scalars(select(Phase).where(Phase.competition_id == competition_id)).first()
    assert phase is not None
    make_submission(phase, organizer, state=State.QUEUED, ended_at=None)
    latest = db.session.scalars(select(StoredFile).order_by(StoredFile.id.desc())).first()
    assert latest is not None
    store.objects[latest.ref] = b"x" * 100
    restored = restore(organizer, pack(organizer, competition_id), tmp_path)
    ended = db.session.scalars(
        select(Submission).join(Phase).where(Phase.competition_id == restored)
        .order_by(Submission.id.desc())
    ).first()  # fmt: skip
    assert ended is not None
    assert (ended.state, ended.reason) == (
        "cancelled",
        "This was not over when the archive was made.",
    )


def test_archive_may_be_left_out(moved: Moved, petra: User, tmp_path: Path) -> None:
    before = db.session.scalar(select(func.count()).select_from(Submission))
    competition_id = restore(petra, moved.plain, tmp_path, past=Past.LEAVE)
    assert boards_of(competition_id) == [[], []]
    assert db.session.scalar(select(func.count()).select_from(Submission)) == before
    numbers = db.session.scalars(select(TaskRevision.number).order_by(TaskRevision.id)).all()
    assert numbers[-2:] == [1, 1]


def test_only_administrators_match_accounts(moved: Moved, petra: User, tmp_path: Path) -> None:
    with pytest.raises(Forbidden):
        restore(petra, moved.addressed, tmp_path, past=Past.MATCH)


def test_accounts_are_not_matched_where_anybody_signs_up(moved: Moved, tmp_path: Path) -> None:
    rita = make_user("rita", is_staff=True)
    with pytest.raises(Refused, match="addresses do not say whose"):
        restore(rita, moved.addressed, tmp_path, past=Past.MATCH)


@pytest.fixture
def closed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    here = dataclasses.replace(settings(), sign_up=False)
    monkeypatch.setattr(services, "settings", lambda: here)


@pytest.mark.usefixtures("closed")
def test_accounts_of_the_same_address_get_what_is_theirs(moved: Moved, tmp_path: Path) -> None:
    rita = make_user("rita", is_staff=True)
    here = make_user("don", email="quixote@mancha.example")
    make_user("gone", email="quimby@example.org", is_active=False)
    restore(rita, moved.addressed, tmp_path, past=Past.MATCH)
    mine = select(func.count()).select_from(Submission).where(Submission.owner_id == here.id)
    assert db.session.scalar(mine) == 4
    assert len(db.session.scalars(select(User).where(User.username.like("restored-%"))).all()) == 4


def test_check_says_what_would_be_restored(moved: Moved, petra: User, tmp_path: Path) -> None:
    file = tmp_path / "archive.zip"
    file.write_bytes(moved.plain)
    reading = checking.of_file(file, Viewer(petra.id), now=NOW)
    assert reading.problems == ()
    assert reading.notes[0].sentence.startswith("5 people, 9 submissions and 30 pieces of logs")


def test_pages_say_that_scores_were_measured_elsewhere(
    app: Flask, moved: Moved, petra: User, tmp_path: Path
) -> None:
    competition_id = restore(petra, moved.plain, tmp_path)
    found = db.session.execute(
        select(Submission.id, Submission.phase_id, Submission.restored_number)
        .join(Phase)
        .where(Phase.competition_id == competition_id, Submission.on_board)
    ).first()
    assert found is not None
    visitor = browser(app, petra)
    page = visitor.get(f"/submissions/{found.id}").text
    assert f"Restored from {settings().base_url}: its scores were measured there" in page
    assert f"submission {found.restored_number} there" in page
    assert "from 203.0.113.77, line 2" in page
    document = visitor.get(f"/submissions/{found.id}/provenance.json").json
    assert document is not None
    assert document["restored_from"] == {
        "site": settings().base_url, "submission": found.restored_number,
    }  # fmt: skip
    board = visitor.get(f"/phases/{found.phase_id}/leaderboard").text
    assert board.count(">restored<") == 3


def test_every_page_of_what_was_restored_opens(
    app: Flask, moved: Moved, petra: User, tmp_path: Path
) -> None:
    for raw in (moved.plain, moved.hidden):
        competition_id = restore(petra, raw, tmp_path)
        ids = db.session.scalars(
            select(Submission.id).join(Phase).where(Phase.competition_id == competition_id)
        ).all()
        visitor = browser(app, petra)
        pages = [f"/submissions/{id_}" for id_ in ids]
        pages += [
            f"/benchmarks/{competition_id}/{name}" for name in ("participants", "submissions")
        ]
        for address in pages:
            assert visitor.get(address).status_code == 200, address

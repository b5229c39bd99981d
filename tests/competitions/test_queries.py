"""What people learn about competitions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event

from app import policy
from app.competitions import handouts, queries
from app.competitions.models import Competition, CompetitionSolution, Membership
from app.errors import Forbidden, NotFound
from app.platform.db import db, unit_of_work
from app.policy import Act, Viewer
from app.resources.models import FileKind, Solution, StoredFile, TaskRevision
from tests.actors import Cast, make_cast
from tests.factories import (
    NOW,
    make_competition,
    make_file,
    make_page,
    make_participant,
    make_phase,
    make_task,
    make_user,
    save,
)

PARTS = ["organizer", "participant", "pending", "denied", "stranger", "staff", "visitor"]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL statements of a block, without the transaction's own."""
    seen: list[str] = []

    def note(_c: object, _cur: object, sql: str, *_rest: object) -> None:
        seen.append(sql)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
        seen[:] = [sql for sql in seen if not sql.startswith("BEGIN")]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("follows_link", [False, True])
def test_list_and_lock_agree(app: Flask, part: str, follows_link: bool) -> None:
    cast = make_cast(is_published=False)
    published = make_competition(cast.olga)
    opened = [cast.competition.secret_key] if follows_link else []
    viewer = queries.viewer(cast.people()[part], opened=opened)
    everything = db.session.query(Competition).all()
    listed = {found.id for found in db.session.scalars(queries.visible_to(viewer))}
    allowed = {c.id for c in everything if policy.can(viewer, Act.COMPETITION_VIEW, c)}
    assert listed == allowed
    assert published.id in listed
    for competition in everything:
        if competition.id in allowed:
            assert queries.get(competition.id, viewer) is competition
        else:
            with pytest.raises(NotFound):
                queries.get(competition.id, viewer)


def test_hidden_competition_is_seen_by_those_who_may(app: Flask) -> None:
    cast = make_cast(is_published=False)
    hidden = cast.competition.id
    see = [
        part
        for part, person in cast.people().items()
        if hidden in {c.id for c in db.session.scalars(queries.visible_to(queries.viewer(person)))}
    ]
    assert see == ["organizer", "participant", "staff"]


def test_viewer_knows_all_memberships_in_one_statement(app: Flask) -> None:
    cast = make_cast()
    make_participant(cast.other, cast.pavel, Membership.DENIED)
    assert cast.pavel.id
    with statements() as seen:
        viewer = queries.viewer(cast.pavel)
    assert len(seen) == 1
    assert viewer == Viewer(
        cast.pavel.id, "pavel", False, {cast.competition.id: "approved", cast.other.id: "denied"}
    )


def test_wrong_secret_opens_nothing(app: Flask) -> None:
    cast = make_cast(is_published=False)
    assert queries.viewer(None, opened=["", "x" * 43]).opened == frozenset()
    found = queries.viewer(None, opened=["x", cast.competition.secret_key])
    assert found.opened == {cast.competition.id}


def test_phase_of_a_hidden_competition_is_not_found(app: Flask) -> None:
    cast = make_cast(is_published=False)
    phase = make_phase(cast.competition)
    assert queries.get_phase(phase.id, queries.viewer(cast.olga)) is phase
    with pytest.raises(NotFound):
        queries.get_phase(phase.id, queries.viewer(cast.petra))
    with pytest.raises(NotFound):
        queries.get_phase(10_000, queries.viewer(cast.olga))


def test_phase_comes_with_all_that_a_submission_needs(app: Flask) -> None:
    cast = make_cast()
    phase_id = make_phase(cast.competition, tasks=2).id
    db.session.rollback()
    phase = queries.get_phase(phase_id, Viewer())
    assert phase.leaderboard is not None
    assert [column.key for column in phase.leaderboard.columns] == ["score"]
    assert [len(link.task.revisions) for link in phase.phase_tasks] == [1, 1]
    assert phase.competition.owner.username == "olga"
    assert len(phase.competition.phases) == 2


@pytest.mark.parametrize("count", [1, 12])
def test_listing_takes_as_many_statements_for_one_as_for_twelve(app: Flask, count: int) -> None:
    for _ in range(count):
        make_phase(make_competition())
    db.session.rollback()
    with statements() as seen:
        rows = queries.listing(Viewer(), 1, now=NOW).rows
        shown = [(row.competition.owner.name, row.phase and row.phase.name) for row in rows]
    assert len(shown) == count
    assert len(seen) == 4


def test_listing_pages_and_searches(app: Flask) -> None:
    olga = make_user("olga")
    for number in range(7):
        make_competition(olga, title=f"Lesion {number} 100% CT")
    make_competition(olga, title="Chest films")
    page = queries.listing(Viewer(), 2, "ct LESION", now=NOW, size=3)
    assert [row.competition.title[7] for row in page.rows] == ["3", "2", "1"]
    assert (page.total, page.count) == (7, 3)
    assert queries.listing(Viewer(), 1, "0%", now=NOW).total == 7
    assert queries.listing(Viewer(), 1, "_", now=NOW).total == 0


def test_secret_link_lists_nothing(app: Flask) -> None:
    cast = make_cast(is_published=False)
    viewer = queries.viewer(None, opened=[cast.competition.secret_key])
    assert viewer.opened
    titles = [row.competition.title for row in queries.listing(viewer, 1, now=NOW).rows]
    assert titles == ["Chest films"]


def test_mine_separates_organizing_from_taking_part(app: Flask) -> None:
    cast = make_cast(is_published=False)
    make_participant(cast.other, cast.olga)
    found = queries.mine(queries.viewer(cast.olga), now=NOW)
    assert [row.competition.title for row in found.organized] == ["Breast cancer"]
    assert [row.competition.title for row in found.joined] == ["Chest films"]
    pending = queries.mine(queries.viewer(cast.wanda), now=NOW)
    assert (pending.organized, pending.joined) == ([], [])


@pytest.mark.parametrize(
    ("part", "manage", "register", "submit"),
    [
        ("organizer", True, True, False),
        ("participant", False, False, True),
        ("pending", False, False, False),
        ("denied", False, False, False),
        ("stranger", False, True, False),
        ("staff", True, True, False),
        ("visitor", False, False, False),
    ],
)
def test_frame_says_what_a_person_can_do(
    app: Flask, part: str, manage: bool, register: bool, submit: bool
) -> None:
    cast = make_cast()
    viewer = queries.viewer(cast.people()[part])
    frame = queries.frame(queries.get(cast.competition.id, viewer), viewer, NOW)
    assert (frame.can_manage, frame.can_register, frame.can_submit) == (manage, register, submit)
    assert frame.stage == "open"


def test_participants_are_the_organizers_business(app: Flask) -> None:
    cast = make_cast()
    page = queries.participants(cast.competition, queries.viewer(cast.olga), 1)
    assert [found.user.username for found in page.rows] == ["wanda", "pavel", "dora"]
    waiting = queries.participants(cast.competition, queries.viewer(cast.olga), 1, "pending")
    assert [found.user.username for found in waiting.rows] == ["wanda"]
    for person in (cast.pavel, cast.petra, None):
        with pytest.raises(Forbidden):
            queries.participants(cast.competition, queries.viewer(person), 1)


def test_pages_come_in_the_organizers_order(app: Flask) -> None:
    cast = make_cast()
    make_page(cast.competition, index=2, title="Second")
    make_page(cast.competition, index=1, title="First")
    make_page(cast.other, index=0, title="Elsewhere")
    assert [found.title for found in queries.pages(cast.competition)] == ["First", "Second"]


def _with_files(cast: Cast) -> None:
    owner = cast.olga
    files = {kind: make_file(owner, kind=kind, name=kind.value) for kind in FileKind}
    task = make_task(owner)
    save(
        TaskRevision(
            task_id=task.id,
            number=2,
            created_at=NOW,
            scoring_program_id=files[FileKind.SCORING_PROGRAM].id,
            ingestion_program_id=files[FileKind.INGESTION_PROGRAM].id,
            input_data_id=files[FileKind.INPUT_DATA].id,
            reference_data_id=files[FileKind.REFERENCE_DATA].id,
        )
    )
    make_phase(
        cast.competition,
        tasks=[task],
        starting_kit_id=files[FileKind.STARTING_KIT].id,
        public_data_id=files[FileKind.PUBLIC_DATA].id,
    )
    solution = Solution(
        owner_id=owner.id, name="s", file_id=files[FileKind.SOLUTION].id, created_at=NOW
    )
    save(solution)
    save(CompetitionSolution(competition_id=cast.competition.id, solution_id=solution.id))


ALWAYS = {"starting_kit", "public_data", "solution"}
PROGRAMS = {"ingestion_program"}
ALL = ALWAYS | PROGRAMS | {"input_data", "scoring_program", "reference_data"}


@pytest.mark.parametrize(
    ("part", "flags", "expected"),
    [
        ("visitor", {"make_programs_available": True, "make_input_data_available": True}, set()),
        ("stranger", {"make_programs_available": True, "make_input_data_available": True}, set()),
        ("pending", {}, set()),
        ("denied", {"make_programs_available": True}, set()),
        ("participant", {}, ALWAYS),
        ("participant", {"make_programs_available": True}, ALWAYS | PROGRAMS),
        ("participant", {"make_input_data_available": True}, ALWAYS | {"input_data"}),
        ("participant", {"is_published": False}, set()),
        ("organizer", {}, ALL),
        ("organizer", {"is_published": False}, ALL),
        ("staff", {}, ALL),
    ],
)
def test_files_go_to_whom_they_are_for(
    app: Flask, part: str, flags: dict[str, bool], expected: set[str]
) -> None:
    cast = make_cast(**flags)
    _with_files(cast)
    viewer = queries.viewer(cast.people()[part])
    rows = queries.files_for(queries.get(cast.competition.id, _organizer(cast)), viewer)
    assert {row.file.name for row in rows} == expected
    assert len(rows) == len(expected)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("is_published", [True, False])
def test_listed_files_are_exactly_those_handed_out(
    app: Flask, part: str, is_published: bool
) -> None:
    cast = make_cast(
        is_published=is_published, make_programs_available=True, make_input_data_available=True
    )
    _with_files(cast)
    viewer = queries.viewer(cast.people()[part])
    competition = queries.get(cast.competition.id, _organizer(cast))
    listed = {row.file.id for row in queries.files_for(competition, viewer)}
    files = db.session.query(StoredFile).filter_by(owner_id=cast.olga.id).all()
    assert {file.id for file in files if handouts.gives_out(viewer, file)} == listed


def test_reference_data_in_a_second_role_stays_with_the_organizers(app: Flask) -> None:
    cast = make_cast()
    truth, task = make_file(cast.olga), make_task(cast.olga)
    with unit_of_work():
        revision = db.session.query(TaskRevision).filter_by(task_id=task.id).one()
        revision.reference_data_id = truth.id
    make_phase(cast.competition, tasks=[task], public_data_id=truth.id)
    competition = queries.get(cast.competition.id, _organizer(cast))
    assert queries.files_for(competition, queries.viewer(cast.pavel)) == []
    rows = queries.files_for(competition, _organizer(cast))
    assert {row.audience for row in rows} == {"organizers"}


def test_file_of_several_tasks_is_one_row_that_says_where(app: Flask) -> None:
    cast = make_cast()
    shared = make_file(cast.olga, kind=FileKind.INGESTION_PROGRAM)
    tasks = [make_task(cast.olga, name=name) for name in ("Ward", "Clinic")]
    with unit_of_work():
        ids = [task.id for task in tasks]
        for revision in db.session.query(TaskRevision).where(TaskRevision.task_id.in_(ids)):
            revision.ingestion_program_id = shared.id
    for name in ("Development", "Final"):
        make_phase(cast.competition, tasks=tasks, name=name)
    competition = queries.get(cast.competition.id, _organizer(cast))
    (row,) = [
        row for row in queries.files_for(competition, _organizer(cast)) if row.file.id == shared.id
    ]
    assert [(use.phase, use.task) for use in row.uses] == [
        ("Development", "Ward"), ("Development", "Clinic"), ("Final", "Ward"), ("Final", "Clinic"),
    ]  # fmt: skip


def _organizer(cast: Cast) -> Viewer:
    return queries.viewer(cast.olga)


def test_secret_link_gives_no_files(app: Flask) -> None:
    cast = make_cast(is_published=False, make_programs_available=True)
    _with_files(cast)
    viewer = queries.viewer(cast.petra, opened=[cast.competition.secret_key])
    assert queries.files_for(queries.get(cast.competition.id, viewer), viewer) == []


def test_only_the_current_revision_is_handed_out(app: Flask) -> None:
    cast = make_cast(make_input_data_available=True)
    _with_files(cast)
    old = make_file(cast.olga, name="old")
    task_id = db.session.query(TaskRevision).filter_by(number=2).one().task_id
    with unit_of_work():
        first = db.session.query(TaskRevision).filter_by(task_id=task_id, number=1).one()
        first.input_data_id = old.id
    rows = queries.files_for(queries.get(cast.competition.id, _organizer(cast)), _organizer(cast))
    assert "old" not in {row.file.name for row in rows}
    assert "input_data" in {row.file.name for row in rows}

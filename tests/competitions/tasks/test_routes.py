"""Tasks, as browsers see them."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, event, insert, select

from app.competitions.models import PhaseTask
from app.competitions.tasks import listing
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.resources.models import (
    FileKind,
    Solution,
    StoredFile,
    Task,
    TaskRevision,
    TaskRole,
    TaskShare,
    solution_tasks,
)
from tests.actors import Cast, browser, make_cast
from tests.factories import (
    NOW,
    change,
    make_competition,
    make_file,
    make_phase,
    make_submission,
    make_task,
    save,
)
from tests.fakes.storage import FakeStore


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def a_zip(name: str = "a.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"1")
    return out.getvalue()


def upload(content: bytes, name: str = "scoring.zip") -> tuple[io.BytesIO, str]:
    return io.BytesIO(content), name


def form(**values: Any) -> dict[str, Any]:
    return {"name": "Triage", "description": "Which film first?", "version": "1", **values}


def fresh() -> Task:
    db.session.expire_all()
    return db.session.scalars(select(Task).order_by(Task.id.desc()).limit(1)).one()


def numbers(task: Task) -> list[int]:
    db.session.expire_all()
    of_task = TaskRevision.task_id == task.id
    statement = select(TaskRevision.number).where(of_task).order_by(TaskRevision.number)
    return list(db.session.scalars(statement))


def current(task: Task) -> TaskRevision:
    db.session.expire_all()
    statement = select(TaskRevision).where(TaskRevision.task_id == task.id)
    return db.session.scalars(statement.order_by(TaskRevision.number.desc()).limit(1)).one()


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]+>([^<]+)</a>', page)


def program(cast: Cast, **values: Any) -> StoredFile:
    return make_file(cast.olga, **{"kind": FileKind.SCORING_PROGRAM, **values})


# Making ---------------------------------------------------------------------------------------


def test_task_is_made_of_a_chosen_and_an_uploaded_file(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    own = program(cast)
    data = form(scoring_program=own.key, input_data_file=upload(a_zip(), "films.zip"))
    answer = browser(app, cast.olga).post("/tasks/new", data=data)
    assert answer.status_code == 303, answer.text
    task, revision = fresh(), current(fresh())
    assert (task.name, task.owner_id, task.is_public) == ("Triage", cast.olga.id, False)
    assert answer.headers["Location"] == f"/tasks/{task.key}"
    assert (revision.number, revision.scoring_program_id) == (1, own.id)
    data_file = db.session.get_one(StoredFile, revision.input_data_id)
    assert (data_file.kind, data_file.file_name) == ("input_data", "films.zip")
    assert store.objects[data_file.ref] == a_zip()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": " "}, "empty"),
        ({}, "The scoring program of the task"),
        ({"scoring_program_file": upload(b"x", "scoring.tar")}, "is not a zip file"),
        ({"scoring_program_file": upload(b"x")}, "not a zip file, or its end is missing"),
        ({"scoring_program": "nonsense"}, "Not a valid choice"),
        (
            {"scoring_program_file": upload(a_zip()), "ingestion_only_during_scoring": "y"},
            "an ingestion program beside it",
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_form_and_nothing_stays(
    app: Flask, cast: Cast, store: FakeStore, values: dict[str, Any], sentence: str
) -> None:
    answer = browser(app, cast.olga).post("/tasks/new", data=form(**values))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert not db.session.scalars(select(Task).where(Task.name == "Triage")).all()
    assert not db.session.scalars(select(StoredFile)).all()
    assert not store.objects


def test_bad_second_file_keeps_the_first_from_being_stored(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    data = form(scoring_program_file=upload(a_zip()), reference_data_file=upload(b"x", "truth.zip"))
    answer = browser(app, cast.olga).post("/tasks/new", data=data)
    assert answer.status_code == 422
    assert "truth.zip" in answer.text
    assert not store.objects


def test_files_of_others_are_not_offered(app: Flask, cast: Cast) -> None:
    theirs = program(cast)
    client = browser(app, cast.petra)
    assert theirs.key not in client.get("/tasks/new").text
    assert client.post("/tasks/new", data=form(scoring_program=theirs.key)).status_code == 422


# Revisions ------------------------------------------------------------------------------------


@pytest.fixture
def task(cast: Cast) -> Task:
    return make_task(cast.olga, programs=True, name="Triage")


def as_it_is(task: Task, **values: Any) -> dict[str, Any]:
    revision = current(task)
    keys = {
        name: db.session.get_one(StoredFile, id_).key
        for name, id_ in (
            ("scoring_program", revision.scoring_program_id),
            ("reference_data", revision.reference_data_id),
        )
        if id_
    }
    return form(**{"name": task.name, "version": str(task.version), **keys, **values})


def test_other_data_make_a_new_revision_and_leave_the_old_one(
    app: Flask, cast: Cast, task: Task
) -> None:
    before = current(task)
    old = (before.id, before.scoring_program_id, before.reference_data_id)
    data = as_it_is(task, reference_data_file=upload(a_zip("b.csv"), "truth.zip"))
    answer = browser(app, cast.olga).post(f"/tasks/{task.key}/edit", data=data)
    assert answer.status_code == 303, answer.text
    assert numbers(task) == [1, 2]
    first = db.session.get_one(TaskRevision, old[0])
    assert (first.id, first.scoring_program_id, first.reference_data_id) == old
    assert current(task).reference_data_id != old[2]
    page = browser(app, cast.olga).get(f"/tasks/{task.key}").text
    assert page.index("Revision 2") < page.index("Revision 1")


def test_another_name_is_no_new_revision(app: Flask, cast: Cast, task: Task) -> None:
    data = as_it_is(task, name="Reading order")
    assert browser(app, cast.olga).post(f"/tasks/{task.key}/edit", data=data).status_code == 303
    assert (fresh().name, fresh().version, numbers(task)) == ("Reading order", 2, [1])


def test_of_two_who_edit_at_once_the_later_one_sees_both(
    app: Flask, cast: Cast, task: Task, store: FakeStore
) -> None:
    first = as_it_is(task, name="Hers")
    second = as_it_is(task, name="His", reference_data_file=upload(a_zip(), "truth.zip"))
    client = browser(app, cast.olga)
    assert client.post(f"/tasks/{task.key}/edit", data=first).status_code == 303
    answer = client.post(f"/tasks/{task.key}/edit", data=second)
    assert answer.status_code == 422
    assert "Somebody else has changed this task" in answer.text
    assert "<dd>Hers</dd>" in answer.text
    assert 'value="His"' in answer.text
    assert 'name="version" type="hidden" value="2"' in answer.text
    assert (fresh().name, numbers(task), store.objects) == ("Hers", [1], {})
    again = as_it_is(fresh(), name="His")
    assert client.post(f"/tasks/{task.key}/edit", data=again).status_code == 303
    assert fresh().name == "His"


# Who may what ---------------------------------------------------------------------------------


def test_people_see_what_is_shared_with_them(app: Flask, cast: Cast, task: Task) -> None:
    olga, petra = browser(app, cast.olga), browser(app, cast.petra)
    assert petra.get(f"/tasks/{task.key}").status_code == 404
    answer = olga.post(f"/tasks/{task.key}/people", data={"name": "petra", "role": "view"})
    assert answer.status_code == 303
    assert petra.get(f"/tasks/{task.key}").status_code == 200
    assert names(petra.get("/tasks/?whose=shared").text) == ["Triage"]
    assert petra.get(f"/tasks/{task.key}/edit").status_code == 403
    answer = olga.post(f"/tasks/{task.key}/people/{cast.petra.id}/remove")
    assert answer.status_code == 303
    assert petra.get(f"/tasks/{task.key}").status_code == 404


@pytest.mark.parametrize("name", ["nobody", "olga"])
def test_sharing_with_nobody_is_refused(app: Flask, cast: Cast, task: Task, name: str) -> None:
    data = {"name": name, "role": "use"}
    answer = browser(app, cast.olga).post(f"/tasks/{task.key}/people", data=data)
    assert answer.status_code == 422
    assert not db.session.scalars(select(TaskShare)).all()


def test_public_task_stands_in_the_public_list_only_when_its_owner_says_so(
    app: Flask, cast: Cast, task: Task
) -> None:
    olga, petra = browser(app, cast.olga), browser(app, cast.petra)
    assert olga.post(f"/tasks/{task.key}/public").status_code == 422
    assert petra.post(f"/tasks/{task.key}/public", data={"is_understood": "y"}).status_code == 404
    assert olga.post(f"/tasks/{task.key}/public", data={"is_understood": "y"}).status_code == 303
    assert names(petra.get("/tasks/?whose=public").text) == ["Triage"]
    assert petra.post(f"/tasks/{task.key}/private").status_code == 403
    assert olga.post(f"/tasks/{task.key}/private").status_code == 303
    assert names(petra.get("/tasks/?whose=public").text) == []


def test_task_with_a_strangers_private_file_stays_private(app: Flask, cast: Cast) -> None:
    theirs = program(cast)
    mine = make_task(cast.petra)
    change(current(mine), scoring_program_id=theirs.id)
    answer = browser(app, cast.petra).post(f"/tasks/{mine.key}/public", data={"is_understood": "y"})
    assert answer.status_code == 409
    assert theirs.name in answer.text


@pytest.mark.security
@pytest.mark.parametrize("how", ["public", "used"])
def test_files_of_a_borrowed_task_are_run_and_given_to_nobody(
    app: Flask, cast: Cast, task: Task, how: str
) -> None:
    revision = current(task)
    secrets = [revision.scoring_program_id, revision.reference_data_id]
    films = make_file(cast.olga, kind=FileKind.INPUT_DATA)
    change(revision, input_data_id=films.id)
    if how == "public":
        change(task, is_public=True)
    else:
        save(TaskShare(task_id=task.id, user_id=cast.petra.id, role=TaskRole.USE))
    borrower = make_competition(
        cast.petra, make_programs_available=True, make_input_data_available=True
    )
    make_phase(borrower, tasks=[task])
    keys = [db.session.get_one(StoredFile, id_).key for id_ in [*secrets, films.id] if id_]
    for person in cast.people().values():
        if person is cast.olga:
            continue
        client = browser(app, person)
        assert [client.get(f"/files/{key}").status_code for key in keys] == [404] * 3
    assert browser(app, cast.olga).get(f"/files/{keys[0]}").status_code == 302


def test_checksum_of_reference_data_is_for_those_who_may_have_it(
    app: Flask, cast: Cast, task: Task
) -> None:
    reference = db.session.get_one(StoredFile, current(task).reference_data_id)
    change(reference, sha256="ab" * 32)
    change(task, is_public=True)
    assert "ab" * 32 in browser(app, cast.olga).get(f"/tasks/{task.key}").text
    page = browser(app, cast.petra).get(f"/tasks/{task.key}").text
    assert "ab" * 8 not in page
    assert reference.key not in page


def test_own_task_is_copied(app: Flask, cast: Cast, task: Task) -> None:
    answer = browser(app, cast.olga).post(f"/tasks/{task.key}/copy")
    assert answer.status_code == 303
    made = fresh()
    assert made.id != task.id
    assert (made.name, made.owner_id, made.is_public) == ("Copy of Triage", cast.olga.id, False)
    assert current(made).reference_data_id == current(task).reference_data_id


@pytest.mark.security
def test_secret_files_cannot_be_copied_to_another_scoring_program(
    app: Flask, cast: Cast, task: Task
) -> None:
    change(task, is_public=True)
    answer = browser(app, cast.petra).post(f"/tasks/{task.key}/copy")
    assert answer.status_code == 409
    assert not db.session.scalars(select(Task).where(Task.name == "Copy of Triage")).all()


# Deleting -------------------------------------------------------------------------------------


def test_unused_task_is_deleted_and_its_files_stay(app: Flask, cast: Cast, task: Task) -> None:
    save(TaskShare(task_id=task.id, user_id=cast.petra.id, role=TaskRole.USE))
    client = browser(app, cast.olga)
    assert "Delete the task" in client.get(f"/tasks/{task.key}/delete").text
    assert client.post(f"/tasks/{task.key}/delete").status_code == 303
    assert client.get(f"/tasks/{task.key}").status_code == 404
    assert len(db.session.scalars(select(StoredFile)).all()) == 2


def test_task_of_a_phase_is_not_deleted_and_the_phase_is_named(
    app: Flask, cast: Cast, task: Task
) -> None:
    make_phase(cast.competition, name="Final", tasks=[task])
    client = browser(app, cast.olga)
    assert "phase “Final” of “Breast cancer”" in client.get(f"/tasks/{task.key}/delete").text
    assert client.post(f"/tasks/{task.key}/delete").status_code == 409
    assert client.get(f"/tasks/{task.key}").status_code == 200


def test_task_that_was_run_is_not_deleted(app: Flask, cast: Cast) -> None:
    phase = make_phase(cast.competition)
    submission = make_submission(phase, cast.pavel)
    assert submission.id
    task = db.session.scalars(
        select(Task).join(TaskRevision).where(Task.owner_id == cast.olga.id)
    ).all()[-1]
    answer = browser(app, cast.olga).post(f"/tasks/{task.key}/delete")
    assert answer.status_code == 409


# Lists ----------------------------------------------------------------------------------------


def test_list_is_searched_by_all_words(app: Flask, cast: Cast) -> None:
    make_task(cast.olga, name="Mammograms", description="Reading order")
    make_task(cast.olga, name="Chest", description="Order")
    client = browser(app, cast.olga)
    assert names(client.get("/tasks/?q=order mammo").text) == ["Mammograms"]
    assert names(client.get("/tasks/?q=100%25").text) == []
    assert names(client.get("/tasks/?whose=nonsense&q=chest").text) == ["Chest"]


def statements(app: Flask, cast: Cast, address: str) -> int:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert browser(app, cast.petra).get(address).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize("address", ["/tasks/", "/tasks/?whose=public&q=task+1"])
def test_ten_thousand_tasks_take_as_many_statements_as_one(
    app: Flask, cast: Cast, address: str
) -> None:
    make_task(cast.petra, name="Task 1", is_public=True)
    few = statements(app, cast, address)
    values = {"owner_id": cast.petra.id, "is_public": True, "created_at": NOW}
    many = [{"key": f"{n:036}", "name": f"Task {n}", **values} for n in range(10_000)]
    with unit_of_work():
        db.session.execute(insert(Task), many)
    assert len(names(browser(app, cast.petra).get(address).text)) == 50
    assert statements(app, cast, address) == few


def test_tasks_of_one_name_are_told_apart_by_their_benchmarks(app: Flask, cast: Cast) -> None:
    tasks = [make_task(cast.olga, name="Development Task") for _ in range(2)]
    make_phase(cast.competition, tasks=tasks)
    make_phase(cast.other, tasks=tasks[1:])
    hidden = make_task(cast.olga, name="Development of another")
    make_phase(make_competition(cast.petra, title="Secret", is_published=False), tasks=[hidden])
    page = browser(app, cast.olga).get("/tasks/?q=development").text
    assert hidden.name in page
    link = f'href="/benchmarks/{cast.competition.id}"'
    assert page.count(link) == 2
    assert page.count("and 1 more") == 1
    assert "Secret" not in page


def test_files_of_one_name_are_told_apart_in_forms(app: Flask, cast: Cast, task: Task) -> None:
    twins = [program(cast, name="scoring_program.zip") for _ in range(2)]
    program(cast, name="single.zip")
    for address in ("/tasks/new", f"/tasks/{task.key}/edit"):
        page = browser(app, cast.olga).get(address).text
        for twin in twins:
            assert f">scoring_program.zip, 14 Jan 2027, {twin.key[:8]}</option>" in page
        assert ">single.zip</option>" in page


def test_data_page_of_a_benchmark_leads_to_the_tasks_that_one_may_see(
    app: Flask, cast: Cast, task: Task
) -> None:
    make_phase(cast.competition, tasks=[task])
    address = f"/benchmarks/{cast.competition.id}/data"
    assert f'href="/tasks/{task.key}"' in browser(app, cast.olga).get(address).text
    page = browser(app, cast.pavel).get(address).text
    assert task.name in page
    assert task.key not in page


def test_page_beyond_the_last_is_empty_and_knows_how_many_there_are(cast: Cast) -> None:
    make_task(cast.wanda)
    viewer = Viewer(cast.wanda.id, "wanda")
    found = listing.page(viewer, listing.Filters(), 7)
    assert (list(found.rows), found.total, found.count) == ([], 1, 1)
    assert listing.page(viewer, listing.Filters(words="nothing"), 1).total == 0


def test_list_is_sorted_as_the_address_says(app: Flask, cast: Cast) -> None:
    make_task(cast.wanda, name="beta", created_at=NOW - timedelta(hours=1))
    used = make_task(cast.wanda, name="Alpha", created_at=NOW - timedelta(hours=2))
    make_phase(cast.other, tasks=[used])
    client = browser(app, cast.wanda)
    for query, expected in {
        "": ["beta", "Alpha"],
        "?sort=created": ["Alpha", "beta"],
        "?sort=name": ["Alpha", "beta"],
        "?sort=-used": ["Alpha", "beta"],
        "?sort=used": ["beta", "Alpha"],
        "?sort=drop": ["beta", "Alpha"],
    }.items():
        assert names(client.get(f"/tasks/{query}").text) == expected, query


def test_size_of_a_task_counts_each_file_once(app: Flask, cast: Cast) -> None:
    task = make_task(cast.petra)
    file = make_file(cast.petra, kind=FileKind.INPUT_DATA, size_bytes=3_565_158)
    change(current(task), input_data_id=file.id)
    save(TaskRevision(task_id=task.id, number=2, input_data_id=file.id, created_at=NOW))
    assert '<td class="number">3.4 MiB</td>' in browser(app, cast.petra).get("/tasks/").text


# Clearing up ----------------------------------------------------------------------------------


def test_tasks_that_nothing_uses_can_be_cleared_up_and_no_others(app: Flask, cast: Cast) -> None:
    file = program(cast)
    unused = make_task(cast.olga, name="Idle")
    change(current(unused), scoring_program_id=file.id)
    in_phase, public, shared, of_solution, was_run = (
        make_task(cast.olga, name=f"precious {what}", is_public=what == "public")
        for what in ("in phase", "public", "shared", "of a solution", "run")
    )
    make_phase(cast.competition, tasks=[in_phase])
    save(TaskShare(task_id=shared.id, user_id=cast.petra.id, role=TaskRole.VIEW))
    solution = Solution(
        owner_id=cast.olga.id, name="S", file_id=make_file(cast.olga).id, created_at=NOW
    )
    save(solution)
    with unit_of_work():
        db.session.execute(
            insert(solution_tasks).values(solution_id=solution.id, task_id=of_solution.id)
        )
    phase = make_phase(cast.competition, tasks=[was_run])
    make_submission(phase, cast.pavel)
    with unit_of_work():
        db.session.execute(delete(PhaseTask).where(PhaseTask.task_id == was_run.id))
    theirs = make_task(cast.petra, name="precious to Petra")

    client, address = browser(app, cast.olga), "/resources/space/clear/tasks"
    page = client.get(address).text
    assert "Idle" in page
    assert "precious" not in page
    every = [in_phase, public, shared, of_solution, was_run, theirs]
    assert client.post(address, data={"id": [one.id for one in every]}).status_code == 303
    db.session.expire_all()
    assert all(db.session.get(Task, one.id) is not None for one in [*every, unused])
    assert client.post(address, data={"id": [unused.id]}).status_code == 303
    db.session.expire_all()
    assert db.session.get(Task, unused.id) is None
    assert db.session.get(StoredFile, file.id) is not None
    assert client.get(address).status_code == 404

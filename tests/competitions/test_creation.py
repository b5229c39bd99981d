"""From a draft to a competition: what is made, what is refused, publishing and grants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from app.accounts.models import User
from app.competitions import building, services
from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    CompetitionType,
    Computation,
    FactSheetQuestionDraft,
    FileRef,
    PageDraft,
    QuestionType,
    SolutionDraft,
    Sorting,
    SubmissionRule,
)
from app.competitions.models import (
    BoardColumn,
    Competition,
    CompetitionSolution,
    Leaderboard,
    Page,
    Participant,
    Phase,
    PhaseTask,
)
from app.competitions.services import InvalidDraft
from app.errors import Forbidden, Invalid, Refused
from app.platform.db import Base, db, unit_of_work
from app.policy import ANONYMOUS, Viewer
from app.queues.models import ComputeQueue
from app.resources.models import FileKind, Solution, StoredFile, Task, TaskRevision
from tests.competitions.draft_factories import (
    day,
    make_column_draft,
    make_competition_draft,
    make_leaderboard_draft,
    make_phase_draft,
    make_task_draft,
)
from tests.factories import (
    NOW,
    change,
    make_board,
    make_competition,
    make_file,
    make_phase,
    make_queue,
    make_task,
    make_user,
    save,
)
from tests.fakes.storage import FakeStore

ROLES = ("scoring_program", "ingestion_program", "input_data", "reference_data")


@pytest.fixture
def olga(app: Flask) -> User:
    return make_user("olga")


@pytest.fixture
def actor(olga: User) -> Viewer:
    return Viewer(olga.id, olga.username)


def rows() -> dict[str, int]:
    """Return how many rows each table has."""
    tables = Base.metadata.sorted_tables
    return {t.name: db.session.scalar(select(func.count()).select_from(t)) or 0 for t in tables}


def stored(actor: Viewer, draft: CompetitionDraft) -> dict[FileRef, StoredFile]:
    """Stand in for the import: a row, outside the session, for everything there is to store."""
    return {
        ref: StoredFile(
            owner_id=actor.user_id,
            kind=kind,
            name=ref.member,
            file_name=ref.member,
            bucket="private",
            object_key=ref.member,
            is_complete=True,
            created_at=NOW,
        )
        for ref, kind in services.files_to_store(draft).items()
    }


def create(actor: Viewer, draft: CompetitionDraft) -> int:
    with unit_of_work():
        made = services.create(actor, draft, stored(actor, draft), now=NOW)
        return made.id


def refused(actor: Viewer, draft: CompetitionDraft) -> list[str]:
    before = rows()
    with pytest.raises(InvalidDraft) as caught:
        create(actor, draft)
    assert rows() == before
    return [str(problem) for problem in caught.value.problems]


def phases_of(competition_id: int) -> list[Phase]:
    return list(
        db.session.scalars(
            select(Phase)
            .where(Phase.competition_id == competition_id)
            .order_by(Phase.index)
            .options(
                selectinload(Phase.phase_tasks)
                .joinedload(PhaseTask.task)
                .selectinload(Task.revisions)
            )
        )
    )


def test_every_value_of_a_draft_arrives(actor: Viewer) -> None:
    draft = make_competition_draft(
        title="Breast cancer",
        description="D",
        terms="T",
        competition_type=CompetitionType.BENCHMARK,
        docker_image="python:3.11",
        registration_auto_approve=True,
        enable_detailed_results=True,
        show_detailed_results_in_submission_panel=False,
        show_detailed_results_in_leaderboard=False,
        show_scoring_logs=True,
        auto_run_submissions=False,
        can_participants_make_submissions_public=False,
        make_programs_available=True,
        make_input_data_available=True,
        forum_enabled=False,
        reward="R",
        contact_email="olga@example.org",
        pages=(PageDraft(title="B", content="b"), PageDraft(title="A", content="a")),
        fact_sheet=(
            FactSheetQuestionDraft(
                key="q", type=QuestionType.SELECT, title="Q", selection=("x", "y"),
                is_required=True, is_on_leaderboard=True,
            ),
        ),
    )  # fmt: skip
    made = db.session.get_one(Competition, create(actor, draft))
    for name in building.SAME_NAMES:
        assert getattr(made, name) == getattr(draft, name), name
    assert made.kind == "benchmark"
    assert (made.owner_id, made.created_at) == (actor.user_id, NOW)
    assert (made.is_published, made.published_at) == (False, None)
    assert made.fact_sheet == [
        {"key": "q", "type": "select", "title": "Q", "selection": ["x", "y"],
         "is_required": True, "is_on_leaderboard": True},
    ]  # fmt: skip
    pages = db.session.scalars(select(Page).order_by(Page.index)).all()
    assert [(page.title, page.content) for page in pages] == [("B", "b"), ("A", "a")]


def test_every_field_of_a_draft_has_a_place() -> None:
    """A new field must be carried over, or be named here as one that something else carries."""
    elsewhere = {
        *("competition_type", "fact_sheet", "pages", "tasks", "solutions", "phases"),
        *("leaderboards", "image_png", "icon_png", "queue"),
    }
    fields = set(CompetitionDraft.__dataclass_fields__)
    assert fields == {*building.SAME_NAMES, *elsewhere}


def test_owner_is_no_participant(actor: Viewer) -> None:
    create(actor, make_competition_draft())
    assert db.session.scalars(select(Participant)).all() == []


def test_image_of_the_site_is_used_when_none_is_named(actor: Viewer) -> None:
    made = db.session.get_one(Competition, create(actor, make_competition_draft()))
    assert made.docker_image == "codalab/codalab-legacy:py37"


def test_task_begins_with_revision_one(actor: Viewer) -> None:
    refs: dict[str, Any] = {role: FileRef(member=f"{role}.zip") for role in ROLES}
    task = make_task_draft(**refs, ingestion_only_during_scoring=True)
    create(actor, make_competition_draft(tasks=(task,)))
    revision = db.session.scalars(select(TaskRevision)).one()
    assert (revision.number, revision.ingestion_only_during_scoring) == (1, True)
    for role in ROLES:
        file = db.session.get_one(StoredFile, getattr(revision, f"{role}_id"))
        assert (file.object_key, file.kind) == (f"{role}.zip", role)


def test_phase_keeps_values_and_the_order_of_its_tasks(actor: Viewer) -> None:
    kit, data = FileRef(member="kit.zip"), FileRef(member="data.zip")
    start = datetime(2030, 1, 1, tzinfo=UTC)
    first = make_phase_draft(
        "First", tasks=("b", "a"), start=start, end=start + timedelta(days=1), description="D",
        max_submissions_per_day=2, max_submissions_per_person=3, count_failed_submissions=True,
        execution_time_limit_s=60, accepts_only_result_submissions=True, hide_output=True,
        hide_prediction_output=True, hide_score_output=True, starting_kit=kit, public_data=data,
    )  # fmt: skip
    second = make_phase_draft(
        "Second",
        tasks=("a",),
        start=start + timedelta(days=1),
        auto_migrate_to_this_phase=True,
        required_phase=0,
        requires_entry=True,
    )
    tasks = tuple(make_task_draft(index, name=str(index)) for index in ("a", "b"))  # type: ignore[arg-type]
    made = create(actor, make_competition_draft(phases=(first, second), tasks=tasks))
    one, two = phases_of(made)
    assert [link.task.name for link in one.phase_tasks] == ["b", "a"]
    assert one.phase_tasks[1].task is two.phase_tasks[0].task
    assert (one.index, two.index, two.auto_migrate_to_this_phase) == (0, 1, True)
    assert (one.required_phase_id, two.required_phase_id) == (None, one.id)
    assert (one.requires_entry, two.requires_entry) == (False, True)
    assert (one.starts_at, one.ends_at) == (start, start + timedelta(days=1))
    assert two.ends_at is None
    for name in (
        *("description", "max_submissions_per_day", "max_submissions_per_person"),
        *("count_failed_submissions", "execution_time_limit_s", "accepts_only_result_submissions"),
        *("hide_output", "hide_prediction_output", "hide_score_output"),
    ):
        assert getattr(one, name) == getattr(first, name), name
    for file_id, ref in ((one.starting_kit_id, kit), (one.public_data_id, data)):
        assert db.session.get_one(StoredFile, file_id).object_key == ref.member


def test_first_board_serves_every_phase_that_names_no_other(actor: Viewer) -> None:
    columns: tuple[ColumnDraft, ...] = (
        make_column_draft(1, key="b", sorting=Sorting.ASC, precision=4, hidden=True),
        make_column_draft(
            2, key="c", computation=Computation.AVG, computation_indexes=(1,), title="C"
        ),
    )
    boards = (
        make_leaderboard_draft(
            *columns, primary_index=2, hidden=True, submission_rule=SubmissionRule.FORCE_BEST
        ),
        make_leaderboard_draft(key="second"),
    )
    made = create(actor, make_competition_draft(leaderboards=boards))
    first, second = db.session.scalars(select(Leaderboard).order_by(Leaderboard.id))
    assert (first.key, second.key) == ("main", "second")
    assert {phase.leaderboard_id for phase in phases_of(made)} == {first.id}
    assert (first.primary_index, first.is_hidden, first.submission_rule) == (2, True, "Force_Best")
    b, c = db.session.scalars(
        select(BoardColumn).where(BoardColumn.leaderboard_id == first.id).order_by(BoardColumn.key)
    )
    assert (b.index, b.sorting, b.precision, b.is_hidden, b.computation) == (1, "asc", 4, True, "")
    assert (c.title, c.computation, c.computation_indexes) == ("C", "avg", [1])


def test_phases_have_the_boards_that_they_name(actor: Viewer) -> None:
    boards = (make_leaderboard_draft(), make_leaderboard_draft(key="second"))
    two = (
        make_phase_draft("A", start=day(1), end=day(2), leaderboard_index=1),
        make_phase_draft("B", start=day(2)),
    )
    made = create(actor, make_competition_draft(leaderboards=boards, phases=two))
    first, second = db.session.scalars(select(Leaderboard).order_by(Leaderboard.id))
    assert [phase.leaderboard_id for phase in phases_of(made)] == [second.id, first.id]


def test_one_member_used_twice_is_stored_once_as_the_more_secret_kind(actor: Viewer) -> None:
    same = FileRef(member="truth.zip")
    draft = make_competition_draft(
        tasks=(make_task_draft(input_data=same, reference_data=same),),
        phases=(make_phase_draft(public_data=same),),
    )
    assert services.files_to_store(draft)[same] == FileKind.REFERENCE_DATA
    create(actor, draft)
    count = select(func.count()).where(StoredFile.object_key == "truth.zip")
    assert db.session.scalar(count) == 1


def test_solution_belongs_to_its_tasks(actor: Viewer) -> None:
    draft = make_competition_draft(
        solutions=(SolutionDraft(index=0, tasks=(0,), file=FileRef(member="s.zip")),)
    )
    made = create(actor, draft)
    solution = db.session.scalars(select(Solution).options(selectinload(Solution.tasks))).one()
    assert solution.name == "Solution 0"
    assert [task.name for task in solution.tasks] == ["Task 0"]
    assert db.session.get_one(CompetitionSolution, (made, solution.id))
    assert db.session.get_one(StoredFile, solution.file_id).kind == FileKind.SOLUTION


def test_logo_is_stored_where_everyone_may_see_it(actor: Viewer, store: FakeStore) -> None:
    draft = make_competition_draft(image_png=b"large", icon_png=b"small")
    logo = services.new_logo(draft)
    services.store_logo(draft, logo)
    with unit_of_work():
        made = services.create(actor, draft, stored(actor, draft), now=NOW, logo=logo)
        keys = [made.logo_key, made.icon_key]
    assert {ref.key: content for ref, content in store.objects.items()} == dict(
        zip(keys, (b"large", b"small"), strict=True)
    )
    assert {ref.bucket for ref in store.objects} == {"public"}


def test_visitor_makes_nothing(app: Flask) -> None:
    draft = make_competition_draft()
    with pytest.raises(Forbidden):
        services.create(ANONYMOUS, draft, {}, now=NOW)


def test_all_problems_come_at_once_and_nothing_is_saved(actor: Viewer) -> None:
    draft = make_competition_draft(
        title="", tasks=(make_task_draft(input_data=FileRef(key=uuid4())),), queue="nosuchqueue"
    )
    problems = refused(actor, draft)
    assert [problem.partition(":")[0] for problem in problems] == [
        "title", "queue", "tasks[0].input_data",
    ]  # fmt: skip


# Existing things, named by key

Owned = Callable[[User], UUID]


def a_file(owner: User, **values: Any) -> UUID:
    return UUID(make_file(owner, **values).key)


def a_task(owner: User, **values: Any) -> UUID:
    return UUID(make_task(owner, **values).key)


def a_solution(owner: User) -> UUID:
    file = make_file(owner, kind=FileKind.SOLUTION)
    solution = Solution(owner_id=owner.id, name="Old", file_id=file.id, created_at=NOW)
    save(solution)
    return UUID(solution.key)


def naming(role: str, key: UUID) -> CompetitionDraft:
    """A draft that names one existing thing, in one of all the ways there are."""
    ref = FileRef(key=key)
    named: dict[str, Any] = {role: ref}
    if role in ROLES:
        return make_competition_draft(tasks=(make_task_draft(**named),))
    if role in ("starting_kit", "public_data"):
        return make_competition_draft(phases=(make_phase_draft(**named),))
    if role == "task":
        return make_competition_draft(tasks=(make_task_draft(key=key),))
    if role == "solution":
        solution = SolutionDraft(index=0, tasks=(0,), key=key)
        return make_competition_draft(solutions=(solution,))
    solution = SolutionDraft(index=0, tasks=(0,), file=ref)
    return make_competition_draft(solutions=(solution,))


NAMED: dict[str, Owned] = {
    **dict.fromkeys((*ROLES, "starting_kit", "public_data", "solution_file"), a_file),
    "task": a_task,
    "solution": a_solution,
}


@pytest.mark.parametrize("role", NAMED)
def test_own_things_may_be_named_by_key(actor: Viewer, olga: User, role: str) -> None:
    key = NAMED[role](olga)
    before = rows()
    create(actor, naming(role, key))
    made = {name: count - before[name] for name, count in rows().items() if count != before[name]}
    assert made["competitions"] == 1
    assert made.get("solutions", 0) == (1 if role == "solution_file" else 0)
    assert made.get("tasks", 0) == (0 if role == "task" else 1)
    assert made.get("stored_files", 0) == (0 if role in ("task", "scoring_program") else 1)


@pytest.mark.parametrize("role", NAMED)
def test_things_of_others_and_unknown_ones_are_refused_alike(actor: Viewer, role: str) -> None:
    key, unknown = NAMED[role](make_user("petra")), uuid4()
    (theirs,), (none,) = refused(actor, naming(role, key)), refused(actor, naming(role, unknown))
    assert theirs.replace(str(key), "") == none.replace(str(unknown), "")
    assert "does not exist or is not yours" in theirs


@pytest.mark.parametrize("role", [role for role in NAMED if role != "solution"])
def test_public_things_of_others_may_be_named(actor: Viewer, role: str) -> None:
    petra = make_user("petra")
    key = (a_task if role == "task" else a_file)(petra, is_public=True)
    create(actor, naming(role, key))


def test_incomplete_file_cannot_be_named(actor: Viewer, olga: User) -> None:
    assert refused(actor, naming("input_data", a_file(olga, is_complete=False)))


def test_one_stored_task_under_two_indexes_is_refused(actor: Viewer, olga: User) -> None:
    key = a_task(olga)
    tasks = (make_task_draft(0, key=key), make_task_draft(1, key=key))
    (problem,) = refused(actor, make_competition_draft(tasks=tasks))
    assert problem.startswith("tasks[1].key: Task 1 is the same stored task as task 0;")


def test_stored_solution_keeps_its_other_tasks(actor: Viewer, olga: User) -> None:
    key = a_solution(olga)
    for _ in range(2):
        create(actor, naming("solution", key))
    solution = db.session.scalars(select(Solution).options(selectinload(Solution.tasks))).one()
    assert len(solution.tasks) == 2


@pytest.mark.parametrize(("is_default", "is_staff"), [(True, False), (False, True)])
def test_queue_is_for_everyone_or_for_staff(
    actor: Viewer, is_default: bool, is_staff: bool
) -> None:
    queue = make_queue(is_default=is_default)
    viewer = Viewer(actor.user_id, "olga", is_staff)
    made = create(viewer, make_competition_draft(queue=queue.qid))
    assert db.session.get_one(Competition, made).queue_id == queue.id


def test_queue_of_others_is_refused(actor: Viewer) -> None:
    queue: ComputeQueue = make_queue(is_default=False)
    (problem,) = refused(actor, make_competition_draft(queue=queue.qid))
    assert problem.startswith("queue: ")


# Publishing and grants


def ready(owner: User) -> Competition:
    competition = make_competition(owner, is_published=False, published_at=None)
    make_phase(competition, tasks=[make_task(owner, programs=True)])
    return competition


def test_organizer_publishes_and_unpublishes(actor: Viewer, olga: User) -> None:
    competition = ready(olga)
    with unit_of_work():
        services.publish(actor, competition, now=NOW)
    assert (competition.is_published, competition.published_at) == (True, NOW)
    with unit_of_work():
        services.publish(actor, competition, now=NOW + timedelta(days=1))
    assert competition.published_at == NOW
    with unit_of_work():
        services.unpublish(actor, competition)
    assert not competition.is_published


def test_stranger_neither_publishes_nor_unpublishes(olga: User) -> None:
    petra, competition = make_user("petra"), ready(olga)
    for viewer in (Viewer(petra.id, "petra"), ANONYMOUS):
        with pytest.raises(Forbidden):
            services.publish(viewer, competition, now=NOW)
        with pytest.raises(Forbidden):
            services.unpublish(viewer, competition)


def test_publishing_names_every_reason_in_one_sentence(actor: Viewer, olga: User) -> None:
    competition = make_competition(olga, is_published=False)
    board = make_board(competition)
    make_phase(competition, name="Empty", tasks=0, board=board)
    lost = make_phase(competition, name="Lost", tasks=[make_task(olga, name="Bare")], board=board)
    change(lost, leaderboard_id=None)
    with pytest.raises(Refused) as caught:
        services.publish(actor, competition, now=NOW)
    assert caught.value.message == (
        "This benchmark cannot be published yet: the phase “Empty” has no task; "
        "the task “Bare” has no scoring program; the phase “Lost” has no leaderboard."
    )
    assert not competition.is_published


def test_benchmark_without_phases_cannot_be_published(actor: Viewer, olga: User) -> None:
    with pytest.raises(Refused, match="it has no phase"):
        services.publish(actor, make_competition(olga, is_published=False), now=NOW)


GRANTS = {"network": True, "writable_root": True, "image_user": True}


def test_staff_grants_more_than_the_defaults(olga: User) -> None:
    competition, rita = ready(olga), make_user("rita", is_staff=True)
    with unit_of_work():
        services.grant(Viewer(rita.id, "rita", True), competition, **GRANTS, memory_mib=8192)
    assert competition.grants_network
    assert competition.grants_writable_root
    assert competition.grants_image_user
    assert competition.granted_memory_mib == 8192


def test_organizer_grants_nothing(actor: Viewer, olga: User) -> None:
    with pytest.raises(Forbidden, match="administrator"):
        services.grant(actor, ready(olga), **GRANTS, memory_mib=None)


@pytest.mark.parametrize("memory", [0, -1, 63, 2**40])
def test_granted_memory_stays_within_reason(olga: User, memory: int) -> None:
    with pytest.raises(Invalid, match="MiB"):
        services.grant(Viewer(olga.id, "rita", True), ready(olga), **GRANTS, memory_mib=memory)

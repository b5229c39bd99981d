"""Lists of tasks, and one task with everything that its page says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.competitions.models import Competition, Phase, PhaseTask
from app.competitions.tasks.drafts import ROLES
from app.errors import NotFound
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.models import (
    FileKind,
    Solution,
    StoredFile,
    Task,
    TaskRevision,
    TaskShare,
)

MAX_CHOICES = 100
"""How many files of a kind a form offers, the newest first."""
_SECRET = (FileKind.SCORING_PROGRAM, FileKind.REFERENCE_DATA)

run_on: list[Callable[[], Select[tuple[int]]]] = []
"""Each asks for the ids of tasks that a later feature ran something on; ``create_app`` fills it."""


@dataclass(frozen=True)
class FileFact:
    """A file of a revision, as far as the viewer may know it."""

    kind: FileKind
    file: StoredFile
    checksum: str
    """Empty where the viewer may not know it: it would confirm a guess."""
    can_open: bool


@dataclass(frozen=True)
class RevisionRow:
    """A revision and its files."""

    revision: TaskRevision
    files: Sequence[FileFact]


@dataclass(frozen=True)
class PhaseUse:
    """A phase that uses a task; ``competition_id`` is None where the viewer may not know which."""

    competition_id: int | None
    title: str
    phase: str


@dataclass(frozen=True)
class TaskPage:
    """What the page of a task says."""

    task: Task
    """With its owner, and the people it is shared with."""
    revisions: Sequence[RevisionRow]
    """The current one first."""
    uses: Sequence[PhaseUse]
    can_edit: bool
    can_share: bool
    can_use: bool
    can_copy: bool


def _loaded(statement: Select[tuple[Task]]) -> Task | None:
    files = [joinedload(getattr(TaskRevision, kind.value)) for kind in ROLES]
    return db.session.scalar(
        statement.options(
            joinedload(Task.owner),
            selectinload(Task.shares).joinedload(TaskShare.user),
            selectinload(Task.revisions).options(*files),
        ).execution_options(populate_existing=True)
    )


def get(key: UUID, viewer: Viewer) -> Task:
    """Return a task that this viewer may see, with owner, shares, revisions and their files.

    Raises:
        NotFound: there is none, or it is somebody else's and not shared.
    """
    found = _loaded(select(Task).where(Task.key == str(key)))
    if found is None or not policy.can(viewer, Act.TASK_VIEW, found):
        raise NotFound("There is no such task, or it is not yours to see.")
    return found


def get_by_id(task_id: int) -> Task:
    """Return a task, loaded as :func:`get` does, for a caller who has asked the policy."""
    found = _loaded(select(Task).where(Task.id == task_id))
    if found is None:
        raise NotFound("This task was deleted meanwhile.")
    return found


def files_of(revision: TaskRevision) -> list[StoredFile]:
    """Return the files of a revision, each once."""
    files = (getattr(revision, kind.value) for kind in ROLES)
    return list({file.id: file for file in files if file is not None}.values())


def shown(task: Task, viewer: Viewer) -> TaskPage:
    """Return everything that the page of a task from :func:`get` says."""
    can_use = policy.can(viewer, Act.TASK_USE, task)
    files = files_of(task.revisions[-1]) if task.revisions else []
    return TaskPage(
        task=task,
        revisions=[
            RevisionRow(one, _facts(one, viewer)) for one in reversed(task.revisions)
        ],
        uses=[_known_to(use, viewer) for use in _uses(task.id)],
        can_edit=policy.can(viewer, Act.TASK_EDIT, task),
        can_share=policy.can(viewer, Act.TASK_SHARE, task),
        can_use=can_use,
        can_copy=can_use and all(policy.can(viewer, Act.FILE_USE, file) for file in files),
    )  # fmt: skip


def _facts(revision: TaskRevision, viewer: Viewer) -> list[FileFact]:
    found = []
    for kind in ROLES:
        file: StoredFile | None = getattr(revision, kind.value)
        if file is not None:
            sees = policy.can(viewer, Act.FILE_VIEW, file)
            checksum = file.sha256 if sees or kind not in _SECRET else ""
            found.append(FileFact(kind, file, checksum, sees))
    return found


def _uses(task_id: int) -> list[tuple[Competition, str]]:
    rows = db.session.execute(
        select(Competition, Phase.name)
        .join(Phase, Phase.competition_id == Competition.id)
        .join(PhaseTask, PhaseTask.phase_id == Phase.id)
        .where(PhaseTask.task_id == task_id)
        .order_by(Competition.id, Phase.index)
    )
    return [(competition, phase) for competition, phase in rows]


def _known_to(use: tuple[Competition, str], viewer: Viewer) -> PhaseUse:
    competition, phase = use
    if policy.can(viewer, Act.COMPETITION_VIEW, competition):
        return PhaseUse(competition.id, competition.title, phase)
    return PhaseUse(None, "", "")


def uses_of(task_id: int) -> list[PhaseUse]:
    """Return the phases that use a task; what is not published yet is not named."""
    return [
        PhaseUse(one.id, one.title, phase)
        if one.is_published
        else PhaseUse(one.id, "a benchmark that is not published", phase)
        for one, phase in _uses(task_id)
    ]


def phases_of(task: Task, viewer: Viewer) -> list[Phase]:
    """Return the phases that use a task and that the viewer organizes, with their benchmarks."""
    found = db.session.scalars(
        select(Phase)
        .join(PhaseTask, PhaseTask.phase_id == Phase.id)
        .where(PhaseTask.task_id == task.id)
        .options(joinedload(Phase.competition))
        .order_by(Phase.competition_id, Phase.index)
    )
    return [one for one in found if policy.can(viewer, Act.COMPETITION_EDIT, one.competition)]


def openable(phases: Sequence[Phase], viewer: Viewer) -> set[int]:
    """Return the ids of the tasks of phases whose own pages the viewer may see.

    Args:
        phases: from :func:`app.competitions.queries.phases_with_tasks`.
    """
    tasks = [link.task for phase in phases for link in phase.phase_tasks]
    return {one.id for one in tasks if policy.can(viewer, Act.TASK_VIEW, one)}


def own_by_phase(competition: Competition, viewer: Viewer) -> dict[int, list[Task]]:
    """Return the tasks of each phase that are the viewer's own, in the order of the phase."""
    found: dict[int, list[Task]] = {phase.id: [] for phase in competition.phases}
    rows = db.session.execute(
        select(PhaseTask.phase_id, Task)
        .join(Task, Task.id == PhaseTask.task_id)
        .where(PhaseTask.phase_id.in_(found), Task.owner_id == viewer.user_id)
        .order_by(PhaseTask.order, Task.id)
    )
    for phase_id, task in rows:
        found[phase_id].append(task)
    return found


def was_run(task_id: int) -> bool:
    """Return whether something was run on a task."""
    return any(
        db.session.scalar(select(run.where(run.selected_columns[0] == task_id).exists()))
        for run in (tasks() for tasks in run_on)
    )


def own_files(viewer: Viewer) -> dict[FileKind, list[StoredFile]]:
    """Return what a person can make a task of, by kind, the newest first."""
    return {
        kind: list(
            db.session.scalars(
                select(StoredFile)
                .where(
                    StoredFile.owner_id == viewer.user_id,
                    StoredFile.kind == kind,
                    StoredFile.is_complete,
                )
                .order_by(StoredFile.id.desc())
                .limit(MAX_CHOICES)
            )
        )
        for kind in ROLES
    }


def solutions_of(task_ids: Collection[int]) -> list[Solution]:
    """Return the solutions of tasks with their files, the oldest first."""
    statement = (
        select(Solution)
        .where(Solution.tasks.any(Task.id.in_(task_ids)))
        .options(joinedload(Solution.file))
        .order_by(Solution.id)
    )
    return list(db.session.scalars(statement))

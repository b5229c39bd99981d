"""What a person does with a task; its content changes by new revisions only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete as delete_rows
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app import policy
from app.accounts import queries as accounts
from app.accounts.models import User
from app.competitions import building
from app.competitions.drafts import FileRef, TaskDraft
from app.competitions.services import InvalidDraft
from app.competitions.tasks import contents, listing, queries
from app.competitions.tasks.drafts import ROLES, Incoming
from app.errors import Invalid, NotFound, Refused
from app.platform.db import db, release
from app.policy import Act, Viewer, require
from app.resources import services as resources
from app.resources.models import (
    StoredFile,
    Task,
    TaskRevision,
    TaskRole,
    TaskShare,
    solution_tasks,
)
from app.resources.space.items import SHOWN, Freed, Item


class EditedMeanwhile(Invalid):
    """Somebody else saved the task after this form was opened."""


def create(
    actor: Viewer, draft: TaskDraft, incoming: Mapping[FileRef, Incoming], *,
    now: datetime, is_public: bool = False,
) -> Task:  # fmt: skip
    """Make a task with its first revision; the only way in for a form and for a zip.

    Ends the transaction so far, because storing is slow: call it before anything is changed.

    Raises:
        InvalidDraft: lists everything that is wrong; nothing is stored then.
        Refused: it cannot be public.
    """
    require(actor, Act.TASK_CREATE)
    owner_id = resources.owner_of(actor)
    if problems := contents.problems(actor, draft, incoming):
        raise InvalidDraft(problems)
    release()
    with contents.stored(owner_id, draft, incoming, now=now) as files:
        find = _finder(contents.usable(actor, draft), files)
        task = building.task(draft, owner_id, find, now)
        db.session.add(task)
        db.session.flush()
        if is_public:
            publish(actor, task)
            db.session.flush()
    return task


def revise(
    actor: Viewer, task: Task, version: int, draft: TaskDraft,
    incoming: Mapping[FileRef, Incoming], *, now: datetime,
) -> TaskRevision | None:  # fmt: skip
    """Change a task; other programs or data make a new revision, and old ones stay as they are.

    Ends the transaction so far, because storing is slow: call it before anything is changed.

    Args:
        task: from :func:`app.competitions.tasks.queries.get`.
        version: of the task when the form was opened.

    Returns:
        The new revision; None where only name or description changed.

    Raises:
        EditedMeanwhile: somebody else saved it since.
        InvalidDraft: lists everything that is wrong; nothing is stored then.
    """
    require(actor, Act.TASK_EDIT, task)
    task_id, kept = task.id, queries.files_of(task.revisions[-1])
    if problems := contents.problems(actor, draft, incoming, kept):
        raise InvalidDraft(problems)
    owner_id, kept_ids = task.owner_id, [file.id for file in kept]
    release()
    with contents.stored(owner_id, draft, incoming, now=now) as files:
        task = _locked(task_id, version)
        still = db.session.scalars(select(StoredFile).where(StoredFile.id.in_(kept_ids))).all()
        find = _finder(contents.usable(actor, draft, still), files)
        db.session.add_all(files.values())
        db.session.flush()
        task.name, task.description, task.version = draft.name, draft.description, version + 1
        revision = _next(task.revisions[-1], draft, find, now)
        if revision is not None:
            db.session.add(revision)
        db.session.flush()
    if task.is_public and (why := why_not_public(queries.get_by_id(task_id))):
        raise Refused(f"{why} Make the task private first.")
    return revision


def _locked(task_id: int, version: int) -> Task:
    task = db.session.get_one(
        Task, task_id, with_for_update=True, populate_existing=True,
        options=[selectinload(Task.revisions)],
    )  # fmt: skip
    if task.version != version:
        raise EditedMeanwhile("Somebody else has changed this task since you opened this page.")
    return task


def _next(
    current: TaskRevision, draft: TaskDraft, find: Callable[[FileRef | None], StoredFile | None],
    now: datetime,
) -> TaskRevision | None:  # fmt: skip
    """Return the revision that a draft asks for; None when it is the current one."""
    files = {kind: find(getattr(draft, kind.value)) for kind in ROLES}
    ids = {kind: file.id if file else None for kind, file in files.items()}
    during_scoring = draft.ingestion_only_during_scoring
    same_files = all(getattr(current, f"{kind}_id") == ids[kind] for kind in ROLES)
    if same_files and current.ingestion_only_during_scoring == during_scoring:
        return None
    return TaskRevision(
        task_id=current.task_id, number=current.number + 1, created_at=now,
        ingestion_only_during_scoring=during_scoring,
        **{f"{kind}_id": ids[kind] for kind in ROLES},
    )  # fmt: skip


def _finder(
    known: Mapping[UUID, StoredFile], files: Mapping[FileRef, StoredFile]
) -> Callable[[FileRef | None], StoredFile | None]:
    def find(ref: FileRef | None) -> StoredFile | None:
        if ref is None:
            return None
        if ref.key is None:
            return files[ref]
        if ref.key not in known:
            raise Invalid("A chosen file was deleted meanwhile. Choose another one.")
        return known[ref.key]

    return find


def copy(actor: Viewer, task: Task, *, now: datetime) -> Task:
    """Make a task of the actor's own of the current revision of another.

    Raises:
        Forbidden: the actor may not use it.
        Refused: a file of it is somebody else's. Whoever combined such reference data with a
            scoring program of their own could read it.
    """
    require(actor, Act.TASK_USE, task)
    current = task.revisions[-1]
    if not all(policy.can(actor, Act.FILE_USE, file) for file in queries.files_of(current)):
        raise Refused(
            "The files of this task are its owner's: use the task as it is, or ask for the files."
        )
    made = Task(
        owner_id=resources.owner_of(actor), name=f"Copy of {task.name}"[:256], created_at=now,
        description=task.description,
        revisions=[
            TaskRevision(
                number=1, created_at=now,
                ingestion_only_during_scoring=current.ingestion_only_during_scoring,
                **{f"{kind}_id": getattr(current, f"{kind}_id") for kind in ROLES},
            )
        ],
    )  # fmt: skip
    db.session.add(made)
    db.session.flush()
    return made


def share(actor: Viewer, task: Task, name: str, role: str) -> User:
    """Let somebody see or use a task; asking again changes what they may.

    Raises:
        Invalid: there is nobody of this name, it is the owner, or the role is another word.
    """
    require(actor, Act.TASK_SHARE, task)
    if role not in set(TaskRole):
        raise Invalid("Choose what they may do: see the task, or use it in their benchmarks.")
    person = accounts.by_username(name)
    if person is None or not person.is_active:
        raise Invalid(f"There is nobody with the user name “{name[:64]}”.")
    if person.id == task.owner_id:
        raise Invalid("This is the owner, who may do everything already.")
    known = next((one for one in task.shares if one.user_id == person.id), None)
    if known is None:
        db.session.add(TaskShare(task_id=task.id, user_id=person.id, role=role))
    else:
        known.role = role
    db.session.flush()
    return person


def unshare(actor: Viewer, task: Task, user_id: int) -> None:
    """Take a task back from somebody; benchmarks that use it already keep it.

    Raises:
        NotFound: it is not shared with them.
    """
    if actor.user_id != user_id:
        require(actor, Act.TASK_SHARE, task)
    known = next((one for one in task.shares if one.user_id == user_id), None)
    if known is None:
        raise NotFound("This task is not shared with this person.")
    db.session.delete(known)
    db.session.flush()


def why_not_public(task: Task) -> str:
    """Return a sentence that says why a task may not be offered to everybody; empty when it may."""
    files = queries.files_of(task.revisions[-1])
    foreign = [file.name for file in files if file.owner_id != task.owner_id and not file.is_public]
    if foreign:
        named = ", ".join(f"“{name}”" for name in foreign)
        return f"Not all of its files are its owner's to offer: {named}."
    if task.revisions[-1].scoring_program_id is None:
        return "It has no scoring program, so nobody could use it."
    return ""


def publish(actor: Viewer, task: Task) -> None:
    """Let everybody use a task in benchmarks of their own; its files stay where they are.

    Raises:
        Refused: a file of it is somebody else's.
    """
    require(actor, Act.TASK_SHARE, task)
    if why := why_not_public(task):
        raise Refused(f"This task cannot be public. {why}")
    task.is_public = True


def withdraw(actor: Viewer, task: Task) -> None:
    """Offer a task to nobody any more; benchmarks that use it keep it."""
    require(actor, Act.TASK_SHARE, task)
    task.is_public = False


def delete(actor: Viewer, task: Task) -> None:
    """Delete a task with its revisions; the files stay in the library.

    Raises:
        Refused: it is in use; the sentence says where.
    """
    require(actor, Act.TASK_SHARE, task)
    if why := why_not_deleted(task):
        raise Refused(why)
    of_task = TaskRevision.task_id == task.id
    db.session.execute(delete_rows(TaskShare).where(TaskShare.task_id == task.id))
    db.session.execute(delete_rows(solution_tasks).where(solution_tasks.c.task_id == task.id))
    db.session.execute(delete_rows(TaskRevision).where(of_task))
    db.session.execute(delete_rows(Task).where(Task.id == task.id))


def unused(actor: Viewer) -> list[Item]:
    """Return the actor's own tasks that nothing uses; deleting one frees its files, not yet space."""
    return [
        Item(task.id, task.name, 0, "tasks.detail", {"key": task.key}) for task in _unused(actor)
    ]


def clear_unused(actor: Viewer, task_ids: Collection[int]) -> Freed:
    """Delete those of some tasks that are the actor's own and that nothing uses."""
    gone = [task for task in _unused(actor) if task.id in task_ids]
    for task in gone:
        delete(actor, task)
    return Freed(len(gone))


def _unused(actor: Viewer) -> Sequence[Task]:
    return listing.unused(actor.user_id, SHOWN) if actor.user_id is not None else ()


def why_not_deleted(task: Task) -> str:
    """Return a sentence that says where a task is used; empty when it is not."""
    named = [f"phase “{use.phase}” of “{use.title}”" for use in queries.uses_of(task.id)]
    if queries.was_run(task.id):
        named.append("submissions that were scored on it")
    if not named:
        return ""
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    return f"The task is in use: {', '.join(named[:5])}{more}. It cannot be deleted."

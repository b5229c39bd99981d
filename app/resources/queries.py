"""What is known of stored files, tasks and solutions, filtered by who may use them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.errors import NotFound
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.models import FileKind, Solution, StoredFile, Task, TaskRevision

handouts: list[Callable[[Viewer, StoredFile], bool]] = []
"""Reasons of later features to give somebody a file that is not theirs; ``create_app`` fills it."""

shown_images: list[Callable[[str], bool]] = []
"""Later features that know which keys of the public bucket are pictures of theirs."""


def may_download(viewer: Viewer, file: StoredFile) -> bool:
    """Return whether a viewer may have the bytes of a file."""
    if not file.is_complete:
        return False
    return policy.can(viewer, Act.FILE_USE, file) or any(
        gives_out(viewer, file) for gives_out in handouts
    )


def get_file(key: UUID, viewer: Viewer) -> StoredFile:
    """Return a file that the viewer may download.

    Raises:
        NotFound: there is none, it is not complete, or the viewer may not have it.
    """
    file = db.session.scalar(select(StoredFile).where(StoredFile.key == str(key)))
    if file is None or not may_download(viewer, file):
        raise NotFound("There is no such file, or you may not download it.")
    return file


def get_upload(key: str, kind: FileKind, viewer: Viewer) -> StoredFile:
    """Return an upload of the viewer's own, complete or not.

    Args:
        key: what the form says, so it may be any text.

    Raises:
        NotFound: this person has no upload of this kind under this key.
    """
    file = db.session.scalar(select(StoredFile).where(StoredFile.key == key))
    if file is None or file.kind != kind or not policy.can(viewer, Act.FILE_CHANGE, file):
        raise NotFound("This upload is not known. Send the file again.")
    return file


def usable_files(keys: Collection[UUID], viewer: Viewer) -> dict[UUID, StoredFile]:
    """Return the complete files among ``keys`` that the viewer may build on."""
    found = db.session.scalars(
        select(StoredFile).where(StoredFile.key.in_([str(key) for key in keys]))
    )
    return {
        UUID(file.key): file
        for file in found
        if file.is_complete and policy.can(viewer, Act.FILE_USE, file)
    }


def usable_tasks(keys: Collection[UUID], viewer: Viewer) -> dict[UUID, Task]:
    """Return the tasks among ``keys`` that the viewer may build on, with their revisions."""
    found = db.session.scalars(
        select(Task)
        .where(Task.key.in_([str(key) for key in keys]))
        .options(
            selectinload(Task.revisions).joinedload(TaskRevision.scoring_program),
            selectinload(Task.shares),
        )
    )
    return {UUID(task.key): task for task in found if policy.can(viewer, Act.TASK_USE, task)}


def usable_solutions(keys: Collection[UUID], viewer: Viewer) -> dict[UUID, Solution]:
    """Return the solutions among ``keys`` that the viewer may hand out, with file and tasks."""
    found = db.session.scalars(
        select(Solution)
        .where(Solution.key.in_([str(key) for key in keys]))
        .options(joinedload(Solution.file), selectinload(Solution.tasks))
    )
    return {
        UUID(solution.key): solution
        for solution in found
        if policy.can(viewer, Act.SOLUTION_USE, solution)
    }


def abandoned_uploads(before: datetime) -> list[StoredFile]:
    """Return uploads that began before a time and never came to an end, at most 100."""
    return list(
        db.session.scalars(
            select(StoredFile)
            .where(
                StoredFile.is_complete.is_(False),
                StoredFile.upload_key != "",  # those in parts have a life of their own
                StoredFile.created_at < before,
            )
            .order_by(StoredFile.id)
            .limit(100)
        )
    )


def completed_uploads(before: datetime) -> list[StoredFile]:
    """Return files completed before a time whose place of upload is still known, at most 100."""
    return list(
        db.session.scalars(
            select(StoredFile)
            .where(
                StoredFile.is_complete,
                StoredFile.upload_key != "",
                StoredFile.created_at < before,
            )
            .order_by(StoredFile.id)
            .limit(100)
        )
    )


def is_shown_image(object_key: str) -> bool:
    """Return whether a key of the public bucket is a picture that a page shows."""
    return any(knows(object_key) for knows in shown_images)

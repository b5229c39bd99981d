"""Stored things: files of every kind, tasks with their revisions, solutions."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, ForeignKey, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import User
from app.platform.db import Base
from app.platform.storage import ObjectRef


def _new_key() -> str:
    return str(uuid.uuid4())


class FileKind(StrEnum):
    """What a stored file is for; the names are those that clients send."""

    INGESTION_PROGRAM = "ingestion_program"
    INPUT_DATA = "input_data"
    PUBLIC_DATA = "public_data"
    REFERENCE_DATA = "reference_data"
    SCORING_PROGRAM = "scoring_program"
    STARTING_KIT = "starting_kit"
    COMPETITION_BUNDLE = "competition_bundle"
    SUBMISSION = "submission"
    SOLUTION = "solution"


class StoredFile(Base):
    """One file in the object store, and who may use it.

    A browser writes to a place of its own first (``upload_key``); completing the upload copies the
    bytes to ``object_key``, which nobody outside was ever told, so that they cannot change later.
    """

    __tablename__ = "stored_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(36), unique=True, default=_new_key)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text, default="")
    file_name: Mapped[str] = mapped_column(String(255))
    bucket: Mapped[str] = mapped_column(String(32))
    object_key: Mapped[str] = mapped_column(String(255))
    upload_key: Mapped[str] = mapped_column(String(255), default="")
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    is_complete: Mapped[bool] = mapped_column(default=False)
    is_public: Mapped[bool] = mapped_column(default=False)
    came_with_bundle: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    owner: Mapped[User] = relationship(lazy="raise_on_sql")

    @property
    def ref(self) -> ObjectRef:
        """Where its bytes lie."""
        return ObjectRef(self.bucket, self.object_key)


solution_tasks = Table(
    "solution_tasks",
    Base.metadata,
    Column("solution_id", ForeignKey("solutions.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
)


class Task(Base):
    """What is measured: programs and data. Its content is in revisions, which never change."""

    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(36), unique=True, default=_new_key)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(256))
    description: Mapped[str] = mapped_column(Text, default="")
    is_public: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    revisions: Mapped[list[TaskRevision]] = relationship(
        back_populates="task", order_by="TaskRevision.number", lazy="raise_on_sql"
    )


class TaskRevision(Base):
    """One immutable version of a task; every run names the one it used."""

    __tablename__ = "task_revisions"
    __table_args__ = (UniqueConstraint("task_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(default=1)
    """Counts from 1; the highest is current."""
    scoring_program_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"))
    ingestion_program_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"))
    input_data_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"))
    reference_data_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"))
    ingestion_only_during_scoring: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    task: Mapped[Task] = relationship(back_populates="revisions", lazy="raise_on_sql")
    scoring_program: Mapped[StoredFile | None] = relationship(
        foreign_keys=[scoring_program_id], lazy="raise_on_sql"
    )
    ingestion_program: Mapped[StoredFile | None] = relationship(
        foreign_keys=[ingestion_program_id], lazy="raise_on_sql"
    )
    input_data: Mapped[StoredFile | None] = relationship(
        foreign_keys=[input_data_id], lazy="raise_on_sql"
    )
    reference_data: Mapped[StoredFile | None] = relationship(
        foreign_keys=[reference_data_id], lazy="raise_on_sql"
    )


class Solution(Base):
    """An example submission that the organizer hands out with a task."""

    __tablename__ = "solutions"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(36), unique=True, default=_new_key)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(256))
    description: Mapped[str] = mapped_column(Text, default="")
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_files.id"))
    created_at: Mapped[datetime]

    file: Mapped[StoredFile] = relationship(lazy="raise_on_sql")
    tasks: Mapped[list[Task]] = relationship(secondary=solution_tasks, lazy="raise_on_sql")

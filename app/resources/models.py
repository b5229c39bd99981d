"""Stored things: files of every kind, tasks with their revisions, solutions."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
)
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
    TASK_ZIP = "task_zip"
    SUBMISSION = "submission"
    SOLUTION = "solution"


class StoredFile(Base):
    """One file in the object store, and who may use it.

    A browser writes to a place of its own first (``upload_key``); completing the upload copies the
    bytes to ``object_key``, which nobody outside was ever told, so that they cannot change later.
    A large file comes in parts to its last place at once, see :class:`PartUpload`.
    """

    __tablename__ = "stored_files"
    __table_args__ = (Index("ix_stored_files_public", "is_public", "kind"),)

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
    license: Mapped[str] = mapped_column(String(128), default="")
    """A key of :data:`app.resources.library.licences.LICENCES`, or words of its owner's."""
    downloads: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]

    owner: Mapped[User] = relationship(lazy="raise_on_sql")
    part_upload: Mapped[PartUpload | None] = relationship(
        lazy="raise_on_sql", cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def ref(self) -> ObjectRef:
        """Where its bytes lie."""
        return ObjectRef(self.bucket, self.object_key)


class PartUpload(Base):
    """An upload in parts that has not come to an end.

    The parts go to ``object_key``, where no object exists before they are joined. Joining them ends
    the upload in the store: its URLs are refused from then on, so nobody can change what is checked.
    """

    __tablename__ = "part_uploads"

    file_id: Mapped[int] = mapped_column(
        ForeignKey("stored_files.id", ondelete="CASCADE"), primary_key=True
    )
    upload_id: Mapped[str] = mapped_column(String(1024))
    """What the store calls it."""
    part_bytes: Mapped[int]
    """Size of every part but the last."""
    modified_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    """When the file was changed last by the browser's clock; with name and size, what tells it."""
    heard_at: Mapped[datetime]
    """When its browser or its check was heard last."""
    is_asked: Mapped[bool] = mapped_column(default=False)
    """Whether all parts were said to have arrived, so that a job is to join and check them."""
    checked_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    refusal: Mapped[str] = mapped_column(Text, default="")
    """Why the file cannot be used, once that is known; its bytes are gone then."""


class FileVersion(Base):
    """A file that takes the place of an older one wherever somebody chooses it anew."""

    __tablename__ = "file_versions"

    newer_id: Mapped[int] = mapped_column(
        ForeignKey("stored_files.id", ondelete="CASCADE"), primary_key=True
    )
    older_id: Mapped[int] = mapped_column(
        ForeignKey("stored_files.id", ondelete="CASCADE"), unique=True
    )


class StorageQuota(Base):
    """How much an administrator lets one person store; without a row, what the site's setting says."""

    __tablename__ = "storage_quotas"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    gib: Mapped[float] = mapped_column(Float)


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
    version: Mapped[int] = mapped_column(default=1)
    """Raised with each change, so that of two people who edit at once the later one is told."""
    created_at: Mapped[datetime]

    owner: Mapped[User] = relationship(lazy="raise_on_sql")
    revisions: Mapped[list[TaskRevision]] = relationship(
        back_populates="task", order_by="TaskRevision.number", lazy="raise_on_sql"
    )
    shares: Mapped[list[TaskShare]] = relationship(
        order_by="TaskShare.user_id", lazy="raise_on_sql", passive_deletes=True
    )


class TaskRole(StrEnum):
    """What a person may do with somebody else's task."""

    VIEW = "view"
    """See its page: what it is made of, and its revisions."""
    USE = "use"
    """Name it in benchmarks of their own as well."""


class TaskShare(Base):
    """A person whom the owner of a task lets see or use it."""

    __tablename__ = "task_shares"

    task_id: Mapped[int] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(String(8), default=TaskRole.VIEW)

    user: Mapped[User] = relationship(lazy="raise_on_sql")


class TaskRevision(Base):
    """One immutable version of a task; every run names the one it used."""

    __tablename__ = "task_revisions"
    __table_args__ = (UniqueConstraint("task_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(default=1)
    """Counts from 1; the highest is current."""
    scoring_program_id: Mapped[int | None] = mapped_column(
        ForeignKey("stored_files.id"), index=True
    )
    ingestion_program_id: Mapped[int | None] = mapped_column(
        ForeignKey("stored_files.id"), index=True
    )
    input_data_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"), index=True)
    reference_data_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"), index=True)
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
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_files.id"), index=True)
    created_at: Mapped[datetime]

    file: Mapped[StoredFile] = relationship(lazy="raise_on_sql")
    tasks: Mapped[list[Task]] = relationship(secondary=solution_tasks, lazy="raise_on_sql")

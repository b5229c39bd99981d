"""An import on its way: from an uploaded zip to a competition."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import User
from app.platform.db import Base
from app.resources.models import StoredFile


class ImportState(StrEnum):
    """Where an import is."""

    WAITING = "waiting"
    READING = "reading"
    STORING = "storing"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self in (ImportState.FINISHED, ImportState.FAILED)


class BundleImport(Base):
    """One bundle that somebody uploaded, and what became of it."""

    __tablename__ = "bundle_imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_files.id"), index=True)
    state: Mapped[str] = mapped_column(String(16), default=ImportState.WAITING)
    files_done: Mapped[int] = mapped_column(default=0)
    files_total: Mapped[int] = mapped_column(default=0)
    problems: Mapped[list[Any]] = mapped_column(default=list)
    """``{where, found, expected, sentence}`` each; not empty only when it failed."""
    notes: Mapped[list[Any]] = mapped_column(default=list)
    """``{where, sentence, kind}`` each, grouped by kind (see ``fields.NoteKind``)."""
    competition_id: Mapped[int | None] = mapped_column(
        ForeignKey("competitions.id", ondelete="SET NULL")
    )
    object_keys: Mapped[list[Any]] = mapped_column(default=list)
    """What it stored so far, ``[bucket, key]`` each, so that a failure leaves nothing behind."""
    created_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    """Its last sign of life; one that stays silent has crashed."""
    ended_at: Mapped[datetime | None]

    owner: Mapped[User] = relationship(lazy="raise_on_sql")
    file: Mapped[StoredFile] = relationship(lazy="raise_on_sql")

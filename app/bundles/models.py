"""An import on its way: from an uploaded zip to a competition."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, String, Text, or_
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import User
from app.competitions.models import Competition
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
    file_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"), index=True)
    """The zip; null once a check is over, or when it was cleared up."""
    is_check: Mapped[bool] = mapped_column(default=False)
    """Whether it only says what an import would say, and makes nothing."""
    checked_name: Mapped[str] = mapped_column(String(255), default="")
    """What the zip was called, once it is gone."""
    with_archive: Mapped[bool] = mapped_column(default=True)
    """Whether participants, submissions and scores that it brings are restored."""
    matches_accounts: Mapped[bool] = mapped_column(default=False)
    """Whether they go to the accounts of this site that have the same e-mail addresses."""
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
    file: Mapped[StoredFile | None] = relationship(lazy="raise_on_sql")

    @property
    def file_name(self) -> str:
        """What the zip is called, or was."""
        return self.file.file_name if self.file else self.checked_name

    @hybrid_property
    def is_leaving(self) -> bool:
        """Whether what its ``object_keys`` name belongs to nothing and is to be deleted."""
        return self.state == ImportState.FAILED or self.is_check

    @is_leaving.inplace.expression
    @classmethod
    def _is_leaving(cls) -> ColumnElement[bool]:
        return or_(cls.state == ImportState.FAILED, cls.is_check)


class DumpState(StrEnum):
    """Where a dump is."""

    WAITING = "waiting"
    PACKING = "packing"
    STORING = "storing"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self in (DumpState.FINISHED, DumpState.FAILED)


class BundleDump(Base):
    """A benchmark packed as a bundle: who asked for it, and what became of it."""

    __tablename__ = "bundle_dumps"

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(
        ForeignKey("competitions.id", ondelete="CASCADE"), index=True
    )
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    """Who asked for it, and whose storage it takes."""
    with_files: Mapped[bool] = mapped_column(default=True)
    """False: files are named by key, so that only this site can import it."""
    with_archive: Mapped[bool] = mapped_column(default=False)
    """Whether participants, submissions and scores are in it."""
    is_pseudonymised: Mapped[bool] = mapped_column(default=False)
    """Whether that archive names nobody."""
    state: Mapped[str] = mapped_column(String(16), default=DumpState.WAITING, index=True)
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_total: Mapped[int] = mapped_column(BigInteger, default=0)
    refusal: Mapped[str] = mapped_column(Text, default="")
    """Why it failed, in a sentence."""
    notes: Mapped[list[Any]] = mapped_column(default=list)
    """Sentences on what it names by key though files were asked for."""
    file_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"), index=True)
    object_key: Mapped[str] = mapped_column(String(255), default="")
    """Where an unfinished one stores, or soon will, so that a failure leaves nothing behind."""
    created_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    """Its last sign of life; one that stays silent has crashed."""
    ended_at: Mapped[datetime | None]

    competition: Mapped[Competition] = relationship(lazy="raise_on_sql")
    owner: Mapped[User] = relationship(lazy="raise_on_sql")
    file: Mapped[StoredFile | None] = relationship(lazy="raise_on_sql")

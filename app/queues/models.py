"""Compute queues, who shares them, and the machines that serve them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import User
from app.platform.db import Base

ONLINE_FOR = timedelta(seconds=40)
"""A machine counts as online this long after its last heartbeat (one every 10 s)."""


class Role(StrEnum):
    """What somebody whom the owner added to a queue may do with it."""

    COLLABORATOR = "collaborator"  # keeps it with the owner: its machines, its name and limit
    ORGANIZER = "organizer"  # sees it and runs benchmarks on it


class ComputeQueue(Base):
    """A named stream of runs. ``qid`` names it in Redis: opaque, ``[a-z0-9]{4,40}``, never reused."""

    __tablename__ = "compute_queues"

    id: Mapped[int] = mapped_column(primary_key=True)
    qid: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    is_default: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    """None for the default queue, which is the administrators'."""
    is_public: Mapped[bool] = mapped_column(default=False)
    """Whether every organizer may run benchmarks on it."""
    max_running_per_person: Mapped[int | None]
    """How many runs of one person it has under way at once; None means no limit."""
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    """A retired queue takes no run any more; its row stays, because old runs point at it."""

    owner: Mapped[User | None] = relationship(lazy="raise_on_sql")
    members: Mapped[list[QueueMember]] = relationship(
        lazy="raise_on_sql", order_by="QueueMember.user_id", cascade="all, delete-orphan"
    )


class QueueMember(Base):
    """Somebody with whom the owner shares a queue."""

    __tablename__ = "queue_members"

    queue_id: Mapped[int] = mapped_column(
        ForeignKey("compute_queues.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), default=Role.ORGANIZER)
    created_at: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="raise_on_sql")


class Machine(Base):
    """A host that serves one queue, known by a token and a Redis user of its own.

    The secrets are shown once and only their SHA-256 is kept. While they are being replaced the
    ones before still count, until ``old_until`` or until the machine answers with the new ones.
    """

    __tablename__ = "machines"

    id: Mapped[int] = mapped_column(primary_key=True)
    queue_id: Mapped[int] = mapped_column(ForeignKey("compute_queues.id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    old_token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    broker_user: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Its user on the runs Redis, never reused; None for one that the launcher made a user for."""
    broker_hash: Mapped[str] = mapped_column(String(64), default="")
    old_broker_hash: Mapped[str | None] = mapped_column(String(64))
    old_until: Mapped[datetime | None]
    access_set_at: Mapped[datetime | None]
    """When the runs Redis was last made to agree with this row; None while it does not yet."""
    engine: Mapped[str] = mapped_column(String(20), default="")
    trusted_only: Mapped[bool] = mapped_column(default=False)
    """True where programs run without a real sandbox: for trusted code only."""
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    queue: Mapped[ComputeQueue] = relationship(lazy="raise_on_sql")

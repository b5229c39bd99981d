"""Compute queues and the machines that serve them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.platform.db import Base

ONLINE_FOR = timedelta(seconds=40)
"""A machine counts as online this long after its last heartbeat (one every 10 s)."""


class ComputeQueue(Base):
    """A named stream of runs. ``qid`` names it in Redis: opaque, ``[a-z0-9]{4,40}``, never reused."""

    __tablename__ = "compute_queues"

    id: Mapped[int] = mapped_column(primary_key=True)
    qid: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Machine(Base):
    """A host that serves one queue, known by a token of its own."""

    __tablename__ = "machines"

    id: Mapped[int] = mapped_column(primary_key=True)
    queue_id: Mapped[int] = mapped_column(ForeignKey("compute_queues.id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    engine: Mapped[str] = mapped_column(String(20), default="")
    trusted_only: Mapped[bool] = mapped_column(default=False)
    """True where programs run without a real sandbox: for trusted code only."""
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]

    queue: Mapped[ComputeQueue] = relationship(lazy="raise_on_sql")

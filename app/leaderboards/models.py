"""What stands on a board: one row for each submission that is on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.platform.db import Base


class Entry(Base):
    """A submission on the board of its phase, with everything that a row shows.

    A projection: the truth is in ``run_scores``. ``sort_key`` orders bytewise as the board ranks
    (see :mod:`app.leaderboards.ranking`), so that a page of a long board is one index scan.
    """

    __tablename__ = "board_entries"
    __table_args__ = (
        Index("ix_board_entries_standing", "phase_id", "sort_key", "submitted_at", "submission_id"),
        # In the same order within an owner, so that one's best entry is found without a search.
        Index(
            "ix_board_entries_owner",
            "phase_id",
            "owner_id",
            "sort_key",
            "submitted_at",
            "submission_id",
        ),
    )

    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    phase_id: Mapped[int] = mapped_column(ForeignKey("phases.id", ondelete="CASCADE"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    submitted_at: Mapped[datetime]
    sort_key: Mapped[bytes] = mapped_column(LargeBinary(512))
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """``{"overall": {column key: float}, "tasks": {task id: {column key: float}}}``."""

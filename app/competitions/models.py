"""Competitions, their phases and pages, who takes part, and the boards."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import User
from app.competitions.drafts import CompetitionType, SubmissionRule
from app.platform.db import Base
from app.queues.models import ComputeQueue
from app.resources.models import Solution, StoredFile, Task


class Membership(StrEnum):
    """Where a person stands with a competition."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


class Competition(Base):
    """A benchmark, as its organizer publishes it."""

    __tablename__ = "competitions"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    title: Mapped[str] = mapped_column(String(256))
    description: Mapped[str] = mapped_column(Text, default="")
    terms: Mapped[str] = mapped_column(Text, default="")
    terms_is_html: Mapped[bool] = mapped_column(default=False)
    """Only told to whoever takes the text away: pages show Markdown and HTML alike."""
    kind: Mapped[str] = mapped_column(String(16), default=CompetitionType.COMPETITION)
    is_published: Mapped[bool] = mapped_column(default=False, index=True)
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    secret_key: Mapped[str] = mapped_column(String(43), default=lambda: secrets.token_urlsafe(32))

    logo_key: Mapped[str] = mapped_column(String(255), default="")
    """Object key of the PNG in the public bucket; ``icon_key`` is its 100 px version."""
    icon_key: Mapped[str] = mapped_column(String(255), default="")
    docker_image: Mapped[str] = mapped_column(String(256))
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("compute_queues.id"))
    registration_auto_approve: Mapped[bool] = mapped_column(default=False)
    enable_detailed_results: Mapped[bool] = mapped_column(default=False)
    show_detailed_results_in_submission_panel: Mapped[bool] = mapped_column(default=True)
    show_detailed_results_in_leaderboard: Mapped[bool] = mapped_column(default=True)
    show_scoring_logs: Mapped[bool] = mapped_column(default=False)
    """Whether participants read what the scoring program prints; it may quote reference data."""
    make_programs_available: Mapped[bool] = mapped_column(default=False)
    make_input_data_available: Mapped[bool] = mapped_column(default=False)
    auto_run_submissions: Mapped[bool] = mapped_column(default=True)
    can_participants_make_submissions_public: Mapped[bool] = mapped_column(default=True)
    forum_enabled: Mapped[bool] = mapped_column(default=True)
    reward: Mapped[str] = mapped_column(String(256), default="")
    contact_email: Mapped[str] = mapped_column(String(256), default="")
    fact_sheet: Mapped[list[Any]] = mapped_column(default=list)
    """The questions in order: ``{key, type, title, selection, is_required, is_on_leaderboard}``."""

    grants_network: Mapped[bool] = mapped_column(default=False)
    """What an administrator grants its containers beyond the hardened defaults; pages show it."""
    grants_writable_root: Mapped[bool] = mapped_column(default=False)
    grants_image_user: Mapped[bool] = mapped_column(default=False)
    granted_memory_mib: Mapped[int | None]

    owner: Mapped[User] = relationship(lazy="raise_on_sql")
    queue: Mapped[ComputeQueue | None] = relationship(lazy="raise_on_sql")
    phases: Mapped[list[Phase]] = relationship(
        back_populates="competition", order_by="Phase.index", lazy="raise_on_sql"
    )
    pages: Mapped[list[Page]] = relationship(order_by="Page.index", lazy="raise_on_sql")
    leaderboards: Mapped[list[Leaderboard]] = relationship(
        order_by="Leaderboard.id", lazy="raise_on_sql"
    )


class Page(Base):
    """A text of the overview, Markdown or HTML."""

    __tablename__ = "pages"

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(
        ForeignKey("competitions.id", ondelete="CASCADE"), index=True
    )
    index: Mapped[int]
    title: Mapped[str] = mapped_column(String(255))
    content: Mapped[str] = mapped_column(Text, default="")
    is_html: Mapped[bool] = mapped_column(default=False)


class Leaderboard(Base):
    """A board definition; several phases may share one, each with a table of its own."""

    __tablename__ = "leaderboards"

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(
        ForeignKey("competitions.id", ondelete="CASCADE"), index=True
    )
    title: Mapped[str] = mapped_column(String(256))
    key: Mapped[str] = mapped_column(String(256))
    primary_index: Mapped[int] = mapped_column(default=0)
    """The ``index`` of the column that ranks."""
    is_hidden: Mapped[bool] = mapped_column(default=False)
    submission_rule: Mapped[str] = mapped_column(String(32), default=SubmissionRule.ADD)

    columns: Mapped[list[BoardColumn]] = relationship(
        order_by="BoardColumn.index", lazy="raise_on_sql"
    )


class BoardColumn(Base):
    """One column of a board: a key that scoring programs write, or a computation over others."""

    __tablename__ = "board_columns"
    __table_args__ = (
        UniqueConstraint("leaderboard_id", "key"),
        UniqueConstraint("leaderboard_id", "index"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    leaderboard_id: Mapped[int] = mapped_column(ForeignKey("leaderboards.id", ondelete="CASCADE"))
    index: Mapped[int]
    title: Mapped[str] = mapped_column(String(256))
    key: Mapped[str] = mapped_column(String(256))
    sorting: Mapped[str] = mapped_column(String(4), default="desc")
    """``desc``: larger is better. ``asc``: smaller is better."""
    computation: Mapped[str] = mapped_column(String(16), default="")
    """Empty, or a :class:`Computation` over ``computation_indexes``."""
    computation_indexes: Mapped[list[Any]] = mapped_column(default=list)
    computation_weights: Mapped[list[Any]] = mapped_column(default=list)
    """One for each of the indexes, in their order; empty means equal ones."""
    group: Mapped[str] = mapped_column(String(256), default="")
    """Title over this column and its neighbours of the same group."""
    precision: Mapped[int] = mapped_column(default=2)
    is_hidden: Mapped[bool] = mapped_column(default=False)


class Phase(Base):
    """A stretch of time with tasks, limits and a board. Times are UTC; no end means open-ended."""

    __tablename__ = "phases"

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(
        ForeignKey("competitions.id", ondelete="CASCADE"), index=True
    )
    leaderboard_id: Mapped[int | None] = mapped_column(ForeignKey("leaderboards.id"), index=True)
    index: Mapped[int]
    track: Mapped[int] = mapped_column(default=0)
    """Place among phases that are open side by side; 0 begins such a stage, or stands alone."""
    name: Mapped[str] = mapped_column(String(256))
    description: Mapped[str] = mapped_column(Text, default="")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    execution_time_limit_s: Mapped[int] = mapped_column(default=600)
    max_submissions_per_day: Mapped[int] = mapped_column(default=5)
    """0 means unlimited, for both limits."""
    max_submissions_per_person: Mapped[int] = mapped_column(default=100)
    count_failed_submissions: Mapped[bool] = mapped_column(default=False)
    """Whether a failure of the participant's own program uses up a try."""
    submission_rule: Mapped[str] = mapped_column(String(32), default="")
    """Empty means the rule of the leaderboard; ask for :attr:`rule`."""
    accepts_only_result_submissions: Mapped[bool] = mapped_column(default=False)
    hide_results: Mapped[bool] = mapped_column(default=False)
    """Whether participants see neither the board nor a score of this phase, not even their own."""
    auto_migrate_to_this_phase: Mapped[bool] = mapped_column(default=False)
    migrated_until: Mapped[datetime | None]
    """What ended in the phase before by then was submitted to this one by itself; None: nothing yet."""
    required_phase_id: Mapped[int | None] = mapped_column(ForeignKey("phases.id"))
    """An earlier phase in which one must have a finished submission to submit to this one."""
    requires_entry: Mapped[bool] = mapped_column(default=False)
    """Whether that submission must stand on the board of its phase."""
    hide_output: Mapped[bool] = mapped_column(default=False)
    hide_prediction_output: Mapped[bool] = mapped_column(default=False)
    hide_score_output: Mapped[bool] = mapped_column(default=False)
    public_data_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"), index=True)
    starting_kit_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"), index=True)

    competition: Mapped[Competition] = relationship(back_populates="phases", lazy="raise_on_sql")
    leaderboard: Mapped[Leaderboard | None] = relationship(lazy="raise_on_sql")
    required_phase: Mapped[Phase | None] = relationship(
        remote_side="Phase.id", foreign_keys=[required_phase_id], lazy="raise_on_sql"
    )
    public_data: Mapped[StoredFile | None] = relationship(
        foreign_keys=[public_data_id], lazy="raise_on_sql"
    )
    starting_kit: Mapped[StoredFile | None] = relationship(
        foreign_keys=[starting_kit_id], lazy="raise_on_sql"
    )
    phase_tasks: Mapped[list[PhaseTask]] = relationship(
        order_by="PhaseTask.order, PhaseTask.task_id", lazy="raise_on_sql"
    )

    @property
    def rule(self) -> SubmissionRule:
        """Return which submissions stand on its board (``leaderboard`` loaded, and there)."""
        of_board = self.leaderboard.submission_rule if self.leaderboard else SubmissionRule.ADD
        return SubmissionRule(self.submission_rule or of_board)


class PhaseTask(Base):
    """A task of a phase, in the organizer's order."""

    __tablename__ = "phase_tasks"

    phase_id: Mapped[int] = mapped_column(
        ForeignKey("phases.id", ondelete="CASCADE"), primary_key=True
    )
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    order: Mapped[int] = mapped_column(default=0)

    task: Mapped[Task] = relationship(lazy="raise_on_sql")


class Participant(Base):
    """A person's membership of a competition."""

    __tablename__ = "participants"
    __table_args__ = (UniqueConstraint("competition_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("compute_queues.id"))
    """Where this person's runs go; None means to the queue of the competition."""

    user: Mapped[User] = relationship(lazy="raise_on_sql")


class CompetitionSolution(Base):
    """A solution that came with a competition."""

    __tablename__ = "competition_solutions"

    competition_id: Mapped[int] = mapped_column(
        ForeignKey("competitions.id", ondelete="CASCADE"), primary_key=True
    )
    solution_id: Mapped[int] = mapped_column(
        ForeignKey("solutions.id", ondelete="CASCADE"), primary_key=True
    )
    order: Mapped[int] = mapped_column(default=0)

    solution: Mapped[Solution] = relationship(lazy="raise_on_sql")

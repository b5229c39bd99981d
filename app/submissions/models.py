"""Submissions, their runs and attempts, what came out of them, and how many were made."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    Float,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import User
from app.competitions.models import Phase
from app.platform.db import Base
from app.platform.storage import ObjectRef
from app.queues.models import Machine
from app.resources.models import StoredFile, Task, TaskRevision


class State(StrEnum):
    """Where a run is in its life; a submission runs while one of its runs does, see outcome.py."""

    HELD = "held"  # waits for the organizer
    QUEUED = "queued"  # waits for a machine
    SENT = "sent"  # is on its way to one
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self in TERMINAL


TERMINAL = frozenset({State.FINISHED, State.FAILED, State.CANCELLED})

MOVES: dict[State, frozenset[State]] = {
    State.HELD: frozenset({State.QUEUED, State.CANCELLED}),
    State.QUEUED: frozenset({State.SENT, State.FAILED, State.CANCELLED}),
    State.SENT: frozenset({State.RUNNING, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.FINISHED, State.FAILED, State.CANCELLED, State.QUEUED}),
    State.FINISHED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""The allowed moves of a run. ``running`` and ``sent`` go back to ``queued`` for a new attempt."""


class SubmissionNumber(Base):
    """The one sequence that submissions and runs draw their ids from.

    A run can then stand as a "child submission" in Codabench's API without its id meaning two
    things. SQLite has no sequences, so a table gives the numbers on both databases.
    """

    __tablename__ = "submission_numbers"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)


class Submission(Base):
    """One act of a participant: one upload to one phase."""

    __tablename__ = "submissions"
    __table_args__ = (
        Index("ix_submissions_phase_owner", "phase_id", "owner_id"),
        Index("ix_submissions_phase_created", "phase_id", "created_at"),
        Index("ix_submissions_phase_ended", "phase_id", "ended_at"),
        UniqueConstraint("owner_id", "idempotency_key"),
        UniqueConstraint("migrated_from_id", "phase_id"),
    )

    id: Mapped[int] = mapped_column(
        ForeignKey("submission_numbers.id"), primary_key=True, autoincrement=False
    )
    phase_id: Mapped[int] = mapped_column(ForeignKey("phases.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_files.id"), index=True)
    state: Mapped[str] = mapped_column(String(16), default=State.QUEUED)
    reason: Mapped[str] = mapped_column(Text, default="")
    blame: Mapped[str] = mapped_column(String(16), default="")
    fact_sheet_answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    idempotency_key: Mapped[str | None] = mapped_column(String(64))
    """A client's own name for this act, so that sending it twice makes one submission."""
    rerun_of_id: Mapped[int | None] = mapped_column(ForeignKey("submissions.id"), index=True)
    """What the participant submitted, where an organizer ran its file again; never itself a re-run."""
    is_trial: Mapped[bool] = mapped_column(default=False)
    """A re-run on a task of the organizer's choice, or a rehearsal: never on a board.

    The organizers' to see, whoever its owner is.
    """
    is_rehearsal: Mapped[bool] = mapped_column(default=False)
    """A trial of a sample solution; it is in no list, either."""
    solution_id: Mapped[int | None] = mapped_column(
        ForeignKey("solutions.id", ondelete="SET NULL"), index=True
    )
    """The sample solution that a rehearsal tries."""
    migrated_from_id: Mapped[int | None] = mapped_column(ForeignKey("submissions.id"))
    """What the participant submitted to the phase before, where it was moved on to this one."""
    restored_from: Mapped[str] = mapped_column(String(500), default="")
    """The site that measured its scores, by the archive that brought it; empty: this one did."""
    restored_number: Mapped[int | None]
    """Its number there, where the archive tells."""
    on_board: Mapped[bool] = mapped_column(default=False)
    """Whether it stands on its phase's board; the board's feature keeps it."""
    counted_on: Mapped[date | None] = mapped_column(Date)
    """The UTC day whose try it used; null when it was given back or never counted."""
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    owner: Mapped[User] = relationship(lazy="raise_on_sql")
    phase: Mapped[Phase] = relationship(lazy="raise_on_sql")
    file: Mapped[StoredFile] = relationship(lazy="raise_on_sql")
    runs: Mapped[list[Run]] = relationship(
        back_populates="submission", order_by="Run.order", lazy="raise_on_sql"
    )

    @property
    def family_id(self) -> int:
        """Id of what the participant submitted: its own, unless it is a re-run."""
        return self.rerun_of_id or self.id


class Run(Base):
    """One submission on one task revision."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("submission_id", "task_id"),
        Index("ix_runs_state_queue", "state", "queue_id", "queued_at"),
        Index("ix_runs_queue_ended", "queue_id", "ended_at"),
    )

    id: Mapped[int] = mapped_column(
        ForeignKey("submission_numbers.id"), primary_key=True, autoincrement=False
    )
    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id", ondelete="CASCADE"), index=True
    )
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"))
    task_revision_id: Mapped[int] = mapped_column(ForeignKey("task_revisions.id"))
    queue_id: Mapped[int] = mapped_column(ForeignKey("compute_queues.id"))
    order: Mapped[int] = mapped_column(default=0)
    priority: Mapped[int] = mapped_column(default=0)
    """More goes first; see :mod:`app.submissions.scheduling`."""
    state: Mapped[str] = mapped_column(String(16), default=State.QUEUED)
    step: Mapped[str] = mapped_column(String(16), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    blame: Mapped[str] = mapped_column(String(16), default="")
    notes: Mapped[list[Any]] = mapped_column(default=list)
    """Sentences worth knowing that are not failures."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Number of the attempt that counts; 0 before the first is sent."""
    image: Mapped[str] = mapped_column(String(256), default="")
    image_digest: Mapped[str] = mapped_column(String(128), default="")
    engine: Mapped[str] = mapped_column(String(20), default="")
    queued_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    container_s: Mapped[float] = mapped_column(Float, default=0.0)
    """How long its containers ran, by the engine's clock."""
    step_seconds: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Seconds by step of the attempt that counts."""
    failed_steps: Mapped[list[Any]] = mapped_column(default=list)
    """Steps in which something failed although the run went on."""

    submission: Mapped[Submission] = relationship(back_populates="runs", lazy="raise_on_sql")
    task: Mapped[Task] = relationship(lazy="raise_on_sql")
    revision: Mapped[TaskRevision] = relationship(lazy="raise_on_sql")
    scores: Mapped[list[RunScore]] = relationship(lazy="raise_on_sql")
    outputs: Mapped[list[RunOutput]] = relationship(lazy="raise_on_sql")


class Attempt(Base):
    """One execution of a run by one worker, with a token and a lease of its own."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("run_id", "number"),
        Index("ix_attempts_machine_ended", "machine_id", "ended_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    number: Mapped[int]
    machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id"))
    machine_name: Mapped[str] = mapped_column(String(64), default="")
    """What the machine was called and which worker it ran when it claimed the attempt."""
    worker_version: Mapped[str] = mapped_column(String(100), default="")
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What its programs were allowed: the :data:`app.submissions.runs.LIMITS` of its spec."""
    token_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 of its token, which opens nothing any more once ``ended_at`` is set."""
    output_prefix: Mapped[str] = mapped_column(String(128))
    """Folder of its outputs in the runs bucket; random, so no attempt can write to another's."""
    claim: Mapped[str] = mapped_column(String(64), default="")
    """What the worker that claimed it calls its claim: a second worker with a copy is refused."""
    last_seq: Mapped[int] = mapped_column(default=0)
    log_chars: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(Text, default="")
    """How it ended, in words."""
    is_failure: Mapped[bool] = mapped_column(default=False)
    """Whether it counts against the number of attempts; one that was handed back does not."""

    machine: Mapped[Machine | None] = relationship(lazy="raise_on_sql")


class RunScore(Base):
    """One score of one run, in the unit its column declares. At most one set exists for a run."""

    __tablename__ = "run_scores"
    __table_args__ = (
        # PostgreSQL sorts NaN above every number; a score must be one a board can rank.
        CheckConstraint("value > -1e300 AND value < 1e300", name="finite"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    column_id: Mapped[int] = mapped_column(
        ForeignKey("board_columns.id", ondelete="CASCADE"), primary_key=True
    )
    value: Mapped[float] = mapped_column(Float)


class RunOutput(Base):
    """A file that the counting attempt of a run stored."""

    __tablename__ = "run_outputs"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    """One of ``worker.contract.Output``."""
    attempt: Mapped[int]
    bucket: Mapped[str] = mapped_column(String(32))
    object_key: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), default="")

    @property
    def ref(self) -> ObjectRef:
        """Where its bytes lie."""
        return ObjectRef(self.bucket, self.object_key)


class LogChunk(Base):
    """A piece of a log stream, in the order of the events that brought it."""

    __tablename__ = "log_chunks"
    __table_args__ = (UniqueConstraint("run_id", "attempt", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    seq: Mapped[int]
    stream: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)


class RunChart(Base):
    """What the page of a run draws: points that its programs print, and what its containers use."""

    __tablename__ = "run_charts"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int]
    """Number of the attempt that drew it; the next one begins anew."""
    plots: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By stream, then by the name of the series: a thinned series (see ``series.py``)."""
    usage: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By measure (``worker.contract.USAGE``), then by stream: a thinned series."""
    peak_memory_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    version: Mapped[int] = mapped_column(default=0)
    """Raised with each change, so that a page knows without reading it."""


class SubmissionCount(Base):
    """How many tries an entrant has used: one row a day, and one for all days.

    A locked counter, not a count of rows: ten uploads at once at the last place get one place.
    """

    __tablename__ = "submission_counts"

    phase_id: Mapped[int] = mapped_column(
        ForeignKey("phases.id", ondelete="CASCADE"), primary_key=True
    )
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    """A UTC day, or :data:`ALL_DAYS`."""
    used: Mapped[int] = mapped_column(default=0)


ALL_DAYS = date(1970, 1, 1)

"""What is new about a submission, in as few statements as possible."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Text, bindparam, cast, func, select

from app.platform.db import db
from app.submissions.models import Attempt, LogChunk, Run, RunChart, RunOutput, State, Submission
from worker.contract import Step

_AT_WORK = (Step.INGEST, Step.SCORE, Step.UPLOAD)
_outputs = (
    select(func.count())
    .where(RunOutput.run_id == Run.id, RunOutput.attempt == Run.attempt)
    .correlate(Run)
    .scalar_subquery()
)
# Built once: a page asks every second, and a statement takes longer to build than to answer.
_GLANCE = (
    select(
        Submission.state, Submission.reason, Submission.on_board, Run.id, Run.state, Run.step,
        Run.attempt, Run.reason, func.length(cast(Run.notes, Text)), _outputs, Attempt.last_seq, RunChart.version,
    )
    .join(Run, Run.submission_id == Submission.id)
    .outerjoin(Attempt, (Attempt.run_id == Run.id) & (Attempt.number == Run.attempt))
    .outerjoin(RunChart, (RunChart.run_id == Run.id) & (RunChart.attempt == Run.attempt))
    .where(Submission.id == bindparam("submission_id"))
    .order_by(Run.order, Run.id)
)  # fmt: skip
_CHUNKS = (
    select(LogChunk.stream, LogChunk.text)
    .where(
        LogChunk.run_id == bindparam("run_id"),
        LogChunk.attempt == bindparam("attempt"),
        LogChunk.seq > bindparam("after"),
        LogChunk.seq <= bindparam("until"),
        LogChunk.stream.in_(bindparam("streams", expanding=True)),
    )
    .order_by(LogChunk.seq)
)


@dataclass(frozen=True)
class Said:
    """How far an attempt of a run has got: no later event, no new line."""

    attempt: int
    last_seq: int
    chart: int = 0
    """Version of what it draws; 0 for nothing yet."""


@dataclass(frozen=True)
class Glance:
    """A submission, as far as its page must know whether anything changed."""

    is_terminal: bool
    waits: bool
    """Whether it waits for a machine: then its place changes without it."""
    is_held: bool
    """Whether it waits for its organizer."""
    status: str
    """Text that changes whenever the part of the page above the log does."""
    runs: dict[int, Said]
    """The attempts that count, by run."""
    under_way: tuple[int, ...] = ()
    """The runs that machines work on."""

    def successor(self, run_id: int) -> int | None:
        """Return a run that is under way when the given one is not; None when there is no need."""
        if run_id in self.under_way or not self.under_way:
            return None
        return self.under_way[0]


def under_way(runs: Sequence[tuple[int, str, str]]) -> tuple[int, ...]:
    """Return the runs that machines work on, of all by id, state and step.

    A machine prepares the next run beside the one at work: what prepares counts where none is.
    """
    running = [(run_id, step) for run_id, state, step in runs if state == State.RUNNING]
    at_work = [run_id for run_id, step in running if step in _AT_WORK]
    return tuple(at_work or [run_id for run_id, _ in running])


def glance(submission_id: int) -> Glance | None:
    """Look at a submission with one statement; None when there is none, or none with runs."""
    rows = db.session.execute(_GLANCE, {"submission_id": submission_id}).all()
    if not rows:
        return None
    state = rows[0][0]
    seen = repr([tuple(row[:10]) for row in rows])
    return Glance(
        is_terminal=State(state).is_terminal,
        waits=state in (State.QUEUED, State.SENT),
        is_held=state == State.HELD,
        status=hashlib.sha256(seen.encode()).hexdigest()[:12],
        runs={row[3]: Said(row[6], row[10] or 0, row[11] or 0) for row in rows},
        under_way=under_way([(row[3], row[4], row[5]) for row in rows]),
    )


def chunks(
    run_id: int, attempt: int, streams: Collection[str], *, after: int, until: int
) -> Sequence[tuple[str, str]]:
    """Return (stream, text) of an attempt's log beyond event ``after``, in order."""
    found = db.session.execute(
        _CHUNKS,
        {
            "run_id": run_id, "attempt": attempt, "streams": sorted(streams), "after": after,
            "until": until,
        },
    )  # fmt: skip
    return [(stream, text) for stream, text in found]

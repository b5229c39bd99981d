"""Submissions, runs, scores and logs as the records of an archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app.bundles.archives import records
from app.bundles.archives.ledger import AT_ONCE, Ledger, Source
from app.bundles.archives.records import (
    AttemptRecord,
    File,
    LogRecord,
    Origin,
    OutputRecord,
    RunRecord,
    SubmissionRecord,
)
from app.competitions.models import BoardColumn, Leaderboard
from app.platform.db import db
from app.resources.models import StoredFile
from app.submissions.models import Attempt, LogChunk, Run, Submission
from worker.contract import Output

SAME_OF_RUN = (
    "order", "state", "step", "blame", "attempt", "image", "image_digest", "engine", "queued_at",
    "sent_at", "started_at", "ended_at", "container_s", "step_seconds",
)  # fmt: skip
"""What a run and its record call the same, whoever may read it."""
_CHOSEN = ("checkbox", "select")
"""The kinds of questions whose answers are nobody's own words."""


def submissions(ledger: Ledger) -> Iterator[SubmissionRecord]:
    """Yield the submissions in the order of their making, a portion at a time in memory."""
    phases = {phase.id: position for position, phase in enumerate(ledger.rows.phases)}
    columns = _columns(ledger.rows.competition.id)
    of_phase = {one.id: columns.get(one.leaderboard_id or 0, {}) for one in ledger.rows.phases}
    for some in _portions(ledger):
        found = db.session.scalars(
            select(Submission)
            .where(Submission.id.in_(some))
            .order_by(Submission.id)
            .options(
                joinedload(Submission.file),
                selectinload(Submission.runs).options(
                    joinedload(Run.revision), selectinload(Run.scores), selectinload(Run.outputs)
                ),
            )
        ).all()
        attempts = _attempts([run.id for one in found for run in one.runs])
        for one in found:
            runs = [
                _run(ledger, run, of_phase[one.phase_id], attempts.get(run.id, []))
                for run in one.runs
            ]
            yield _submission(ledger, one, phases[one.phase_id], tuple(runs))


def logs(ledger: Ledger) -> Iterator[LogRecord]:
    """Yield the pieces of all logs, run by run."""
    if ledger.hides:
        return
    for some in _portions(ledger):
        found = db.session.execute(
            select(LogChunk, Run.submission_id, Run.task_id)
            .join(Run, Run.id == LogChunk.run_id)
            .where(Run.submission_id.in_(some))
            .order_by(Run.submission_id, Run.order, Run.id, LogChunk.attempt, LogChunk.seq)
            .execution_options(yield_per=50)
        )
        for chunk, submission_id, task_id in found:
            yield LogRecord(
                submission=ledger.submissions[submission_id],
                task=ledger.tasks[task_id],
                attempt=chunk.attempt,
                seq=chunk.seq,
                stream=chunk.stream,
                text=chunk.text,
            )


def _portions(ledger: Ledger) -> Iterator[list[int]]:
    ordered = list(ledger.submissions)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _columns(competition_id: int) -> dict[int, dict[int, str]]:
    """Return the keys of columns by their ids, by leaderboard."""
    rows = db.session.execute(
        select(BoardColumn.leaderboard_id, BoardColumn.id, BoardColumn.key)
        .join(Leaderboard, Leaderboard.id == BoardColumn.leaderboard_id)
        .where(Leaderboard.competition_id == competition_id)
    )
    found: dict[int, dict[int, str]] = {}
    for board_id, column_id, key in rows:
        found.setdefault(board_id, {})[column_id] = key
    return found


def _submission(
    ledger: Ledger, one: Submission, phase: int, runs: tuple[RunRecord, ...]
) -> SubmissionRecord:
    numbers, hides = ledger.submissions, ledger.hides
    number = None if hides else one.restored_number
    return SubmissionRecord(
        submission=numbers[one.id],
        number=None if hides else one.id,
        origin=Origin(one.restored_from, number) if one.restored_from else None,
        phase=phase,
        person=ledger.people[one.owner_id],
        state=one.state,
        reason="" if hides else one.reason,
        blame=one.blame,
        answers=_answers(ledger, one.fact_sheet_answers),
        created_at=one.created_at,
        ended_at=one.ended_at,
        counted_on=one.counted_on,
        on_board=one.on_board,
        rerun_of=numbers.get(one.rerun_of_id or 0),
        migrated_from=numbers.get(one.migrated_from_id or 0),
        file=_submitted(ledger, one.file, numbers[one.id]),
        runs=runs,
    )


def _answers(ledger: Ledger, given: Mapping[str, Any]) -> dict[str, Any]:
    if not ledger.hides:
        return dict(given)
    questions = ledger.rows.competition.fact_sheet
    chosen = {one["key"] for one in questions if one["type"] in _CHOSEN}
    return {key: value for key, value in given.items() if key in chosen}


def _submitted(ledger: Ledger, file: StoredFile, number: int) -> File:
    if ledger.hides:  # its checksum would tell whose it is, as much as its content
        return File(member="", file_name="", sha256="", size=0)
    if not (file.is_complete and file.size_bytes):
        return File(member="", file_name=file.file_name, sha256=file.sha256, size=0)
    return ledger.keep(file, f"{records.FOLDER}/submissions/{number}.zip")


def _run(
    ledger: Ledger, run: Run, columns: Mapping[int, str], attempts: Sequence[Attempt]
) -> RunRecord:
    hides = ledger.hides
    scores = sorted((one.column_id, one.value) for one in run.scores if one.column_id in columns)
    return RunRecord(
        task=ledger.tasks[run.task_id],
        revision=run.revision.number,
        **{name: getattr(run, name) for name in SAME_OF_RUN},
        reason="" if hides else run.reason,
        notes=() if hides else tuple(run.notes),
        failed_steps=tuple(run.failed_steps),
        scores={columns[column_id]: value for column_id, value in scores},
        outputs=() if hides else tuple(_outputs(ledger, run)),
        attempts=tuple(_attempt(one, hides) for one in attempts),
    )


def _outputs(ledger: Ledger, run: Run) -> Iterator[OutputRecord]:
    where = f"{ledger.submissions[run.submission_id]}-{ledger.tasks[run.task_id] + 1}"
    for one in sorted(run.outputs, key=lambda one: one.kind):
        if one.attempt == run.attempt:  # nobody is shown those of other attempts
            ending = "html" if one.kind == Output.DETAILED_RESULTS else "zip"
            member = f"{records.FOLDER}/outputs/{where}/{one.kind}.{ending}"
            ledger.files[member] = Source(one.ref, one.size_bytes, one.sha256, "")
            yield OutputRecord(kind=one.kind, member=member)


def _attempts(run_ids: Sequence[int]) -> dict[int, list[Attempt]]:
    found: dict[int, list[Attempt]] = {}
    for start in range(0, len(run_ids), AT_ONCE):
        some = Attempt.run_id.in_(run_ids[start : start + AT_ONCE])
        statement = select(Attempt).where(some).order_by(Attempt.run_id, Attempt.number)
        for attempt in db.session.scalars(statement):
            found.setdefault(attempt.run_id, []).append(attempt)
    return found


def _attempt(one: Attempt, hides: bool) -> AttemptRecord:
    return AttemptRecord(
        number=one.number,
        machine="" if hides else one.machine_name,  # people call machines after themselves
        worker_version=one.worker_version,
        limits=one.limits,
        created_at=one.created_at,
        started_at=one.started_at,
        ended_at=one.ended_at,
        outcome="" if hides else one.outcome,
        is_failure=one.is_failure,
    )

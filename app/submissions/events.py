"""Facts on their way up: what a worker says about an attempt, believed only as far as it fits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from app.competitions.drafts import Computation
from app.competitions.models import BoardColumn, Phase
from app.errors import Conflict, Invalid, NotFound
from app.platform import storage, tokens
from app.platform.configured import settings
from app.platform.db import db, reading
from app.queues import facts
from app.queues.models import Machine
from app.resources.models import TaskRevision
from app.submissions import charts, locking, outcome, runs
from app.submissions.models import (
    Attempt,
    LogChunk,
    Run,
    RunOutput,
    RunScore,
    State,
    Submission,
)
from worker.contract import Answer, Blame, Claim, Kind, Output, RunEvent, Stream

MAX_NOTES = 50
_OVER = "This attempt is over."


def receive(
    run_id: int, token: str, number: int, events: Sequence[RunEvent], *, now: datetime,
    machine: Machine | None = None,
) -> Answer:  # fmt: skip
    """Take a batch of events of one attempt; an empty batch only renews the lease.

    Events are idempotent by (run, attempt, seq): what is known already is skipped, what comes
    after a gap is left for the worker to send again.

    Args:
        machine: who says it, as far as that is known.

    Raises:
        NotFound: there is no such attempt, or the token is not its own.
        Conflict: the attempt is over or superseded, and the batch says something new.
    """
    sizes = _stored_sizes(run_id, token, number, events)
    run, attempt = _load(run_id, token, number)
    if run.state == State.CANCELLED and run.attempt == number:
        # Whatever it still says is heard and dropped, so that it need not say it again.
        heard = max([attempt.last_seq, *(event.seq for event in events)])
        return Answer(cancel=True, accepted_seq=heard)
    if all(event.seq <= attempt.last_seq for event in events) and events:
        return Answer(accepted_seq=attempt.last_seq, claim=_claim_again(run, attempt, events))
    if attempt.ended_at is not None or run.attempt != number:
        raise Conflict(_OVER)
    claim = None
    for event in sorted(events, key=lambda one: one.seq):
        if event.seq <= attempt.last_seq:
            continue
        if event.seq != attempt.last_seq + 1 or attempt.ended_at is not None:
            break
        claim = _apply(run, attempt, event, sizes, now) or claim
        if event.kind == Kind.STARTED and machine is not None and machine.queue_id == run.queue_id:
            attempt.machine_id, attempt.machine_name = machine.id, machine.name
            attempt.worker_version = facts.read(machine.details).worker_version
        attempt.last_seq = event.seq
    _renew(run, attempt, now)
    return Answer(accepted_seq=attempt.last_seq, claim=claim)


def _stored_sizes(
    run_id: int, token: str, number: int, events: Sequence[RunEvent]
) -> dict[str, int | None]:
    """Return the sizes of the outputs that a batch names; None for one that is not in the store.

    Asked before anything is locked: a store that is away answers late.
    """
    named = {Output(event.output) for event in events if event.kind == Kind.OUTPUT}
    if not named:
        return {}
    with reading():
        attempt = _attempt(run_id, token, number)
        refs = {output: runs.output_ref(attempt, output) for output in named}
    return {output: storage.store().size(ref) for output, ref in refs.items()}


def _attempt(run_id: int, token: str, number: int) -> Attempt:
    attempt = db.session.scalars(_of(run_id, number)).first()
    if attempt is None or not tokens.matches(token, attempt.token_hash):
        raise NotFound("No run has this token.")
    return attempt


def _of(run_id: int, number: int) -> Select[tuple[Attempt]]:
    return select(Attempt).where(Attempt.run_id == run_id, Attempt.number == number)


def _load(run_id: int, token: str, number: int) -> tuple[Run, Attempt]:
    _attempt(run_id, token, number)
    # Two events of one attempt at once would both see the same last_seq.
    run = locking.hold_run(run_id)
    newest = _of(run_id, number).execution_options(populate_existing=True)
    return run, db.session.scalars(newest).one()


def _claim_again(run: Run, attempt: Attempt, events: Sequence[RunEvent]) -> Claim | None:
    """Answer a claim whose first answer got lost, to the worker that made it and no other."""
    first = events[0]
    if first.kind != Kind.STARTED:
        return None
    if first.text != attempt.claim:
        raise Conflict("Another worker has claimed this attempt.")
    return _claim(run, attempt) if attempt.ended_at is None else None


def _apply(
    run: Run, attempt: Attempt, event: RunEvent, sizes: Mapping[str, int | None], now: datetime
) -> Claim | None:
    if event.kind == Kind.STARTED:
        return _start(run, attempt, event, now)
    if run.state != State.RUNNING:
        raise Conflict("This attempt was not claimed.")
    if event.kind == Kind.STEP:
        _step(run, event)
    elif event.kind == Kind.LOG:
        _log(run, attempt, event)
        charts.note_text(run, attempt, event)
    elif event.kind == Kind.SAMPLE:
        charts.note_usage(run, attempt, event)
    elif event.kind == Kind.NOTE:
        run.notes = [*run.notes, event.text[:1000]][:MAX_NOTES]
        if event.step and event.step not in run.failed_steps:
            run.failed_steps = [*run.failed_steps, event.step]
    elif event.kind == Kind.OUTPUT:
        _output(run, attempt, event, sizes)
    elif event.kind == Kind.FINISHED:
        _finish(run, event, now)
    elif event.kind == Kind.FAILED:
        _fail(run, event, now)
    elif event.kind in (Kind.HANDED_BACK, Kind.CANCELLED):
        # Nobody cancelled it here, or we would not have come this far: it is run again.
        outcome.give_up(run, event.text or "The machine stopped.", now=now)
    return None


def _start(run: Run, attempt: Attempt, event: RunEvent, now: datetime) -> Claim:
    if not outcome.move(run, State.RUNNING):
        raise Conflict(_OVER)
    run.started_at, attempt.started_at, attempt.claim = now, now, event.text[:64]
    attempt.lease_until = now + timedelta(seconds=settings().lease_s)
    outcome.refresh_state(run.submission_id)
    return _claim(run, attempt)


def _claim(run: Run, attempt: Attempt) -> Claim:
    full = db.session.scalars(
        select(Run)
        .where(Run.id == run.id)
        .options(
            joinedload(Run.revision).options(
                joinedload(TaskRevision.scoring_program),
                joinedload(TaskRevision.ingestion_program),
                joinedload(TaskRevision.input_data),
                joinedload(TaskRevision.reference_data),
            ),
            joinedload(Run.submission).options(
                joinedload(Submission.file), joinedload(Submission.phase)
            ),
        )
        .execution_options(populate_existing=True)
    ).one()
    submission = full.submission
    return runs.claim(full, attempt, submission.file, submission.phase.execution_time_limit_s)


def _step(run: Run, event: RunEvent) -> None:
    if run.step and event.seconds:
        run.step_seconds = {**run.step_seconds, run.step: round(event.seconds, 3)}
    run.step = event.step
    run.engine = event.engine[:20] or run.engine
    run.image_digest = event.image_digest[:128] or run.image_digest


def _log(run: Run, attempt: Attempt, event: RunEvent) -> None:
    """Keep a piece of a log, up to twice what a worker should ever send of one stream."""
    if attempt.log_chars < 2 * settings().run_log_kib * 1024 * len(Stream):
        attempt.log_chars += len(event.text)
        # PostgreSQL text cannot hold NUL, and a program may print anything.
        text = event.text.replace("\x00", "\ufffd")
        db.session.add(
            LogChunk(
                run_id=run.id, attempt=attempt.number, seq=event.seq, stream=event.stream, text=text
            )
        )


def _output(run: Run, attempt: Attempt, event: RunEvent, sizes: Mapping[str, int | None]) -> None:
    output = Output(event.output)
    ref, size = runs.output_ref(attempt, output), sizes[output]
    if size is None:
        raise Invalid(f"The output {output} is not in the store.")
    db.session.merge(
        RunOutput(
            run_id=run.id, kind=output, attempt=attempt.number, bucket=ref.bucket,
            object_key=ref.key, size_bytes=size, sha256=event.sha256[:64],
        )
    )  # fmt: skip


def _finish(run: Run, event: RunEvent, now: datetime) -> None:
    columns = _columns(run)
    run.container_s = event.container_s
    if problem := _first_problem(columns, event):
        outcome.end(run, State.FAILED, now=now, reason=problem, blame=Blame.ORGANIZER)
        return
    for key, value in event.scores.items():
        if key in columns:
            db.session.add(RunScore(run_id=run.id, column_id=columns[key].id, value=float(value)))
    run.notes = [*run.notes, *_score_notes(columns, event)][:MAX_NOTES]
    outcome.end(run, State.FINISHED, now=now)


def _columns(run: Run) -> dict[str, BoardColumn]:
    """Return the columns that scoring programs write, by key."""
    found = db.session.scalars(
        select(BoardColumn)
        .join(Phase, Phase.leaderboard_id == BoardColumn.leaderboard_id)
        .join(Submission, Submission.phase_id == Phase.id)
        .where(Submission.id == run.submission_id)
    )
    return {column.key: column for column in found if column.computation not in set(Computation)}


def _first_problem(columns: dict[str, BoardColumn], event: RunEvent) -> str:
    for key, why in event.rejected.items():
        if key in columns:
            return f"The scoring program wrote a score that cannot be ranked: {key!r} {why}."
    for key, value in event.scores.items():
        if key in columns and not (math.isfinite(value) and abs(value) < 1e300):
            return f"The scoring program wrote {value!r} for {key!r}; a finite number is needed."
    return ""


def _score_notes(columns: dict[str, BoardColumn], event: RunEvent) -> list[str]:
    notes = []
    if unknown := sorted((set(event.scores) | set(event.rejected)) - set(columns)):
        listed = ", ".join(repr(key[:40]) for key in unknown[:10])
        notes.append(f"Scores without a column on the board were ignored: {listed}.")
    if missing := sorted(set(columns) - set(event.scores)):
        listed = ", ".join(repr(key[:40]) for key in missing[:10])
        notes.append(f"The scoring program wrote no score for: {listed}.")
    return notes


def _fail(run: Run, event: RunEvent, now: datetime) -> None:
    run.container_s = event.container_s
    reason = event.text[:4000] or "The run failed without a reason."
    if event.blame == Blame.PLATFORM:
        outcome.lose(run, reason, now=now)
    else:
        outcome.end(run, State.FAILED, now=now, reason=reason, blame=event.blame)


def _renew(run: Run, attempt: Attempt, now: datetime) -> None:
    """Extend the lease once a third of it is gone: a heartbeat a second need not write a row."""
    lease = timedelta(seconds=settings().lease_s)
    if attempt.ended_at is not None or attempt.lease_until is None:
        return
    if attempt.lease_until - now < lease * 2 / 3:
        attempt.lease_until = now + lease

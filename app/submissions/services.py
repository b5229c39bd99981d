"""What people do with submissions: make one, start a held one, cancel one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import policy
from app.competitions import lifecycle
from app.competitions.models import Competition, Phase
from app.errors import Conflict, Invalid, Refused
from app.platform import moments
from app.platform.db import after_commit, db
from app.policy import Act, Viewer
from app.resources.models import FileKind, StoredFile, TaskRevision
from app.submissions import (
    dispatch,
    factsheet,
    intake,
    locking,
    outcome,
    prerequisites,
    quota,
    runs,
    scheduling,
)
from app.submissions.drafts import SubmissionDraft
from app.submissions.models import TERMINAL, State, Submission

draw_numbers = intake.draw_numbers


def submit(actor: Viewer, phase: Phase, draft: SubmissionDraft, *, now: datetime) -> Submission:
    """Accept a submission and queue one run for each task of the phase.

    Args:
        actor: the participant; becomes the owner.
        phase: with its competition and tasks, as ``competitions.queries.get_phase`` loads it.
        now: decides whether the phase is open and on which UTC day the try counts.

    Raises:
        Forbidden: the actor is not an approved participant.
        Refused: the phase is closed or has no task, the actor's tries are used up, or they lack
            what the phase requires.
        Invalid: the file is missing or an answer does not fit.
    """
    policy.require(actor, Act.SUBMISSION_CREATE, phase)
    assert actor.user_id is not None  # noqa: S101 - the policy row says so; for the type checker
    if existing := _sent_before(actor.user_id, draft.idempotency_key):
        return existing
    _require_open(phase, now)
    prerequisites.require(phase, actor.user_id)
    file = own_file(actor, draft.file_key)
    answers = _answers(phase.competition, draft)
    revisions = intake.revisions_of(phase)
    try:
        with db.session.begin_nested():
            return _accept(actor.user_id, phase, draft, file, answers, revisions, now)
    except (IntegrityError, Refused):
        # The same act a moment ago, from a second click: it has the key, and perhaps the last try.
        if existing := _sent_before(actor.user_id, draft.idempotency_key):
            return existing
        raise


def _accept(
    owner_id: int, phase: Phase, draft: SubmissionDraft, file: StoredFile,
    answers: dict[str, object], revisions: Sequence[TaskRevision], now: datetime,
) -> Submission:  # fmt: skip
    counted_on = quota.take(phase, owner_id, now)
    held = not phase.competition.auto_run_submissions
    submission = Submission(
        id=runs.draw_number(), phase_id=phase.id, owner_id=owner_id, file_id=file.id,
        state=State.HELD if held else State.QUEUED, fact_sheet_answers=answers,
        idempotency_key=draft.idempotency_key, counted_on=counted_on, created_at=now,
    )  # fmt: skip
    db.session.add(submission)
    queue_id = intake.queue_ids(phase.competition, [owner_id], now=now)[owner_id]
    for order, revision in enumerate(revisions):
        runs.plan(
            submission, revision, queue_id, order=order, image=phase.competition.docker_image,
            now=now, priority=scheduling.priority_of(phase.competition, owner_id),
        )  # fmt: skip
    if not held:
        after_commit(dispatch.ring)  # the rows are the queue; the bell only saves a few seconds
    return submission


def _sent_before(owner_id: int, key: str | None) -> Submission | None:
    if not key:
        return None
    return db.session.scalars(
        select(Submission).where(Submission.owner_id == owner_id, Submission.idempotency_key == key)
    ).first()


def _require_open(phase: Phase, now: datetime) -> None:
    stage = lifecycle.phase_stage(phase, now)
    if stage == lifecycle.Stage.UPCOMING:
        if moments.undated(phase.starts_at, now=now):
            raise Refused(f"The phase {phase.name!r} has no date yet. Submit once it is open.")
        opens = phase.starts_at.strftime("%d %b %Y, %H:%M UTC")
        raise Refused(f"The phase {phase.name!r} opens on {opens}. Submit then.")
    if stage == lifecycle.Stage.CLOSED:
        raise Refused(f"The phase {phase.name!r} is closed. It takes no more submissions.")


def own_file(actor: Viewer, key: str) -> StoredFile:
    """Return a completed upload of the actor's own.

    Raises:
        Invalid: it is not there, not theirs, or never finished.
    """
    file = db.session.scalars(
        select(StoredFile).where(
            StoredFile.key == key,
            StoredFile.owner_id == actor.user_id,
            StoredFile.kind == FileKind.SUBMISSION,
        )
    ).first()
    if file is None:
        raise Invalid("This upload is not there, or it is not yours. Upload the file again.")
    if not file.is_complete or not file.size_bytes:
        raise Invalid("This upload never finished. Upload the file again.")
    return file


def _answers(competition: Competition, draft: SubmissionDraft) -> dict[str, object]:
    answers = factsheet.read(competition.fact_sheet, draft.fact_sheet_answers)
    if wrong := factsheet.problems(competition.fact_sheet, answers):
        listed = " ".join(f"{key}: {sentence}" for key, sentence in wrong.items())
        raise Invalid(f"Some questions are not answered. {listed}")
    return answers


def start_held(actor: Viewer, submission: Submission, *, now: datetime) -> None:
    """Queue the runs of a submission that waited for the organizer.

    Raises:
        Forbidden: the actor does not organize its benchmark.
        Conflict: it was started or cancelled meanwhile.
    """
    policy.require(actor, Act.SUBMISSION_RUN, submission)
    submission = locking.hold(submission.id)
    started = [run for run in submission.runs if outcome.move(run, State.QUEUED)]
    if not started or submission.state != State.HELD:
        raise Conflict("This submission was started already.")
    for run in started:
        run.queued_at = now
    outcome.refresh_state(submission.id)
    after_commit(dispatch.ring)


def cancel(actor: Viewer, submission: Submission, *, now: datetime) -> None:
    """End every run that is not over; a machine that runs one stops at its next question.

    Raises:
        Forbidden: the actor neither made it nor organizes its benchmark.
        Conflict: it is over already.
    """
    policy.require(actor, Act.SUBMISSION_CANCEL, submission)
    submission = locking.hold(submission.id)
    if submission.state in TERMINAL:
        raise Conflict("This submission is over; there is nothing left to cancel.")
    # Read by both sides, and in lists.
    by_owner = actor.user_id == submission.owner_id
    who = "The participant cancelled it." if by_owner else "An organizer cancelled it."
    for run in list(submission.runs):
        if run.state not in TERMINAL:
            outcome.end(run, State.CANCELLED, now=now, reason=who)

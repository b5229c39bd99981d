"""Runs on their way down: planning them, opening attempts, and what a worker is told."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.competitions.models import Competition, Phase
from app.platform import storage, tokens
from app.platform.configured import settings
from app.platform.db import db
from app.platform.logging import request_id
from app.platform.storage import RUNS, ObjectRef
from app.resources.models import StoredFile, TaskRevision
from app.submissions.models import Attempt, Run, Submission, SubmissionNumber
from worker.contract import Claim, Download, Input, Output, RunSpec

_FILE_NAMES = {
    Output.PREDICTION_OUTPUT: "prediction_output.zip",
    Output.SCORING_OUTPUT: "scoring_output.zip",
    Output.DETAILED_RESULTS: "detailed_results.html",
}
LIMITS = (
    "timeout_s", "memory_mib", "cpus", "pids", "output_mib", "network", "writable_root",
    "image_user",
)  # fmt: skip
"""What of a run's spec limits its programs; kept with the attempt, for the settings may change."""
_MARGIN = timedelta(minutes=15)


def draw_number() -> int:
    """Draw the next id of the sequence that submissions and runs share."""
    number = SubmissionNumber()
    db.session.add(number)
    db.session.flush()  # the database gives the number
    return number.id


def plan(
    submission: Submission, revision: TaskRevision, queue_id: int, *, order: int,
    image: str, now: datetime, priority: int = 0,
) -> Run:  # fmt: skip
    """Add the run of a submission on one task revision; nothing is sent yet."""
    run = Run(
        id=draw_number(), submission_id=submission.id, task_id=revision.task_id,
        task_revision_id=revision.id, queue_id=queue_id, order=order, image=image,
        state=submission.state, queued_at=now, priority=priority,
    )  # fmt: skip
    db.session.add(run)
    return run


def current_revisions(task_ids: list[int]) -> dict[int, TaskRevision]:
    """Return the highest revision of each task, by task id."""
    highest = (
        select(TaskRevision.task_id, func.max(TaskRevision.number).label("number"))
        .where(TaskRevision.task_id.in_(task_ids))
        .group_by(TaskRevision.task_id)
        .subquery()
    )
    found = db.session.scalars(
        select(TaskRevision).join(
            highest,
            (TaskRevision.task_id == highest.c.task_id) & (TaskRevision.number == highest.c.number),
        )
    )
    return {revision.task_id: revision for revision in found}


def open_attempt(run: Run, *, now: datetime) -> tuple[Attempt, str]:
    """Start the next attempt of a run; returns it and its token, which is not stored."""
    token = tokens.mint("run")
    run.attempt += 1
    attempt = Attempt(
        run_id=run.id, number=run.attempt, token_hash=tokens.digest(token), created_at=now,
        output_prefix=f"runs/{run.id}/{run.attempt}/{secrets.token_hex(16)}",
    )  # fmt: skip
    db.session.add(attempt)
    return attempt, token


def specify(run: Run, phase: Phase, queue_id: str, token: str) -> RunSpec:
    """Describe the current attempt of a run for its worker; the competition must be loaded."""
    here, competition = settings(), phase.competition
    return RunSpec(
        run_id=run.id, attempt=run.attempt, queue_id=queue_id, token=token,
        api_url=here.worker_api_url or here.base_url, request_id=request_id.get(),
        image=run.image, timeout_s=phase.execution_time_limit_s,
        memory_mib=memory_mib(competition), cpus=here.run_cpus, pids=here.run_pids,
        output_mib=here.run_output_mib, log_kib=here.run_log_kib,
        network=competition.grants_network, writable_root=competition.grants_writable_root,
        image_user=competition.grants_image_user,
        detailed_results=competition.enable_detailed_results,
        ingestion_only_during_scoring=run.revision.ingestion_only_during_scoring,
        result_only=phase.accepts_only_result_submissions,
    )  # fmt: skip


def limits_of(spec: RunSpec) -> dict[str, Any]:
    """Return the limits that a spec sets, in the units of their names."""
    full = spec.to_json()
    return {name: full[name] for name in LIMITS}


def memory_mib(competition: Competition) -> int:
    """Return the memory one container of this benchmark gets, in MiB."""
    return competition.granted_memory_mib or settings().run_memory_mib


def whole_time_s(timeout_s: int) -> int:
    """Return the hard limit of a whole attempt: both steps, and what goes around them."""
    return 2 * timeout_s + int(_MARGIN.total_seconds())


def claim(run: Run, attempt: Attempt, file: StoredFile, timeout_s: int) -> Claim:
    """Return fresh URLs for everything this attempt may read and write."""
    # A phase of before may have a longer limit than is accepted now: its runs get what there is.
    life = min(timedelta(seconds=whole_time_s(timeout_s)), storage.LONGEST_LINK)
    revision = run.revision
    inputs = {
        Input.SUBMISSION: file,
        Input.INGESTION_PROGRAM: revision.ingestion_program,
        Input.SCORING_PROGRAM: revision.scoring_program,
        Input.INPUT_DATA: revision.input_data,
        Input.REFERENCE_DATA: revision.reference_data,
    }
    store = storage.store()
    downloads = {
        str(name): Download(
            url=store.presign_get(stored.ref, life), file_name=stored.file_name,
            size_bytes=stored.size_bytes, sha256=stored.sha256,
        )
        for name, stored in inputs.items()
        if stored is not None
    }  # fmt: skip
    uploads = {
        str(output): store.presign_put(output_ref(attempt, output), life) for output in Output
    }
    return Claim(lease_s=settings().lease_s, downloads=downloads, uploads=uploads)


def output_ref(attempt: Attempt, output: Output) -> ObjectRef:
    """Return where an attempt stores one of its outputs."""
    return ObjectRef(RUNS, f"{attempt.output_prefix}/{_FILE_NAMES[output]}")

"""The provenance of a submission's scores, as the document that pages and files show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.competitions.models import Competition, Leaderboard, Phase
from app.errors import NotFound
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.models import FileKind, StoredFile, TaskRevision
from app.submissions import ends, runs
from app.submissions.models import Attempt, Run, Submission

Document = dict[str, Any]
"""What ``docs/reference/provenance.md`` describes; only what JSON can hold."""

_OF_REVISION = (
    FileKind.INGESTION_PROGRAM, FileKind.SCORING_PROGRAM, FileKind.INPUT_DATA,
    FileKind.REFERENCE_DATA,
)  # fmt: skip

_WITHOUT_IMAGES = ("bubblewrap", "subprocess")
"""Engines that run programs with what the machine itself has."""


def of(submission_id: int, viewer: Viewer) -> Document:
    """Return the provenance of a submission, in a number of statements that nothing changes.

    Whoever may see the submission gets all of it. Whoever sees it on a board gets what makes its
    scores comparable, without the machine and without earlier attempts.

    Raises:
        NotFound: there is none, or the viewer sees neither it nor a board on which it stands.
    """
    submission = db.session.scalars(
        select(Submission)
        .where(Submission.id == submission_id)
        .options(
            joinedload(Submission.owner),
            joinedload(Submission.file),
            joinedload(Submission.phase).options(
                joinedload(Phase.competition).joinedload(Competition.owner),
                joinedload(Phase.leaderboard).selectinload(Leaderboard.columns),
            ),
            selectinload(Submission.runs).options(
                joinedload(Run.task),
                selectinload(Run.scores),
                joinedload(Run.revision).options(
                    joinedload(TaskRevision.scoring_program),
                    joinedload(TaskRevision.ingestion_program),
                    joinedload(TaskRevision.input_data),
                    joinedload(TaskRevision.reference_data),
                ),
            ),
        )
    ).first()
    if submission is None or not (
        policy.can(viewer, Act.SUBMISSION_VIEW, submission) or _is_on_a_board(submission, viewer)
    ):
        raise NotFound("There is no such submission, or it is not yours to see.")
    is_own = policy.can(viewer, Act.SUBMISSION_VIEW, submission)
    with_scores = not is_own or policy.can(viewer, Act.SUBMISSION_VIEW_SCORES, submission)
    return _document(submission, is_whole=is_own, with_scores=with_scores)


def _origin(submission: Submission) -> Document | None:
    """Say where it was measured; None: here."""
    if not submission.restored_from:
        return None
    return {"site": submission.restored_from, "submission": submission.restored_number}


def _is_on_a_board(submission: Submission, viewer: Viewer) -> bool:
    return submission.on_board and policy.can(viewer, Act.BOARD_VIEW, submission.phase)


def _document(submission: Submission, *, is_whole: bool, with_scores: bool) -> Document:
    phase, attempts = submission.phase, _attempts([run.id for run in submission.runs])
    columns = phase.leaderboard.columns if phase.leaderboard and with_scores else []
    shown = {column.id: column.key for column in columns if not column.is_hidden}
    current = runs.current_revisions([run.task_id for run in submission.runs])
    return {
        "submission": submission.id,
        "state": str(submission.state),
        "owner": submission.owner.username,
        "competition": {"id": phase.competition_id, "title": phase.competition.title},
        "phase": {"id": phase.id, "name": phase.name},
        "submitted_at": _utc(submission.created_at),
        "rerun_of": submission.rerun_of_id,
        "migrated_from": submission.migrated_from_id,
        "restored_from": _origin(submission),
        "file": _file(submission.file),
        "runs": [
            _run(
                run, attempts.get(run.id, []), shown, current[run.task_id].number, is_whole=is_whole
            )
            for run in submission.runs
        ],
    }  # fmt: skip


def _attempts(run_ids: Sequence[int]) -> dict[int, list[Attempt]]:
    found: dict[int, list[Attempt]] = {}
    statement = select(Attempt).where(Attempt.run_id.in_(run_ids)).order_by(Attempt.number)
    for attempt in db.session.scalars(statement):
        found.setdefault(attempt.run_id, []).append(attempt)
    return found


def _run(
    run: Run, attempts: Sequence[Attempt], shown: Mapping[int, str], current: int, *, is_whole: bool
) -> Document:
    counting = next((one for one in attempts if one.number == run.attempt), None)
    document: Document = {
        "run": run.id,
        "state": str(run.state),
        "task": {
            "id": run.task_id,
            "name": run.task.name,
            "revision": run.revision.number,
            "current_revision": current,
        },
        "bundles": {
            str(kind): _file(file)
            for kind in _OF_REVISION
            if (file := getattr(run.revision, kind)) is not None
        },
        "image": None
        if run.engine in _WITHOUT_IMAGES
        else {"name": run.image, "digest": run.image_digest},
        "image_wanted": run.image,
        "engine": run.engine,
        "worker_version": counting.worker_version if counting else "",
        "limits": counting.limits if counting else {},
        "attempt": run.attempt,
        "started_at": _utc(run.started_at),
        "ended_at": _utc(run.ended_at),
        "container_s": run.container_s,
        "scores": {
            shown[score.column_id]: score.value for score in run.scores if score.column_id in shown
        },
    }
    if is_whole:
        document["machine"] = counting.machine_name if counting else ""
        document["attempts"] = [
            {
                "number": one.number, "machine": one.machine_name,
                "started_at": _utc(one.started_at), "ended_at": _utc(one.ended_at),
                "how": str(ends.of(run, one)), "outcome": one.outcome,
            }
            for one in attempts
        ]  # fmt: skip
    return document


def _file(file: StoredFile) -> Document:
    return {"sha256": file.sha256, "size_bytes": file.size_bytes}


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.replace(tzinfo=None).isoformat()}Z"

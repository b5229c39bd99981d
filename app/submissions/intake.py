"""Rows of new submissions: which queue they go to, and many at once of files submitted before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from app.competitions.models import Competition, Participant, Phase
from app.errors import Refused
from app.platform.db import db
from app.queues import services as queues
from app.queues.models import ComputeQueue
from app.resources.models import TaskRevision
from app.submissions import runs
from app.submissions.models import Run, State, Submission, SubmissionNumber

AT_ONCE = 500
"""How many rows one statement names; databases limit the number of parameters."""


def portions(ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield ids in order, as many at a time as one statement may name."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def queue_ids(
    competition: Competition, owner_ids: Collection[int], *, now: datetime
) -> dict[int, int]:
    """Return the queue of each owner's runs: their own route, else the benchmark's, else the default."""
    usual = competition.queue_id or queues.ensure_default_queue(now=now).id
    return dict.fromkeys(owner_ids, usual) | routes(competition, owner_ids)


def routes(competition: Competition, owner_ids: Collection[int]) -> dict[int, int]:
    """Return the queues that owners were sent to, one by one; absent means the benchmark's."""
    found: dict[int, int] = {}
    for some in portions(owner_ids):
        routed = db.session.execute(
            select(Participant.user_id, Participant.queue_id)
            .join(ComputeQueue, ComputeQueue.id == Participant.queue_id)
            .where(
                Participant.competition_id == competition.id,
                Participant.user_id.in_(some),
                ComputeQueue.retired_at.is_(None),
            )
        )
        found |= {user_id: queue_id for user_id, queue_id in routed if queue_id is not None}
    return found


def revisions_of(phase: Phase) -> list[TaskRevision]:
    """Return the current revisions of a phase's tasks, in its order.

    Raises:
        Refused: it has no task.
    """
    current = runs.current_revisions([link.task_id for link in phase.phase_tasks])
    if not current:
        raise Refused(f"The phase {phase.name!r} has no task yet. Ask the organizer.")
    return [current[link.task_id] for link in phase.phase_tasks]


@dataclass(frozen=True)
class Copy:
    """A submission to make of a file that was submitted before."""

    source: Submission
    """Gives owner, file and answers."""
    values: dict[str, Any] = field(default_factory=dict)
    """What else the new row says: where it comes from."""


def make_copies(
    copies: Sequence[Copy], phase: Phase, revisions: Sequence[TaskRevision], *,
    state: State, now: datetime,
) -> list[int]:  # fmt: skip
    """Add a submission for each copy, with a run for each revision; none uses a try.

    Args:
        phase: with its competition.

    Returns:
        The new ids, in the order of ``copies``.
    """
    if not copies:
        return []
    competition = phase.competition
    queue_of = queue_ids(competition, {copy.source.owner_id for copy in copies}, now=now)
    numbers = iter(draw_numbers(len(copies) * (1 + len(revisions))))
    submissions: list[dict[str, Any]] = []
    made_runs: list[dict[str, Any]] = []
    for copy in copies:
        source, submission_id = copy.source, next(numbers)
        submissions.append(
            {
                "id": submission_id, "phase_id": phase.id, "owner_id": source.owner_id,
                "file_id": source.file_id, "state": state, "created_at": now,
                "fact_sheet_answers": source.fact_sheet_answers, **copy.values,
            }
        )  # fmt: skip
        made_runs += [
            {
                "id": next(numbers), "submission_id": submission_id, "task_id": revision.task_id,
                "task_revision_id": revision.id, "queue_id": queue_of[source.owner_id],
                "order": order, "image": competition.docker_image, "state": state, "queued_at": now,
            }
            for order, revision in enumerate(revisions)
        ]  # fmt: skip
    for start in range(0, len(submissions), AT_ONCE):
        db.session.execute(insert(Submission), submissions[start : start + AT_ONCE])
    for start in range(0, len(made_runs), AT_ONCE):
        db.session.execute(insert(Run), made_runs[start : start + AT_ONCE])
    return [row["id"] for row in submissions]


def draw_numbers(count: int) -> list[int]:
    """Draw many ids of the sequence at once, in order."""
    drawn = db.session.scalars(
        insert(SubmissionNumber).returning(SubmissionNumber.id), [{} for _ in range(count)]
    )
    return sorted(drawn)

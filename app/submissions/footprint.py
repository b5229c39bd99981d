"""What submissions keep in the store: the files that they name, their outputs and logs."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.competitions.models import Competition, Phase
from app.platform.db import after_commit, db
from app.policy import Viewer
from app.resources import services as resources
from app.resources.library.places import Use
from app.resources.space.items import LOGS, OUTPUTS, SHOWN, Freed, Item
from app.submissions.models import Attempt, Run, RunOutput, State, Submission

T = TypeVar("T", bound=tuple[Any, ...])
_OVER = (State.FAILED, State.CANCELLED)


def uses_of(file_id: int) -> list[Use]:
    """Return the benchmarks that a file was submitted to, with how often."""
    rows = db.session.execute(
        select(Competition.id, Competition.title, func.count())
        .join(Phase, Phase.competition_id == Competition.id)
        .join(Submission, Submission.phase_id == Phase.id)
        .where(Submission.file_id == file_id, Submission.is_rehearsal.is_(False))
        .group_by(Competition.id, Competition.title)
        .order_by(Competition.id)
    )
    return [
        Use(
            "submission",
            title if count == 1 else f"{title} ({count})",
            "competitions.detail",
            {"competition_id": competition_id},
        )
        for competition_id, title, count in rows
    ]


def kept(user_id: int) -> dict[str, tuple[int, int]]:
    """Return how many outputs and logs a person's submissions have, and their bytes.

    Re-runs are left out: an organizer asked for them.
    """
    outputs = db.session.execute(
        _own(select(func.count(), func.sum(RunOutput.size_bytes)), RunOutput.run_id, user_id)
    ).one()
    logs = db.session.execute(
        _own(select(func.count(), func.sum(Attempt.log_chars)), Attempt.run_id, user_id).where(
            Attempt.log_chars > 0
        )
    ).one()
    return {
        OUTPUTS: (outputs[0], int(outputs[1] or 0)),
        LOGS: (logs[0], int(logs[1] or 0)),
    }


def failed_outputs(actor: Viewer) -> list[Item]:
    """Return a person's submissions that failed or were cancelled and left outputs behind."""
    rows = db.session.execute(
        _own(
            select(Submission.id, Competition.title, func.sum(RunOutput.size_bytes)),
            RunOutput.run_id,
            actor.user_id,
        )
        .join(Phase, Phase.id == Submission.phase_id)
        .join(Competition, Competition.id == Phase.competition_id)
        .where(Submission.state.in_(_OVER))
        .group_by(Submission.id, Competition.title)
        .order_by(func.sum(RunOutput.size_bytes).desc(), Submission.id)
        .limit(SHOWN)
    )
    return [
        Item(one, f"{one}: {title}", int(size), "submissions.detail", {"submission_id": one})
        for one, title, size in rows
    ]


def clear_failed_outputs(actor: Viewer, submission_ids: Collection[int]) -> Freed:
    """Delete what failed submissions of a person left, but for their logs."""
    outputs = db.session.execute(
        _own(select(RunOutput, Submission.id), RunOutput.run_id, actor.user_id).where(
            Submission.state.in_(_OVER), Submission.id.in_(submission_ids)
        )
    ).all()
    for output, _submission_id in outputs:
        after_commit(partial(resources.forget, (output.ref,)))
        db.session.delete(output)
    db.session.flush()
    return Freed(
        len({submission_id for _output, submission_id in outputs}),
        sum(output.size_bytes for output, _submission_id in outputs),
    )


def _own(
    statement: Select[T], run_id: InstrumentedAttribute[int], user_id: int | None
) -> Select[T]:
    return (
        statement.join(Run, Run.id == run_id)
        .join(Submission, Submission.id == Run.submission_id)
        .where(Submission.owner_id == user_id, Submission.rerun_of_id.is_(None))
    )

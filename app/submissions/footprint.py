"""What submissions keep in the store: the files that they name."""

from __future__ import annotations

from sqlalchemy import func, select

from app.competitions.models import Competition, Phase
from app.platform.db import db
from app.resources.library.places import Use
from app.submissions.models import Submission


def uses_of(file_id: int) -> list[Use]:
    """Return the benchmarks that a file was submitted to, with how often."""
    rows = db.session.execute(
        select(Competition.id, Competition.title, func.count())
        .join(Phase, Phase.competition_id == Competition.id)
        .join(Submission, Submission.phase_id == Phase.id)
        .where(Submission.file_id == file_id)
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

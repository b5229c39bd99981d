"""Submit a file from a terminal, wait for it, and say what became of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app.accounts import queries as accounts
from app.competitions import queries as competitions
from app.competitions.models import BoardColumn
from app.errors import AppError
from app.platform.clock import now
from app.platform.db import db, release, unit_of_work
from app.policy import Viewer
from app.resources import services as resources
from app.resources.models import FileKind
from app.submissions import services
from app.submissions.drafts import SubmissionDraft
from app.submissions.models import Run, State, Submission

_LOOK_EVERY_S = 0.2


@click.command("submit")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--phase", "phase_id", type=int, required=True, help="Id of the phase.")
@click.option("--as", "name", required=True, help="User name of the participant.")
@click.option("--wait", is_flag=True, help="Return only when it is over; 1 if it did not finish.")
@click.option("--timeout", default=3600, show_default=True, help="Seconds to wait at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def submit(file: Path, phase_id: int, name: str, wait: bool, timeout: int, as_json: bool) -> None:
    """Submit FILE to a phase as a participant, through the queue like everyone's."""
    try:
        submission_id = send(file, phase_id, viewer_named(name))
        over = wait_for(submission_id, timeout) if wait else True
    except AppError as error:
        raise click.ClickException(error.message) from error
    found = result(submission_id)
    print(json.dumps(found, indent=2) if as_json else as_text(found))
    if not over:
        raise click.ClickException(f"Submission {submission_id} is not over after {timeout} s.")
    if wait and found["state"] != State.FINISHED:
        sys.exit(1)


def viewer_named(name: str) -> Viewer:
    """Return a person as who acts.

    Raises:
        ClickException: nobody has this name.
    """
    user = accounts.by_username(name)
    if user is None:
        raise click.ClickException(f"Nobody here is called {name!r}.")
    return competitions.viewer(user)


def send(file: Path, phase_id: int, actor: Viewer, *, key: str | None = None) -> int:
    """Store a file and submit it; returns the submission's id."""
    with unit_of_work(), file.open("rb") as stream:
        stored = resources.receive(actor, FileKind.SUBMISSION, file.name, stream, now=now())
        phase = competitions.get_phase(phase_id, actor)
        draft = SubmissionDraft(file_key=stored.key, idempotency_key=key)
        return services.submit(actor, phase, draft, now=now()).id


def wait_for(submission_id: int, timeout_s: float) -> bool:
    """Wait until a submission is over; returns whether it is."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        db.session.rollback()  # each look must see what others have written
        state = db.session.scalar(select(Submission.state).where(Submission.id == submission_id))
        release()  # a look in a writing context would keep everybody from writing until the next
        if state is None or State(state).is_terminal:
            return True
        time.sleep(_LOOK_EVERY_S)
    return False


def result(submission_id: int) -> dict[str, Any]:
    """Return state, reason, seconds and scores per task as plain values."""
    db.session.rollback()
    submission = db.session.scalars(
        select(Submission)
        .where(Submission.id == submission_id)
        .options(
            joinedload(Submission.file),
            joinedload(Submission.phase),
            joinedload(Submission.owner),
            selectinload(Submission.runs).options(joinedload(Run.task), selectinload(Run.scores)),
        )
    ).one()
    board = BoardColumn.leaderboard_id == submission.phase.leaderboard_id
    keys = {
        column.id: column.key for column in db.session.scalars(select(BoardColumn).where(board))
    }
    return {
        "id": submission.id,
        "participant": submission.owner.username,
        "phase": submission.phase.name,
        "file": submission.file.file_name,
        "state": submission.state,
        "reason": submission.reason,
        "tasks": [
            {
                "name": run.task.name,
                "state": run.state,
                "reason": run.reason,
                "engine": run.engine,
                "scores": {keys[s.column_id]: s.value for s in run.scores if s.column_id in keys},
            }
            for run in submission.runs
        ],
    }


def as_text(found: dict[str, Any]) -> str:
    """Return a result as lines for a terminal."""
    lines = [
        f"Submission {found['id']} ({found['file']}): {found['state']} {found['reason']}".rstrip()
    ]
    for task in found["tasks"]:
        scores = ", ".join(f"{key} {value:.4g}" for key, value in task["scores"].items())
        lines.append(f"  {task['name']}: {task['state']}  {scores}".rstrip())
    return "\n".join(lines)

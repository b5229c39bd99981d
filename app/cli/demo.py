"""The demo benchmark: bring it in, submit its two sample submissions, show the board."""

from __future__ import annotations

import json
import logging
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from app.accounts import queries as accounts
from app.accounts import services as account_services
from app.accounts.models import User
from app.bundles import services as bundles
from app.cli.submit import as_text, result, send, wait_for
from app.competitions import memberships
from app.competitions import queries as competitions
from app.competitions import services as competition_services
from app.competitions.models import Competition, Membership
from app.errors import AppError
from app.leaderboards import queries as boards
from app.leaderboards.standings import BoardRow
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.db import db, unit_of_work
from app.submissions.models import State

TITLE = "Breast cancer, diagnostic"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "breast-cancer"
_WAIT_S = 600
_ROWS = 20
_SAMPLES = (("ada", "sample_result.zip"), ("ben", "sample_code.zip"))


@dataclass(frozen=True)
class _Loaded:
    competition_id: int
    admin_password: str
    """Empty when the admin was there before."""


@click.group("demo")
def group() -> None:
    """The demo benchmark."""
    # People read what these commands print; routine is in the logs of the processes that serve.
    logging.getLogger().setLevel(logging.WARNING)


@group.command("load")
@with_appcontext
def load() -> None:
    """The first time: bring in the demo and submit its samples. Later: only say where it is."""
    is_new = _find() is None
    loaded = _load()
    if is_new:
        _say(_play(loaded.competition_id))
    _welcome(loaded)


@group.command("run")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def run(as_json: bool) -> None:
    """Bring in the demo if need be, submit its two samples, and print the final leaderboard."""
    loaded = _load()
    results = _play(loaded.competition_id)
    board = _board(loaded.competition_id)
    if as_json:
        print(json.dumps({"submissions": results, "leaderboard": _as_json(board)}, indent=2))
    else:
        print(_as_table(board))
    if loaded.admin_password:
        print(_admins(loaded), file=sys.stderr)
    if failed := [one for one in results if one["state"] != State.FINISHED]:
        reasons = " ".join(f"Submission {one['id']}: {one['reason']}" for one in failed)
        print(f"The demo failed. {reasons}", file=sys.stderr)
        sys.exit(1)


def _find() -> Competition | None:
    return db.session.scalars(
        select(Competition).where(Competition.title == TITLE).order_by(Competition.id)
    ).first()


def _load() -> _Loaded:
    """Make the people and the benchmark that are missing."""
    try:
        with unit_of_work():
            admin, password = _person("admin", is_staff=True)
            for name, _file in _SAMPLES:
                _person(name)
            admin_id = admin.id
        competition_id = _imported(admin_id)
        with unit_of_work():
            _join(competition_id)
    except AppError as error:
        raise click.ClickException(error.message) from error
    return _Loaded(competition_id, password)


def _person(name: str, *, is_staff: bool = False) -> tuple[User, str]:
    if found := accounts.by_username(name):
        return found, ""
    password = secrets.token_urlsafe(12)
    made = account_services.create_user(
        name, f"{name}@localhost.localdomain", password, is_staff=is_staff, now=now()
    )
    return made, password


def _imported(admin_id: int) -> int:
    if (found := _find()) is not None:
        return found.id
    print("Loading the demo benchmark.", file=sys.stderr)
    viewer = competitions.viewer(db.session.get_one(User, admin_id))
    bundle = _built() / "bundle.zip"
    competition_id = bundles.import_file(viewer, bundle, now).competition_id
    with unit_of_work():
        competition = competitions.get(competition_id, viewer)
        competition_services.publish(viewer, competition, now=now())
    return competition_id


def _built() -> Path:
    """Build the bundle and its two sample submissions, always the same bytes."""
    folder = Path(tempfile.gettempdir()) / f"plumbline-demo-{secrets.token_hex(6)}"
    subprocess.run([sys.executable, str(EXAMPLE / "build.py"), str(folder)], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return folder


def _join(competition_id: int) -> None:
    moment = now()
    for name, _file in _SAMPLES:
        user = accounts.by_username(name)
        viewer = competitions.viewer(user)
        competition = competitions.get(competition_id, viewer)
        participant = memberships.register(viewer, competition, accepted_terms=True, now=moment)
        if participant.status != Membership.APPROVED:
            owner = competitions.viewer(db.session.get_one(User, competition.owner_id))
            memberships.decide(owner, participant.id, Membership.APPROVED, now=moment)


def _play(competition_id: int) -> list[dict[str, Any]]:
    """Submit both samples through the queue and report each as it ends."""
    folder = _built()
    phase_id = _open_phase(competition_id, now())
    sent = []
    try:
        for name, file in _SAMPLES:
            viewer = competitions.viewer(accounts.by_username(name))
            sent.append(send(folder / file, phase_id, viewer))
            print(f"Submitted {file} as {name}.", file=sys.stderr)
    except AppError as error:
        raise click.ClickException(error.message) from error
    results = []
    for submission_id in sent:
        if not wait_for(submission_id, _WAIT_S):
            raise click.ClickException(
                f"Submission {submission_id} is not over after {_WAIT_S} s. Is a worker running?"
            )
        results.append(result(submission_id))
        print(as_text(results[-1]), file=sys.stderr)
    return results


def _open_phase(competition_id: int, moment: datetime) -> int:
    admin = competitions.viewer(accounts.by_username("admin"))
    frame = competitions.frame(competitions.get(competition_id, admin), admin, moment)
    if frame.phase is None:
        raise click.ClickException("The demo benchmark has no phase.")
    return frame.phase.id


def _board(competition_id: int) -> BoardRow:
    db.session.rollback()
    admin = competitions.viewer(accounts.by_username("admin"))
    phase_id = _open_phase(competition_id, now())
    return boards.board(competitions.get_phase(phase_id, admin), admin, size=_ROWS)


def _as_json(board: BoardRow) -> list[dict[str, Any]]:
    return [
        {"rank": row.rank, "participant": row.username, "submission": row.submission_id,
         "scores": dict(row.overall),
         "tasks": {board.about.tasks[task]: dict(scores) for task, scores in row.tasks.items()}}
        for row in board.page.rows
    ]  # fmt: skip


def _as_table(board: BoardRow) -> str:
    columns = board.about.columns
    lines = [["Rank", "Participant", "Submission", *(column.title for column in columns)]]
    for row in board.page.rows:
        scores = [column.show(row.overall) or "n/a" for column in columns]
        lines.append([str(row.rank), row.name, str(row.submission_id), *scores])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _say(results: list[dict[str, Any]]) -> None:
    if all(one["state"] == State.FINISHED for one in results):
        competition = _find()
        if competition is not None:
            print(f"\n{_as_table(_board(competition.id))}")


def _admins(loaded: _Loaded) -> str:
    """Return the one sentence that ever holds the administrator's password."""
    return f"Log in as admin with the password {loaded.admin_password}"


def _welcome(loaded: _Loaded) -> None:
    here = settings().base_url.rstrip("/")
    print(f"\nThe demo benchmark is at {here}/benchmarks/{loaded.competition_id}")
    if loaded.admin_password:
        print(_admins(loaded))
    else:
        print(
            "Log in as admin; `./run flask admin password admin --generate` makes a new password."
        )

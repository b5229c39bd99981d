"""Boards from the command line, and what the list of commands says."""

from __future__ import annotations

import subprocess
import sys

import pytest
from flask import Flask
from sqlalchemy import delete

from app.leaderboards.models import Entry
from app.platform.db import db, unit_of_work
from client.launcher.home import ROOT
from tests.factories import make_competition, make_user
from tests.leaderboards.boards import AUC, entries, phase_with, submitted, tell

_ENVIRON = {
    "PLUMBLINE_SECRET_KEY": "x" * 40, "PLUMBLINE_DATABASE_URL": "sqlite://",
    "PLUMBLINE_REDIS_URL": "redis://127.0.0.1:1/0",
    "PLUMBLINE_RUNS_REDIS_URL": "redis://127.0.0.1:1/0", "PLUMBLINE_S3_URL": "http://127.0.0.1:1",
    "PLUMBLINE_S3_ACCESS_KEY": "key", "PLUMBLINE_S3_SECRET_KEY": "secret",
    "PLUMBLINE_BASE_URL": "http://localhost",
}  # fmt: skip


def test_rebuilt_board_has_its_entries_again(app: Flask) -> None:
    phase = phase_with(make_competition(), AUC)
    tell(submitted(phase, make_user("pavel"), {"auc": 0.5}))
    assert len(entries(phase)) == 1
    with unit_of_work():
        db.session.execute(delete(Entry))
    result = app.test_cli_runner().invoke(args=["board", "rebuild", "--phase", str(phase.id)])
    db.session.rollback()
    assert result.output == f"1 entries stand on the board of phase {phase.id}.\n"
    assert len(entries(phase)) == 1


def test_phase_that_is_not_there_is_named(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["board", "rebuild", "--phase", "77"])
    assert result.exit_code == 1
    assert "There is no phase 77." in result.output


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_list_of_commands_is_about_plumbline_alone(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments], cwd=ROOT, env=_ENVIRON, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert said.startswith("Usage: ./run flask ")
    assert "Plumbline's commands" in said
    for command in ("admin", "board", "bundle", "machine", "submit"):
        assert f"\n  {command} " in said
    assert "Flask" not in said
    assert "--app" not in said

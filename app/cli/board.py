"""Commands about leaderboards."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.competitions.models import Phase
from app.leaderboards import services
from app.platform.db import db, unit_of_work


@click.group("board")
def group() -> None:
    """Leaderboards, which follow from the scores of runs."""


@group.command("rebuild")
@click.option("--phase", "phase_id", type=int, required=True, help="Id of the phase.")
@with_appcontext
def rebuild(phase_id: int) -> None:
    """Compute all entries of a phase anew, e.g. after its rule, columns or tasks changed."""
    with unit_of_work():
        if db.session.get(Phase, phase_id) is None:
            raise click.ClickException(f"There is no phase {phase_id}.")
        count = services.rebuild(phase_id)
    click.echo(f"{count} entries stand on the board of phase {phase_id}.")

"""Commands about bundles: import one, or only say what is wrong with it."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from app.accounts import queries as accounts
from app.bundles import checking, fields, services
from app.bundles.archives.ledger import Wish
from app.bundles.dumps import services as dumps
from app.bundles.fields import NoteKind
from app.bundles.services import Past
from app.competitions import queries as competitions
from app.competitions import services as competition_services
from app.competitions.drafts import Problem
from app.competitions.services import InvalidDraft
from app.errors import AppError
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.db import unit_of_work
from app.policy import Viewer

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")


@click.group("bundle")
def group() -> None:
    """Import bundles and check them."""


@group.command("import")
@_file
@click.option("--owner", required=True, help="User name of the organizer.")
@click.option("--publish", is_flag=True, help="Show the benchmark to everyone at once.")
@click.option(
    "--past", type=click.Choice(list(Past)), default=Past.RESTORE,
    help="What becomes of participants, submissions and scores of an archive: restore them; match "
    "them with accounts that have their e-mail addresses; leave them out.",
)  # fmt: skip
@_json
@with_appcontext
def import_(file: Path, owner: str, publish: bool, past: str, as_json: bool) -> None:
    """Make a benchmark from the bundle FILE; a bad bundle leaves nothing behind."""
    person = accounts.by_username(owner)
    if person is None:
        raise click.ClickException(f"There is no account named {owner}.")
    viewer = competitions.viewer(person)
    try:
        allowed = dataclasses.replace(viewer, is_staff=True)  # who runs commands may match accounts
        imported = services.import_file(allowed, file, now, past=Past(past))
        made = _made(imported, viewer, publish=publish)
    except InvalidDraft as error:
        _refuse(error.problems, as_json=as_json)
    except AppError as error:
        _refuse([Problem("", "", "", error.message)], as_json=as_json)
    else:
        _show(made, as_json=as_json)


@group.command("check")
@_file
@click.option("--owner", help="User name of the organizer; looks up keys and the queue for them.")
@_json
@with_appcontext
def check(file: Path, owner: str | None, as_json: bool) -> None:
    """Say everything that is wrong with the bundle FILE, without importing it."""
    viewer = None
    if owner is not None:
        person = accounts.by_username(owner)
        if person is None:
            raise click.ClickException(f"There is no account named {owner}.")
        viewer = competitions.viewer(person)
    reading = checking.of_file(file, viewer, now=now())
    if reading.problems:
        _refuse(reading.problems, as_json=as_json)
    elif as_json:
        notes = [dataclasses.asdict(note) for note in reading.notes]
        click.echo(json.dumps({"problems": [], "notes": notes}))
    else:
        click.echo("The bundle can be imported.")
        if viewer is None and reading.draft and competition_services.names_stored(reading.draft):
            click.echo("Keys and queues were not looked up: name the organizer with --owner.")
        _report(reading.notes)


@group.command("dump")
@click.argument("competition_id", metavar="ID", type=int)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keys", is_flag=True, help="Name files by key, to copy the benchmark on this site.")
@click.option("--archive", is_flag=True, help="Add participants, submissions and scores.")
@click.option("--pseudonymised", is_flag=True, help="With --archive: name nobody in it.")
@click.option("--addresses", is_flag=True, help="With --archive: add e-mail addresses.")
@with_appcontext
def dump(
    competition_id: int, file: Path, keys: bool, archive: bool, pseudonymised: bool, addresses: bool
) -> None:
    """Write the benchmark ID as a bundle to FILE: its number stands in its address."""
    if (pseudonymised or addresses) and not archive:
        raise click.UsageError("--pseudonymised and --addresses go with --archive.")
    if (pseudonymised and addresses) or (keys and archive):
        raise click.UsageError("These options exclude each other.")
    wish = Wish(pseudonymised, addresses) if archive else None
    anyone = Viewer(is_staff=True)  # who runs commands here can read everything already
    part = file.with_name(f"{file.name}.part")
    try:
        competitions.get(competition_id, anyone)
        with part.open("wb") as out:
            packed = dumps.pack_into(
                anyone, competition_id, out, with_files=not keys, now=now(), wish=wish
            )
        part.replace(file)
    except AppError as error:
        raise click.ClickException(error.message) from error
    finally:
        part.unlink(missing_ok=True)
    for note in packed.notes:
        click.echo(_line(note))
    click.echo(_line(f"Wrote “{packed.draft.title}” to {file}: {file.stat().st_size} bytes."))


def _made(imported: services.Imported, viewer: Viewer, *, publish: bool) -> dict[str, Any]:
    with unit_of_work():
        competition = competitions.get(imported.competition_id, viewer)
        if publish:
            competition_services.publish(viewer, competition, now=now())
        return {
            "competition_id": competition.id,
            "title": competition.title,
            "url": f"{settings().base_url.rstrip('/')}/benchmarks/{competition.id}",
            "is_published": competition.is_published,
            "notes": [dataclasses.asdict(note) for note in imported.notes],
            "problems": [],
        }


def _show(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made))
        return
    state = "published" if made["is_published"] else "not published yet"
    click.echo(_line(f"Imported “{made['title']}”, {state}: {made['url']}"))
    _report(fields.Note(**note) for note in made["notes"])


_HEADINGS = {
    NoteKind.RESTORED: "Restored:",
    NoteKind.CHANGED: "Changed:",
    NoteKind.NO_EQUIVALENT: "Without equivalent here:",
    NoteKind.IGNORED: "Ignored:",
    NoteKind.CONVERTED: "Converted:",
}


def _report(notes: Iterable[fields.Note]) -> None:
    """Print every note on a line of its own, under the title of its kind."""
    for kind, of_kind in itertools.groupby(notes, key=lambda note: note.kind):
        click.echo(_HEADINGS[kind])
        for note in of_kind:
            click.echo(f"  {_line(str(note))}")


def _refuse(problems: Sequence[Problem], *, as_json: bool) -> None:
    """Print every problem on a line of its own, and end with exit code 1."""
    if as_json:
        click.echo(json.dumps({"problems": [dataclasses.asdict(p) for p in problems]}))
    else:
        for problem in problems:
            click.echo(_line(str(problem)), err=True)
    raise SystemExit(1)


def _line(text: str) -> str:
    return " ".join(text.split())

"""Machines: adding one, giving it new secrets, showing it out, and what is heard of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import with_appcontext

from app.errors import AppError
from app.platform.broker import RedisKeeper
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.db import unit_of_work
from app.policy import Viewer
from app.queues import machines, queries, services
from app.queues.access import Doorkeeper
from app.queues.models import ComputeQueue, Machine

_OPERATOR = Viewer(is_staff=True)
"""Whoever may start commands on the server."""

_of_queue = click.option(
    "--queue", "qid", default="", help="Id of its queue; the default queue if left out."
)


@click.group("machine")
def group() -> None:
    """The machines that run submissions."""


@contextmanager
def _written() -> Iterator[None]:
    """Save, then let the runs Redis know at once; a refusal is a sentence on the terminal."""
    try:
        with unit_of_work():
            yield
        if url := settings().runs_keeper_url:
            Doorkeeper(RedisKeeper(url)).round(now=now())
        else:
            click.echo("# cron lets the machine in or out within seconds", err=True)
    except AppError as error:
        raise click.ClickException(error.message) from error


def _queue(qid: str) -> ComputeQueue:
    queue = queries.by_qid(qid or services.ensure_default_queue(now=now()).qid)
    if queue is None:
        raise click.ClickException(f"There is no queue {qid!r}.")
    return queue


def _machine(queue: ComputeQueue, name: str) -> Machine:
    found = next((one for one in queries.machines_of(queue.id) if one.name == name), None)
    if found is None:
        raise click.ClickException(f"The queue {queue.qid} has no machine called {name!r}.")
    return found


@group.command("add")
@click.argument("name")
@_of_queue
@with_appcontext
def add(name: str, qid: str) -> None:
    """Make a machine known and print the .env of its worker, this once."""
    with _written():
        text = machines.add(_OPERATOR, _queue(qid), name, now=now()).environment()
    click.echo(text, nl=False)


@group.command("rotate")
@click.argument("name")
@_of_queue
@with_appcontext
def rotate(name: str, qid: str) -> None:
    """Give a machine new secrets; those before count for half an hour, or until it uses the new."""
    with _written():
        queue = _queue(qid)
        access = machines.rotate(_OPERATOR, queue, _machine(queue, name), now=now())
        text = access.environment()
    click.echo(text, nl=False)


@group.command("revoke")
@click.argument("name")
@_of_queue
@with_appcontext
def revoke(name: str, qid: str) -> None:
    """End a machine's access."""
    with _written():
        queue = _queue(qid)
        machines.revoke(_OPERATOR, queue, _machine(queue, name), now=now())
    click.echo(f"{name} has no access any more.")


@group.command("list")
@_of_queue
@with_appcontext
def listing(qid: str) -> None:
    """Print every machine of a queue."""
    queue = queries.by_qid(qid) if qid else queries.default_queue()
    for machine in queries.machines_of(queue.id) if queue else []:
        heard = f"{machine.last_seen_at:%Y-%m-%d %H:%M:%S} UTC" if machine.last_seen_at else "never"
        trust = "  (trusted code only)" if machine.trusted_only else ""
        click.echo(f"{machine.name}  {machine.engine or '-'}  last heard {heard}{trust}")

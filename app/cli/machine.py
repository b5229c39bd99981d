"""Machines: making one known, and what is heard of them."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.errors import AppError
from app.platform import tokens
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.db import unit_of_work
from app.queues import queries, services


@click.group("machine")
def group() -> None:
    """The machines that run submissions."""


@group.command("add")
@click.argument("name")
@click.option("--queue", "qid", default="", help="Id of its queue; the default queue if left out.")
@with_appcontext
def add(name: str, qid: str) -> None:
    """Make a machine known (or give it a new token) and print what its worker needs."""
    token = tokens.mint("machine")
    try:
        with unit_of_work():
            queue = queries.by_qid(qid) if qid else services.ensure_default_queue(now=now())
            if queue is None:
                raise click.ClickException(f"There is no queue {qid!r}.")
            services.add_machine(queue, name, token, now=now())
            queue_id = queue.qid
    except AppError as error:
        raise click.ClickException(error.message) from error
    here = settings()
    print(f"PLUMBLINE_WORKER_API_URL={here.worker_api_url or here.base_url}")
    print(f"PLUMBLINE_WORKER_QUEUE={queue_id}")
    print(f"PLUMBLINE_WORKER_TOKEN={token}")
    print(f"PLUMBLINE_WORKER_NAME={name}")
    print(
        "# PLUMBLINE_WORKER_BROKER_URL is the address of the runs Redis as this machine reaches it"
    )


@group.command("list")
@with_appcontext
def listing() -> None:
    """Print every machine of the default queue, the latest heard of first."""
    queue = queries.default_queue()
    for machine in queries.machines_of(queue.id) if queue else []:
        heard = f"{machine.last_seen_at:%Y-%m-%d %H:%M:%S} UTC" if machine.last_seen_at else "never"
        trust = "  (trusted code only)" if machine.trusted_only else ""
        print(f"{machine.name}  {machine.engine or '-'}  last heard {heard}{trust}")

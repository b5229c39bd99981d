"""Commands that run the server's own processes: migrate, jobs and cron."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import click
from alembic import command
from alembic.config import Config
from flask.cli import with_appcontext

from app.bundles import services as bundles
from app.bundles.dumps import services as dumps
from app.errors import Unavailable
from app.platform.broker import RedisKeeper
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.db import db, unit_of_work
from app.platform.logging import event
from app.platform.queueing import APP_QUEUE, AppJob, RedisCarrier, carrier
from app.platform.storage import S3Store, store
from app.queues import machines
from app.queues import services as queues
from app.queues.access import Doorkeeper
from app.resources import services as resources
from app.resources.library import downloads
from app.resources.parts import services as parts
from app.submissions import dispatch
from app.submissions import migration as phase_migration
from worker.guard import SafeQueue, SafeWorker, worker_name

log = logging.getLogger(__name__)

_HEARD_WITHIN_S = 15.0
"""A worker asks a site that was away again after at most 10 s, and may wait 5 s for a connection."""
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def alembic_config() -> Config:
    """Return Alembic's configuration for this app's database."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


@click.command("migrate")
@with_appcontext
def migrate() -> None:
    """Bring the database to the newest schema, and make the buckets."""
    command.upgrade(alembic_config(), "head")
    place = store()
    if isinstance(place, S3Store):
        place.prepare()


@click.command("embedded-queue")
@click.option("--qid", required=True)
@click.option("--token", required=True, envvar="PLUMBLINE_WORKER_TOKEN")
@click.option("--machine", default="this-machine")
@with_appcontext
def embedded_queue(qid: str, token: str, machine: str) -> None:
    """Make the default queue and its machine known (safe to repeat)."""
    with unit_of_work():
        queue = queues.ensure_default_queue(now=now(), qid=qid)
        machines.ensure(queue, machine, token, now=now())


@click.command("migration")
@click.argument("what")
@with_appcontext
def migration(what: str) -> None:
    """Write a migration from the difference between the models and this database."""
    config = alembic_config()
    name = "%%(year)d%%(month).2d%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s"
    config.set_main_option("file_template", name)
    command.revision(config, what, autogenerate=True)


class _AppWorker(SafeWorker):
    """Runs our own jobs; a child must not share its parent's database connections."""

    def main_work_horse(self, job: AppJob, queue: SafeQueue) -> None:  # type: ignore[override]
        """Drop inherited connections without closing the parent's."""
        db.engine.dispose(close=False)
        super().main_work_horse(job, queue)


@click.command("jobs")
@with_appcontext
def jobs() -> None:
    """Run background jobs until stopped."""
    here = carrier()
    if not isinstance(here, RedisCarrier):
        raise click.ClickException("Jobs need a Redis.")
    queue = SafeQueue(APP_QUEUE, here.private_for_worker(), AppJob)
    _AppWorker(queue, worker_name(APP_QUEUE, "server")).work(logging_level="WARNING")


@click.command("cron")
@with_appcontext
def cron() -> None:
    """Sweep, dispatch and let machines in every few seconds until stopped."""
    stop = threading.Event()
    duties = [_sweeping(), _tend_uploads, _migrate_phases, downloads.add_up, *_doors()]

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    event(log, "cron.started", every_s=settings().sweep_s)
    while not stop.is_set():
        _round(duties)
        stop.wait(settings().sweep_s)


def _doors() -> list[Callable[[], object]]:
    """Return the duty that makes machines' users; only this process holds the keeper's URL."""
    url = settings().runs_keeper_url
    if not url:
        if settings().machines_redis_url:
            event(log, "cron.no_keeper", level=logging.WARNING)
        return []
    doorkeeper = Doorkeeper(RedisKeeper(url))

    def let_machines_in() -> None:
        try:
            doorkeeper.round(now=now())
        except Unavailable as error:
            event(log, "access.away", level=logging.WARNING, why=error.message)

    return [let_machines_in]


def _round(duties: Iterable[Callable[[], object]]) -> None:
    """Do everything that is due; each thing on its own, so that one cannot stop the others."""
    for due in duties:
        try:
            due()
        except Exception:
            log.exception("cron.failed", extra={"due": due.__name__})
            db.session.rollback()
        finally:
            db.session.remove()


def _migrate_phases() -> None:
    """Migrate into each phase on its own: what is wrong with one must not stop the others."""
    _round([_migration_into(phase_id) for phase_id in phase_migration.due(now())])


def _migration_into(phase_id: int) -> Callable[[], object]:
    def migrate_into_phase() -> None:
        with unit_of_work():
            moved = phase_migration.migrate(phase_id, now=now())
        event(log, "phase.migrated", phase_id=phase_id, submissions=moved)

    return migrate_into_phase


def _sweeping() -> Callable[[], None]:
    """Return the duty that sweeps and dispatches.

    A site that was away has heard nobody, and leases went by meanwhile. So after the start, a
    failed round, or a long gap between two, machines have some time to be heard before runs are
    taken from them.
    """
    well_since = last = datetime.min.replace(tzinfo=UTC)

    def sweep() -> None:
        nonlocal well_since, last
        moment, grace = now(), timedelta(seconds=min(_HEARD_WITHIN_S, settings().lease_s))
        if moment - last > grace:
            well_since = moment
        last = datetime.min.replace(tzinfo=UTC)  # should this round fail
        swept = dispatch.sweep(now=moment, takes_silent=moment - well_since >= grace)
        if swept:
            event(log, "cron.swept", runs=swept)
        dispatch.dispatch(now=moment)
        last = moment

    return sweep


def _tend_uploads() -> None:
    with unit_of_work():
        bundles.send_waiting(now=now())
        bundles.fail_stale(now=now())
        dumps.send_waiting(now=now())
        dumps.fail_stale(now=now())
        dumps.forget_old(now=now())
        resources.forget_abandoned(now=now())
        parts.tend(now=now())

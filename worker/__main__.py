"""``python -m worker`` serves one compute queue; ``check`` says how it would, ``doctor`` whether."""

from __future__ import annotations

import argparse
import codecs
import gc
import json
import logging
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from redis.exceptions import RedisError
from rq.exceptions import StopRequested

from worker import doctor, machine, tidying
from worker.engines import Engine, Owner
from worker.engines.choice import choose
from worker.errors import EngineUnavailable, SettingsError
from worker.guard import SafeQueue, connect, worker_name
from worker.heart import Heart
from worker.home import Home
from worker.jobs import RunJob, RunWorker, Station, equip
from worker.logs import configure, event
from worker.settings import Settings, environment

log = logging.getLogger("worker")

SHOWN_OUT = 3
"""Exit code of a worker that the site does not know any more: starting it again does not help."""
_WHERE = "Save the one that the page of the queue shows there, or start the worker where it is."
_RESTART_S = 2.0


def main(arguments: list[str]) -> int:
    """Run the command that ``arguments`` name; return the exit code."""
    options = _parse(arguments)
    configure()
    try:
        settings = Settings.from_env(environment(os.environ, Path(".env")))
        if options.command == "doctor":
            return doctor.main(settings, image=options.image, as_json=options.json, now=_now)
        worker = worker_name(settings.queue, settings.name)
        engine = choose(settings, Owner(f"{settings.name} {settings.home}", worker))
    except (SettingsError, EngineUnavailable) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the operator's terminal
        if isinstance(error, SettingsError) and not Path(".env").exists():
            print(f"There is no .env in {Path.cwd()}. {_WHERE}", file=sys.stderr)  # noqa: T201
        return 2
    home = Home(settings.home)
    if options.command == "check":
        print(json.dumps(_state(engine, home, settings), indent=1))  # noqa: T201
        return 0
    return _serve(Station(worker, settings, engine, home))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m worker",
        description="Serve a compute queue, as .env or the environment say.",
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("check", help="print which engine would run programs, and how")
    asking = commands.add_parser("doctor", help="say what is ready on this machine and what is not")
    asking.add_argument("--json", action="store_true", help="print JSON")
    asking.add_argument(
        "--image", default=doctor.IMAGE, help="the image of the trial run (default: %(default)s)"
    )
    return parser.parse_args(arguments)


def _now() -> datetime:
    return datetime.now(UTC)


def _serve(station: Station) -> int:
    """Work until told to stop, or shown out; an outage of Redis or the app only makes it wait."""
    lock = station.home.sign_in(station.worker)
    attempts = station.home.sweep()
    containers = station.engine.sweep(station.home.is_alive)
    state = _state(station.engine, station.home, station.settings)
    event(log, "worker.starts", worker=station.worker, swept=attempts + containers, **state)
    if station.engine.trusted_only:
        event(log, "worker.trusted_only", level=logging.WARNING, engine=station.engine.name)
    equip(station)
    _ease_forking()
    tidying.begin(station.engine, station.home, station.settings.images_gib)
    heart = Heart(station.settings, lambda: _about(state, station.settings), _end)
    heart.start()
    _work_until_told(station)
    station.engine.close()
    lock.close()
    event(log, "worker.stops", worker=station.worker)
    if not heart.is_shown_out:
        return 0
    print(_shown_out(station.settings), file=sys.stderr)  # noqa: T201 - the operator's terminal
    return SHOWN_OUT


def _work_until_told(station: Station) -> None:
    queue = SafeQueue(station.settings.queue, connect(station.settings.broker_url), RunJob)
    try:
        while True:
            _listen()
            if _work(queue, station):
                return
            _listen()  # RQ's own ear belongs to a worker that is over
            time.sleep(_RESTART_S)
    except StopRequested:
        return


def _listen() -> None:
    """Hear a wish to stop while RQ does not; process 1 of a container would not hear it at all."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise StopRequested


def _end() -> None:
    """End this process as an operator would: a run under way is finished or handed back."""
    os.kill(os.getpid(), signal.SIGTERM)


def _shown_out(settings: Settings) -> str:
    return (
        f"{settings.api_url} does not know this machine any more: its access was ended, or its "
        "secrets were replaced. The worker has ended, with code 3. To go on with this machine, "
        "add it, or make new secrets for it, on the page of its queue, put what that page shows "
        "into .env, and start the worker again. Otherwise, remove it here: docker compose down."
    )


def _work(queue: SafeQueue, station: Station) -> bool:
    """Work until something ends it; return whether that was the wish of an operator."""
    worker: RunWorker | None = None
    try:
        worker = RunWorker(queue, station)
        worker.work()
    except RedisError as error:
        # Also while it signs off, after somebody wished that it stops.
        event(log, "redis.away", level=logging.WARNING, why=str(error)[:200])
    return worker is not None and worker.stopping


def _ease_forking() -> None:
    """Do once what every child would do again, and keep its memory shared with this process."""
    for name in ("cp437", "utf-8-sig"):  # of zips, and of texts that people write
        codecs.lookup(name)
    gc.collect()
    gc.freeze()


def _state(engine: Engine, home: Home, settings: Settings) -> dict[str, Any]:
    """Return what the log and the machine's owner are told of how programs run here."""
    lack = home.volumes.lack(seen=engine.sees_mounts)
    limit = f"watched only: {lack}" if lack else "a file system of fixed size"
    details = {**engine.details(), "output_limit": limit, **machine.about(settings)}
    return {"engine": engine.name, "trusted_only": engine.trusted_only, "details": details}


def _about(state: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the state with what changes: the free disk, and the GPUs."""
    return {**state, "details": {**state["details"], **machine.about(settings)}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

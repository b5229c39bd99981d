"""Every ten minutes: away with what dead workers left, and with images beyond the limit."""

from __future__ import annotations

import logging
import threading
import time

import requests
from docker.errors import DockerException

from worker.engines import Engine
from worker.home import Home
from worker.logs import event

log = logging.getLogger("worker.tidying")

EVERY_S = 600.0


def begin(engine: Engine, home: Home, images_gib: float) -> None:
    """Tidy up now and then, in a thread, for as long as the worker lives."""
    threading.Thread(
        target=_go_on, args=(engine, home, images_gib), daemon=True, name="tidying"
    ).start()


def tidy(engine: Engine, home: Home, images_gib: float) -> None:
    """Tidy up once; an engine that does not answer is asked again the next time.

    Args:
        images_gib: how much the images may take that were pulled for runs; 0 means no limit.
    """
    try:
        swept = home.sweep() + engine.sweep(home.is_alive)
        pruned = engine.prune(int(images_gib * 2**30)) if images_gib else 0
    except (DockerException, requests.RequestException, OSError) as error:
        event(log, "tidying.failed", level=logging.WARNING, why=str(error)[:200])
        return
    if swept or pruned:
        event(log, "tidying.done", swept=swept, images=pruned)


def _go_on(engine: Engine, home: Home, images_gib: float) -> None:
    while True:
        time.sleep(EVERY_S)
        tidy(engine, home, images_gib)

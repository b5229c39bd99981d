"""One machine's web, jobs and cron as children of one process, whose memory they share."""

from __future__ import annotations

import dataclasses
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click
from flask import Flask
from flask.cli import ScriptInfo
from gunicorn.app.base import BaseApplication

from app.cli import serve
from app.settings import Settings
from worker.guard import die_with_parent


class _Web(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn on an app that is loaded already."""

    def __init__(self, app: Flask, bind: str) -> None:
        self._app = app
        self._options = {
            "bind": bind,
            "worker_class": "gthread",
            "threads": 8,
            "graceful_timeout": 3,
            "control_socket_disable": True,
            "loglevel": "warning",
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


class _Family:
    """The children of this process: all of them run, or none, whatever ends their parent."""

    def __init__(self, pids: Path) -> None:
        self._pids = pids
        self._running: dict[int, str] = {}
        self._is_asked_to_stop = False

    def fork(self, name: str, work: Callable[[], object]) -> None:
        """Start one child; its process id is noted under its name."""
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            die_with_parent(parent)
            try:
                work()
            except SystemExit as ending:
                os._exit(ending.code if isinstance(ending.code, int) else 1)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(0)
        self._running[pid] = name
        (self._pids / f"{name}.pid").write_text(f"{pid}\n")

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Ask every child to end."""
        self._is_asked_to_stop = True
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)

    def wait(self) -> int:
        """Return when all have ended: 0 when asked to, 1 when one of them ended first."""
        code = 0
        while self._running:
            pid, status = os.wait()
            name = self._running.pop(pid, None)
            if name is None or self._is_asked_to_stop:
                continue
            ending = os.waitstatus_to_exitcode(status)
            how = f"signal {-ending}" if ending < 0 else f"exit code {ending}"
            click.echo(f"The {name} process stopped by itself ({how}).", err=True)
            code = 1
            self.stop()
        return code


def _without_keeper(app: Flask) -> Flask:
    """Take from the web child what only its brother cron needs."""
    here: Settings = app.extensions["plumbline.settings"]
    app.extensions["plumbline.settings"] = dataclasses.replace(here, runs_keeper_url="")
    return app


@click.command("embedded")
@click.option("--bind", required=True, help="Address and port of the web process.")
@click.option(
    "--pids", required=True, type=click.Path(path_type=Path), help="Folder for process ids."
)
@click.pass_context
def embedded(context: click.Context, bind: str, pids: Path) -> None:
    """Run web, jobs and cron on one machine (what ./run starts)."""
    app = context.ensure_object(ScriptInfo).load_app()
    # Nothing is collected in the parent, so that the children's copies stay shared.
    gc.collect()
    gc.freeze()
    family = _Family(pids)
    family.fork("web", lambda: _Web(_without_keeper(app), bind).run())
    family.fork("jobs", lambda: context.invoke(serve.jobs))
    family.fork("cron", lambda: context.invoke(serve.cron))
    signal.signal(signal.SIGTERM, family.stop)
    signal.signal(signal.SIGINT, family.stop)
    sys.exit(family.wait())

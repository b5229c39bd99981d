"""The step loop of one attempt: steps in order, each reported, always an end, always a clean disk."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from concurrent.futures import wait
from types import FrameType

from worker.client import App, Reporter
from worker.contract import Blame, RunSpec, Step
from worker.engines import Engine
from worker.errors import RunFailed, Stop, Stopped
from worker.home import Cache, Home
from worker.logs import event
from worker.run import Run, StopSign
from worker.settings import Settings
from worker.steps.fetch import fetch
from worker.steps.ingest import ingest
from worker.steps.score import score
from worker.steps.unpack import unpack
from worker.steps.upload import upload
from worker.transfer import Store
from worker.turn import Turn

log = logging.getLogger("worker.runner")

STEPS = (
    (Step.FETCH, fetch),
    (Step.UNPACK, unpack),
    (Step.INGEST, ingest),
    (Step.SCORE, score),
    (Step.UPLOAD, upload),
)
_EARLY_UPLOAD_S = 30.0
"""How long a failed run waits for its predictions to be stored."""
_LAST_WORDS_S = 5.0
"""How long a stopping worker goes on trying to say so."""


def perform(
    spec: RunSpec,
    worker: str,
    settings: Settings,
    engine: Engine,
    home: Home,
    say_free: Callable[[], None] = lambda: None,
) -> None:
    """Claim one attempt and run it to its end.

    Args:
        say_free: called once the worker may take its next run.
    """
    sign = StopSign()
    report = Reporter(App(settings.api_url, settings.token), spec, sign.stop)
    _hand_back_on_signal(sign, report, settings.grace_s)
    event(
        log, "attempt.begins", run_id=spec.run_id, attempt=spec.attempt, request_id=spec.request_id
    )
    try:
        claim = report.claim(engine.name)
    except Stopped as stopped:
        _say_stopped(stopped.reason, report, 0.0)
        report.close(_LAST_WORDS_S)
        return
    run = Run(
        spec=spec, claim=claim, folder=home.new_run(worker, spec.run_id, spec.attempt),
        settings=settings, engine=engine, report=report, store=Store(sign.pause),
        cache=Cache(home.folder / "cache", int(settings.cache_gib * 2**30)), sign=sign,
        turn=Turn(home.turn_file(worker), say_free, sign.stop),
        volumes=None if home.volumes.lack(seen=engine.sees_mounts) else home.volumes,
    )  # fmt: skip
    execute(run)


def execute(run: Run) -> None:
    """Run every step in order; report each one; always leave the machine clean."""
    report = run.report
    try:
        for name, step in STEPS:
            run.check()
            run.enter(name)
            step(run)
            if name is Step.SCORE:
                run.turn.give_back()
        _finish(run)
    except RunFailed as reason:
        _fail(run, reason)
    except Stopped as stopped:
        run.sign.kill_all()
        _say_stopped(stopped.reason, report, run.container_s)
    except Exception:
        log.exception("run.crashed", extra={"data": {"run_id": run.spec.run_id}})
        report.failed(
            "The platform failed, not the submission. It is tried again.",
            Blame.PLATFORM, run.container_s,
        )  # fmt: skip
    finally:
        try:
            report.close()
        finally:
            run.clean_up()
        event(log, "attempt.over", run_id=run.spec.run_id, attempt=run.spec.attempt)


def _finish(run: Run) -> None:
    if run.scores is None:
        raise RunFailed("Scoring ended without scores.", Blame.PLATFORM)
    run.report.finished(run.scores.values, run.scores.rejected, run.container_s)


def _fail(run: Run, reason: RunFailed) -> None:
    run.sign.kill_all()
    run.turn.give_back()
    if run.early_upload:  # what was predicted helps to see why scoring failed
        wait([run.early_upload], timeout=_EARLY_UPLOAD_S)
    run.say_steps()  # people are told which step failed
    if reason.log:
        run.note(reason.log)
    run.report.failed(str(reason), reason.blame, run.container_s)


def _say_stopped(reason: Stop, report: Reporter, container_s: float) -> None:
    if reason is Stop.CANCELLED:
        report.cancelled(container_s)
    elif reason is Stop.HANDED_BACK:
        report.handed_back("The worker was told to stop.", container_s)
    elif reason is Stop.BUSY:
        report.handed_back("The machine was busy with another run for too long.", container_s)
    else:
        report.silence()


def _hand_back_on_signal(sign: StopSign, report: Reporter, grace_s: float) -> None:
    """On SIGTERM give the run a little longer, then hand it back."""

    def hand_back() -> None:
        sign.stop(Stop.HANDED_BACK)
        report.hurry(_LAST_WORDS_S)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        timer = threading.Timer(grace_s, hand_back)
        timer.daemon = True
        timer.start()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_signal)

"""Run: what the steps of one attempt pass along."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from worker.client import Reporter
from worker.command import Program
from worker.contract import Claim, Input, RunSpec, Step
from worker.engines import Engine, Running
from worker.errors import Stop, Stopped
from worker.home import Cache, remove_tree
from worker.scores import Scores
from worker.settings import Settings
from worker.transfer import Store
from worker.turn import Turn
from worker.volumes import Volumes, release

PROGRAM_STEPS = (Step.INGEST, Step.SCORE)
"""The steps that start containers."""


class StopSign:
    """Tells every thread of an attempt to stop, and why. The first reason counts."""

    def __init__(self) -> None:
        self._raised = threading.Event()
        self.reason: Stop | None = None
        self.wake = threading.Event()
        """Set whenever the main thread should look around: a container ended, or stop."""
        self.running: list[Running] = []
        """Every container of the attempt, so that they can be killed from any thread."""

    def stop(self, reason: Stop) -> None:
        """Ask for the end; containers are killed from a thread, for a kill may hang."""
        if self.reason is None or reason is Stop.SUPERSEDED:
            self.reason = reason
        self._raised.set()
        self.wake.set()
        threading.Thread(target=self.kill_all, daemon=True, name="kill").start()

    def kill_all(self) -> None:
        """Kill every container that still runs."""
        for running in list(self.running):
            if running.ended() is None:
                running.kill()

    def pause(self, seconds: float) -> None:
        """Wait that long, or until asked to stop.

        Raises:
            Stopped: somebody asked.
        """
        if (self._raised.wait(seconds) if seconds else self._raised.is_set()) and self.reason:
            raise Stopped(self.reason)


@dataclass
class Run:
    """One attempt under way. Steps read what earlier ones left and leave what later ones need."""

    spec: RunSpec
    claim: Claim
    folder: Path
    settings: Settings
    engine: Engine
    report: Reporter
    store: Store
    cache: Cache
    sign: StopSign
    turn: Turn
    volumes: Volumes | None = None
    """Makes the file systems that programs write to; None where they are only watched."""

    image_digest: str = ""
    zips: dict[Input, Path] = field(default_factory=dict)
    """What was downloaded and is not in the cache."""
    trees: dict[Input, Path] = field(default_factory=dict)
    """What is unpacked; trees in the cache are read-only and shared."""
    programs: dict[Input, Program] = field(default_factory=dict)
    """Private, writable copies with their commands."""
    remarks: list[str] = field(default_factory=list)
    """What went wrong before scoring without ending the run; a failed scoring quotes it."""
    is_result: bool = False
    """Whether the prediction output is nothing but the submission itself."""
    scores: Scores | None = None
    container_s: float = 0.0
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))
    image: Future[str] | None = None
    preview: Future[None] | None = None
    """Stores detailed results while scoring rewrites them."""
    unsaid: list[Step] = field(default_factory=list)
    """Steps that prepared themselves while another attempt's containers ran."""
    early_upload: Future[None] | None = None
    """The prediction output's way to the store, while scoring runs."""

    @property
    def prediction_output(self) -> Path:
        """What the prediction step leaves: ``input/res`` of scoring."""
        return self.folder / "prediction_output"

    @property
    def scoring_output(self) -> Path:
        """What the scoring program leaves."""
        return self.folder / "scoring_output"

    def enter(self, step: Step) -> None:
        """Say that a step begins; one that runs programs begins when it is this attempt's turn."""
        self.unsaid.append(step)
        if step not in PROGRAM_STEPS or self.turn.is_taken:
            self.say_steps()

    def take_turn(self) -> None:
        """Wait until no other attempt's containers run; only then programs may be started."""
        self.turn.take(self.check)
        self.say_steps()

    def say_steps(self) -> None:
        """Say the steps that have begun and of which nothing was said yet."""
        for step in self.unsaid:
            where = {"engine": self.engine.name, "image_digest": self.image_digest}
            self.report.step(step, **(where if step in PROGRAM_STEPS else {}))
        self.unsaid.clear()

    def note(self, text: str, failed: Step | None = None) -> None:
        """Tell whoever reads the run something that does not end it; see :meth:`Reporter.note`."""
        self.report.note(text, failed)

    def check(self) -> None:
        """Raise Stopped once the attempt must end."""
        self.sign.pause(0)

    def clean_up(self) -> None:
        """Leave nothing: no container, no file, no held cache entry."""
        self.sign.kill_all()
        for running in self.sign.running:
            running.remove()
        self.turn.give_back()
        self.pool.shutdown(wait=False, cancel_futures=True)
        release(self.folder)
        remove_tree(self.folder)
        self.cache.release()
        self.store.close()

"""The largest bundle brought in and taken out by the jobs of a stack, beside the same by hand."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.bundles import services as bundles
from app.bundles.dumps import services as dumps
from app.bundles.models import BundleDump, BundleImport
from app.competitions import queries as competitions
from app.competitions.models import Competition
from app.platform.clock import now
from app.platform.db import db, unit_of_work
from app.resources import services as resources
from app.resources.models import FileKind, StoredFile
from app.settings import Settings
from tests.bench import largest
from tests.bench.byhand import ByHand
from tests.bench.figures import spread
from tests.bench.highwater import HighWater
from tests.factories import make_user
from tests.insider import Insider
from tests.stack import RunningStack

SETTINGS = {"PLUMBLINE_QUOTA_GIB": "1000", "PLUMBLINE_WORKER_ENGINE": "process"}
_LOOK_S = 0.05


@dataclass
class _Figures:
    """Every round's figures of one direction."""

    seconds: list[float] = field(default_factory=list)
    by_hand: dict[str, list[float]] = field(default_factory=dict)
    peaks: list[float] = field(default_factory=list)

    def add_by_hand(self, **seconds: float) -> None:
        for name, value in seconds.items():
            self.by_hand.setdefault(name, []).append(value)

    def told(self) -> dict[str, Any]:
        totals = [sum(parts) for parts in zip(*self.by_hand.values(), strict=True)]
        ratios = [mine / hand for mine, hand in zip(self.seconds, totals, strict=True)]
        return {
            "seconds": spread(self.seconds, 1),
            "by_hand_s": {name: spread(values, 1) for name, values in self.by_hand.items()},
            "ratio": spread(ratios, 2),
            "peak_mib": spread(self.peaks, 1),
        }


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Import and dump the largest bundle so many times.

    Args:
        folder: has room for 12 GB, and 6 GB more for each round after the first.
    """
    bundle = folder / "largest.zip"
    largest.write(bundle)
    with (
        RunningStack(folder / "stack", SETTINGS) as stack,
        Insider(stack.environ) as insider,
        insider.inside(),
    ):
        measured = _Rounds(stack, bundle, folder / "by-hand")
        for number in range(rounds):
            measured.once(f"olga{number}")
        return {
            "bundle": {
                "bytes": bundle.stat().st_size, "phases": largest.PHASES, "tasks": largest.TASKS,
            },
            "rounds": rounds,
            "import": measured.imports.told(),
            "dump": measured.dumps.told(),
        }  # fmt: skip


class _Rounds:
    def __init__(self, stack: RunningStack, bundle: Path, folder: Path) -> None:
        self._jobs = stack.pid("jobs")
        self._by_hand = ByHand(Settings.from_env(stack.environ))
        self._bundle, self._folder = bundle, folder
        self.imports, self.dumps = _Figures(), _Figures()

    def once(self, name: str) -> None:
        """Import, do it by hand, dump, do that by hand."""
        olga = competitions.viewer(make_user(name))
        with unit_of_work(), self._bundle.open("rb") as stream:
            kind = FileKind.COMPETITION_BUNDLE
            file = resources.receive(olga, kind, self._bundle.name, stream, now=now())
            file_id = file.id

        def import_() -> int:
            uploaded = db.session.get_one(StoredFile, file_id)
            return bundles.start(olga, uploaded, now=now()).id

        imported = self._worked(self.imports, BundleImport, import_)
        unzip = _settled(lambda: self._by_hand.unzip(self._bundle, self._folder))
        copy = _settled(lambda: self._by_hand.copy(self._folder))
        self.imports.add_by_hand(unzip=unzip, copy=copy)

        def dump() -> int:
            made = db.session.get_one(Competition, imported.competition_id)
            return dumps.request(olga, made, with_files=True, now=now()).id

        self._worked(self.dumps, BundleDump, dump)
        shutil.rmtree(self._folder)
        fetch = _settled(lambda: self._by_hand.fetch(self._folder))
        packed = self._folder.with_suffix(".zip")
        zipped = _settled(lambda: self._by_hand.zip(self._folder, packed))
        self.dumps.add_by_hand(fetch=fetch, zip=zipped)
        self._by_hand.clear()
        shutil.rmtree(self._folder)
        packed.unlink()

    def _worked(
        self, figures: _Figures, kind: type[BundleImport | BundleDump], ask: Callable[[], int]
    ) -> Any:
        """Ask for a job, wait until it has ended, and note its time and memory."""
        os.sync()
        with HighWater(self._jobs) as mark:
            began = time.monotonic()
            with unit_of_work():
                row_id = ask()
            while (row := _look(kind, row_id)).ended_at is None:
                time.sleep(_LOOK_S)
            figures.seconds.append(time.monotonic() - began)
        figures.peaks.append(mark.mib)
        if row.state != "finished":
            raise RuntimeError(f"{kind.__name__} {row.state}: {vars(row)}")
        return row


def _look(kind: type[BundleImport | BundleDump], row_id: int) -> Any:
    db.session.rollback()
    return db.session.get_one(kind, row_id, populate_existing=True)


def _settled(work: Callable[[], float]) -> float:
    """Do something once what was written before is on the disk."""
    os.sync()
    return work()

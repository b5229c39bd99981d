"""An engine without containers: each role is a Python function that sees its folders."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from worker.command import Role
from worker.engines import Ended, OnOutput, Plan, Running, Usage


class Desk:
    """What a fake program works with: its plan, its folders, a voice, and the sign to stop."""

    def __init__(self, plan: Plan, on_output: OnOutput) -> None:
        self.plan = plan
        self.killed = threading.Event()
        self.usage: Usage | None = None
        """What it uses, as the engine would tell."""
        self.problem = ""
        """Why it never ran, as the engine would say."""
        self.outside = ""
        """What ended it from outside, as the engine would prove."""
        self._on_output = on_output

    def folder(self, target: str) -> Path:
        """The real folder behind a container path; KeyError when it is not mounted."""
        return {mount.target: mount.source for mount in self.plan.mounts}[target]

    def write(self, name: str, content: str) -> None:
        """Write a file into the output."""
        (self.folder("/app/output") / name).write_text(content)

    def say(self, text: str, *, error: bool = False) -> None:
        """Print on standard output, or standard error."""
        self._on_output(error, text.encode())


Program = Callable[[Desk], int]


def copy_inputs(desk: Desk) -> int:
    """Copy what a prediction program gets, or what a scoring program is to score, to the output."""
    for mount in desk.plan.mounts:
        if mount.target in ("/app/input_data", "/app/input/res"):
            shutil.copytree(mount.source, desk.folder("/app/output"), dirs_exist_ok=True)
    return 0


def score_of(**scores: float) -> Program:
    """Return a scoring program that writes these scores."""

    def program(desk: Desk) -> int:
        desk.write("scores.json", json.dumps(scores))
        return 0

    return program


class FakeEngine:
    """Runs functions in place of containers and remembers every plan."""

    name = "fake"
    trusted_only = False
    sees_mounts = False

    def __init__(self, programs: Mapping[Role, Program] | None = None) -> None:
        self.programs = dict(programs or {})
        self.plans: list[Plan] = []
        self.prepared: list[str] = []
        self.removed = 0

    def prepare(self, image: str) -> str:
        self.prepared.append(image)
        return "sha256:fake"

    def misfit(self, image: str) -> str:
        return ""

    def prefix(self, scratch: Path) -> str:
        return ""

    def give(self, folder: Path, *, image_user: bool) -> None:
        return

    def start(self, plan: Plan, on_output: OnOutput, on_exit: Callable[[], None]) -> Running:
        self.plans.append(plan)
        program = self.programs.get(Role(plan.role), copy_inputs)
        return _FakeRunning(self, program, Desk(plan, on_output), on_exit)

    def remove_attempt(self, run_id: int, attempt: int) -> int:
        return 0

    def sweep(self, is_alive: Callable[[str], bool]) -> int:
        return 0

    def close(self) -> None:
        """Do nothing: nothing is kept ready."""

    def prune(self, max_bytes: int) -> int:
        return 0

    def details(self) -> dict[str, Any]:
        return {}

    def plan(self, role: Role) -> Plan:
        """Return the plan of a role; StopIteration when it did not run."""
        return next(plan for plan in self.plans if plan.role == role)


class _FakeRunning:
    def __init__(
        self, engine: FakeEngine, program: Program, desk: Desk, on_exit: Callable[[], None]
    ) -> None:
        self._engine, self._program, self._desk, self._on_exit = engine, program, desk, on_exit
        self._ended: Ended | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        began = time.monotonic()
        outcome = self._program(self._desk)
        code = 137 if self._desk.killed.is_set() else outcome
        desk, seconds = self._desk, time.monotonic() - began
        self._ended = Ended(code, seconds, problem=desk.problem, outside=desk.outside)
        self._on_exit()

    def ended(self) -> Ended | None:
        return self._ended

    def usage(self) -> Usage | None:
        return self._desk.usage

    def kill(self) -> None:
        self._desk.killed.set()

    def remove(self) -> None:
        self._engine.removed += 1

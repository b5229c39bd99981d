"""The life of a run as the row of steps that its page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.submissions.models import Run, State
from worker.contract import Step

_SHORTEST_S = 0.005


@dataclass(frozen=True)
class StepRow:
    """One step: ``state`` is done, active, failed, cancelled, waiting or skipped.

    ``seconds`` are there once known.
    """

    name: str
    state: str
    seconds: float | None = None


NAMES = ("received", "queued", "fetching", "ingestion", "scoring", "ranked")
_OF_STEP = {
    Step.FETCH: "fetching",
    Step.UNPACK: "fetching",
    Step.INGEST: "ingestion",
    Step.SCORE: "scoring",
    Step.UPLOAD: "scoring",
}


def steps(run: Run, received_at: datetime, *, is_over: bool, on_board: bool) -> list[StepRow]:
    """Return the six steps of a run, in order.

    Args:
        run: as stored; nothing of it is loaded lazily.
        received_at: when its submission was accepted.
        is_over: whether its submission has ended; until then nobody is ranked.
        on_board: whether its submission stands on the board.
    """
    seconds = _seconds(run, received_at)
    reached = _reached(run, is_over=is_over, on_board=on_board)
    failed = {_OF_STEP[Step(step)] for step in run.failed_steps}
    rows = []
    for place, name in enumerate(NAMES):
        if place < reached:
            state = "failed" if name in failed else "done"
            if name == "ingestion" and state == "done" and _was_nothing(run):
                state = "skipped"
        elif place == reached:
            state = _state_here(run, is_over=is_over)
        else:
            state = "waiting" if not State(run.state).is_terminal else "skipped"
        is_timed = place <= reached and state != "skipped"
        rows.append(StepRow(name, state, seconds.get(name) if is_timed else None))
    return rows


def _was_nothing(run: Run) -> bool:
    """Tell whether no program ran during ingestion: none starts and ends in so short a time."""
    return bool(run.step_seconds.get(Step.INGEST, _SHORTEST_S) < _SHORTEST_S)


def _reached(run: Run, *, is_over: bool, on_board: bool) -> int:
    """Return the place of the step that a run is in, or ended in."""
    if run.state == State.FINISHED:
        return len(NAMES) if is_over and on_board else NAMES.index("ranked")
    if run.step:
        return NAMES.index(_OF_STEP[Step(run.step)])
    if run.state == State.RUNNING:
        return NAMES.index("fetching")
    return NAMES.index("queued")


def _state_here(run: Run, *, is_over: bool) -> str:
    if run.state == State.FINISHED:
        return "skipped" if is_over else "waiting"
    if run.state == State.FAILED:
        return "failed"
    if run.state == State.CANCELLED:
        return "cancelled"
    return "waiting" if run.state == State.HELD else "active"


def _seconds(run: Run, received_at: datetime) -> dict[str, float]:
    """Return how long each step took that is over."""
    found: dict[str, float] = {}
    if left_queue := run.started_at or run.ended_at:
        found["queued"] = (left_queue - received_at).total_seconds()
    known: dict[str, Any] = run.step_seconds
    for step, spent in known.items():
        name = _OF_STEP[Step(step)]
        found[name] = found.get(name, 0.0) + float(spent)
    return found

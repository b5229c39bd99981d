from __future__ import annotations

from datetime import timedelta

import pytest

from app.submissions import progress
from app.submissions.models import Run, State
from tests.factories import NOW
from worker.contract import Step


def shown(
    *, is_over: bool = False, on_board: bool = False, **values: object
) -> dict[str, tuple[str, float | None]]:
    nothing = {"state": State.QUEUED, "step": "", "step_seconds": {}, "failed_steps": []}
    rows = progress.steps(Run(**{**nothing, **values}), NOW, is_over=is_over, on_board=on_board)
    return {row.name: (row.state, row.seconds) for row in rows}


def test_waiting_run_shows_where_it_waits() -> None:
    assert shown()["queued"] == ("active", None)
    assert shown()["scoring"] == ("waiting", None)
    assert shown(state=State.HELD)["queued"] == ("waiting", None)


def test_running_run_shows_how_long_past_steps_took() -> None:
    rows = shown(
        state=State.RUNNING, step="score", started_at=NOW + timedelta(seconds=40),
        step_seconds={"fetch": 1.0, "unpack": 0.5, "ingest": 8.5},
    )  # fmt: skip
    assert rows["queued"] == ("done", 40.0)
    assert rows["fetching"] == ("done", 1.5)
    assert rows["ingestion"] == ("done", 8.5)
    assert rows["scoring"] == ("active", None)
    assert rows["ranked"] == ("waiting", None)


def test_ingestion_without_a_program_is_skipped() -> None:
    times = {"fetch": 1.0, "ingest": 0.0001, "score": 2.0}
    rows = shown(state=State.FINISHED, step="upload", step_seconds=times, is_over=True)
    assert rows["ingestion"] == ("skipped", None)
    assert rows["scoring"] == ("done", 2.0)


def test_failed_run_shows_where_it_failed_and_skips_the_rest() -> None:
    rows = shown(state=State.FAILED, step="ingest", started_at=NOW, ended_at=NOW)
    assert rows["fetching"][0] == "done"
    assert rows["ingestion"][0] == "failed"
    assert rows["ranked"] == ("skipped", None)


@pytest.mark.parametrize(
    ("step", "at"), [("", "queued"), ("unpack", "fetching"), ("ingest", "ingestion")]
)
def test_cancelled_run_shows_where_it_was_and_nothing_later_as_done(step: str, at: str) -> None:
    rows = shown(state=State.CANCELLED, step=step, started_at=NOW if step else None, ended_at=NOW)
    place = progress.NAMES.index(at)
    states = [rows[name][0] for name in progress.NAMES]
    rest = len(progress.NAMES) - place - 1
    assert states == ["done"] * place + ["cancelled"] + ["skipped"] * rest


def test_finished_run_on_the_board_is_done_to_the_end() -> None:
    times = {"started_at": NOW, "ended_at": NOW}
    rows = shown(state=State.FINISHED, step="upload", is_over=True, on_board=True, **times)
    assert {state for state, _ in rows.values()} == {"done"}


@pytest.mark.parametrize(("is_over", "state"), [(True, "skipped"), (False, "waiting")])
def test_finished_run_is_not_ranked_unless_it_is_on_the_board(is_over: bool, state: str) -> None:
    rows = shown(state=State.FINISHED, step="upload", is_over=is_over, started_at=NOW, ended_at=NOW)
    assert rows["scoring"][0] == "done"
    assert rows["ranked"] == (state, None)


@pytest.mark.parametrize("end", [State.FINISHED, State.FAILED])
def test_step_in_which_something_failed_is_marked_however_the_run_ended(end: State) -> None:
    rows = shown(state=end, step="score", failed_steps=["ingest"], started_at=NOW, ended_at=NOW)
    assert rows["ingestion"][0] == "failed"
    assert rows["fetching"][0] == "done"


def test_every_step_of_a_worker_has_a_place_on_the_page() -> None:
    for step in Step:
        rows = shown(state=State.RUNNING, step=step.value, started_at=NOW)
        assert [name for name, (state, _) in rows.items() if state == "active"], step

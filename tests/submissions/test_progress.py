from __future__ import annotations

from datetime import timedelta

from app.submissions import progress
from app.submissions.models import Run, State
from tests.factories import NOW
from worker.contract import Step


def shown(**values: object) -> dict[str, tuple[str, float | None]]:
    run = Run(**{"state": State.QUEUED, "step": "", "step_seconds": {}, **values})
    rows = progress.steps(run, NOW)
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


def test_failed_run_shows_where_it_failed_and_skips_the_rest() -> None:
    rows = shown(state=State.FAILED, step="ingest", started_at=NOW, ended_at=NOW)
    assert rows["fetching"][0] == "done"
    assert rows["ingestion"][0] == "failed"
    assert rows["ranked"] == ("skipped", None)


def test_finished_run_is_done_to_the_end() -> None:
    rows = shown(state=State.FINISHED, step="upload", started_at=NOW, ended_at=NOW)
    assert {state for state, _ in rows.values()} == {"done"}


def test_every_step_of_a_worker_has_a_place_on_the_page() -> None:
    for step in Step:
        rows = shown(state=State.RUNNING, step=step.value, started_at=NOW)
        assert [name for name, (state, _) in rows.items() if state == "active"], step

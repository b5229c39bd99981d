from __future__ import annotations

import pytest

from app.platform.db import db, unit_of_work
from app.submissions.live import panel
from app.submissions.live.panel import Panel, Words
from app.submissions.live.transcript import Voice
from app.submissions.models import Run, RunChart, State, Submission
from tests import factories
from worker.contract import Stream

WORDS = Words(
    {voice: str(voice) for voice in Voice}, "plotted",
    {"memory": ("Memory in use", ""), "cpu": ("Processors in use", "processors")},
)  # fmt: skip
STREAM = str(Stream.PREDICTION_STDOUT)


def drawn(submission: Submission, measure: str, values: list[float]) -> Panel:
    with unit_of_work():
        run = db.session.query(Run).filter_by(submission_id=submission.id).one()
        points = [[float(second), value] for second, value in enumerate(values)]
        line = {"count": len(points), "stride": 1, "points": points, "last": points[-1]}
        db.session.add(RunChart(run_id=run.id, attempt=1, usage={measure: {STREAM: line}}))
    return panel.of(run.id, 1, frozenset({STREAM}), WORDS)


@pytest.fixture
def submission() -> Submission:
    phase = factories.make_phase(factories.make_competition(), tasks=1)
    return factories.make_submission(phase, factories.make_user(), state=State.RUNNING)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("values", "unit", "largest"),
    [([2**20, 300 * 2**20], "MiB", "300"), ([2**20, 3 * 2**30], "GiB", "3")],
)
def test_memory_is_drawn_in_binary_units_that_fit_its_size(
    submission: Submission, values: list[float], unit: str, largest: str
) -> None:
    (one,) = drawn(submission, "memory", values).drawings
    assert (one.unit, one.largest) == (unit, largest)


@pytest.mark.usefixtures("app")
def test_idle_processor_is_drawn_from_zero_with_its_unit(submission: Submission) -> None:
    (one,) = drawn(submission, "cpu", [0.0, 0.0]).drawings
    assert one.unit == "processors"
    assert [tick.text for tick in one.y_ticks][:1] == ["0"]

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import Phase
from app.platform.db import db
from app.submissions.live import series
from app.submissions.models import RunChart
from tests.fakes.carrier import FakeCarrier
from tests.submissions.test_events import failed, started, tell
from tests.submissions.test_services import submit
from worker.contract import Blame, Kind, RunEvent


@pytest.fixture
def spec(phase: Phase, pavel: User, carrier: FakeCarrier) -> dict[str, object]:
    submit(phase, "pavel")
    spec = carrier.runs[0][2]
    tell(spec, started())
    return spec


def chart() -> RunChart:
    db.session.rollback()
    return db.session.scalars(select(RunChart)).one()


def printed(seq: int, text: str, stream: str = "prediction_stdout") -> RunEvent:
    return RunEvent(seq=seq, kind=Kind.LOG, stream=stream, text=text)


def sample(seq: int, seconds: float, **usage: float) -> RunEvent:
    return RunEvent(
        seq=seq, kind=Kind.SAMPLE, stream="scoring_stdout", seconds=seconds, usage=usage
    )


def test_printed_points_are_drawn_by_stream_and_name(spec: dict[str, object]) -> None:
    tell(
        spec,
        printed(2, '{"type":"plot","value":[1,0.5]}\nhello\n{"type":"plot","value":[2,"x"]}\n'),
        printed(3, '{"type": "plot", "name": "loss", "value": [1, 9]}\n'),
        printed(4, '{"type":"plot","value":[2,0.25]}\n'),
    )
    plots = chart().plots["prediction_stdout"]
    assert series.points_of(plots[""]) == [(1, 0.5), (2, 0.25)]
    assert series.points_of(plots["loss"]) == [(1, 9)]


def test_names_without_end_are_not_all_drawn(spec: dict[str, object]) -> None:
    lines = [f'{{"type":"plot","name":"{n}","value":[1,1]}}\n' for n in range(50)]
    tell(spec, printed(2, "".join(lines)))
    assert len(chart().plots["prediction_stdout"]) == series.MOST_SERIES


def test_usage_is_drawn_and_the_peak_is_kept(spec: dict[str, object]) -> None:
    tell(spec, sample(2, 0.5, cpu=1.5, memory=900, peak_memory=1000), sample(3, 2.5, memory=800))
    found = chart()
    assert series.points_of(found.usage["memory"]["scoring_stdout"]) == [(0.5, 900), (2.5, 800)]
    assert series.points_of(found.usage["cpu"]["scoring_stdout"]) == [(0.5, 1.5)]
    assert "peak_memory" not in found.usage
    assert found.peak_memory_bytes == 1000
    assert found.version == 2


def test_next_attempt_draws_anew(spec: dict[str, object], carrier: FakeCarrier) -> None:
    tell(spec, sample(2, 0.5, memory=900), failed(3, Blame.PLATFORM))
    again = next(one for _, _, one in carrier.runs if one["attempt"] == 2)
    tell(again, started(), sample(2, 0.5, memory=7))
    found = chart()
    assert (found.attempt, found.peak_memory_bytes) == (2, 7)
    assert series.points_of(found.usage["memory"]["scoring_stdout"]) == [(0.5, 7)]

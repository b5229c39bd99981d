"""What the events of an attempt add to what its page draws."""

from __future__ import annotations

from typing import Any

from app.platform.db import db
from app.submissions.live import series, transcript
from app.submissions.models import Attempt, Run, RunChart
from worker.contract import RunEvent


def note_text(run: Run, attempt: Attempt, event: RunEvent) -> None:
    """Draw the points that a piece of a log holds."""
    if '"plot"' not in event.text:
        return
    found: dict[str, list[tuple[float, float]]] = {}
    for line in event.text.splitlines():
        said = transcript.spoken(line)
        if said and said["type"] == "plot" and (point := series.point(said["value"])):
            name = str(said.get("name", ""))[: series.MAX_NAME].replace("\x00", "")
            found.setdefault(name, []).append(point)
    if not found:
        return
    chart = _chart(run, attempt)
    here: dict[str, Any] = dict(chart.plots.get(event.stream, {}))
    for name, points in found.items():
        if name in here or len(here) < series.MOST_SERIES:
            here[name] = series.extended(here.get(name), points)
    chart.plots = {**chart.plots, event.stream: here}
    chart.version += 1


def note_usage(run: Run, attempt: Attempt, event: RunEvent) -> None:
    """Draw what a container used at a moment."""
    chart = _chart(run, attempt)
    usage = {measure: dict(found) for measure, found in chart.usage.items()}
    for measure, value in event.usage.items():
        if measure == "peak_memory":
            continue
        lines = usage.setdefault(measure, {})
        moment = (round(event.seconds, 1), round(max(0.0, float(value)), 3))
        lines[event.stream] = series.extended(lines.get(event.stream), [moment])
    chart.usage = usage
    peak = max(event.usage.get("peak_memory", 0), event.usage.get("memory", 0))
    chart.peak_memory_bytes = max(chart.peak_memory_bytes, int(min(peak, 2**53)))
    chart.version += 1


def _chart(run: Run, attempt: Attempt) -> RunChart:
    """Return the chart of a run, empty where an earlier attempt drew it."""
    chart = db.session.get(RunChart, run.id)
    if chart is None:
        chart = RunChart(
            run_id=run.id,
            attempt=attempt.number,
            plots={},
            usage={},
            peak_memory_bytes=0,
            version=0,
        )
        db.session.add(chart)
    elif chart.attempt != attempt.number:
        chart.attempt, chart.plots, chart.usage = attempt.number, {}, {}
        chart.peak_memory_bytes = 0
    return chart

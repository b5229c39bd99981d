"""The graphs under a log: what programs plot, and what their containers use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.platform.db import db
from app.submissions.live import drawing, series
from app.submissions.live.drawing import Drawing, Points
from app.submissions.live.transcript import Voice, voice_of
from app.submissions.models import RunChart

_MIB, _GIB = 2**20, 2**30


@dataclass(frozen=True)
class Words:
    """What pages call the graphs, in the reader's language."""

    voices: Mapping[Voice, str]
    plot: str
    measures: Mapping[str, tuple[str, str]]
    """Title and unit of each measure that is drawn; amounts of memory bring a unit of their own."""


@dataclass(frozen=True)
class Panel:
    """The graphs of an attempt, and the most memory that one of its containers used at once."""

    drawings: list[Drawing]
    peak_memory_bytes: int = 0


def of(run_id: int, attempt: int, streams: frozenset[str], words: Words) -> Panel:
    """Return what an attempt draws, as far as the reader may read the streams it came from."""
    chart = db.session.get(RunChart, run_id)
    if chart is None or chart.attempt != attempt:
        return Panel([])
    found = [
        drawing.draw(title, unit, lines, is_amount=is_amount)
        for title, unit, lines, is_amount in _wanted(chart, streams, words)
    ]
    return Panel([one for one in found if one is not None], chart.peak_memory_bytes)


def _wanted(
    chart: RunChart, streams: frozenset[str], words: Words
) -> list[tuple[str, str, dict[str, Points], bool]]:
    plots: list[tuple[str, str, dict[str, Points], bool]] = []
    for stream, by_name in sorted(chart.plots.items()):
        if stream in streams:
            title = f"{words.voices[voice_of(stream)]}: {words.plot}"
            lines: dict[str, Points] = {}
            for name, one in by_name.items():
                lines[name] = series.points_of(one)
            plots.append((title, "", lines, False))
    for measure, (title, unit) in words.measures.items():
        used = _usage(chart.usage.get(measure, {}), streams, words)
        if measure in ("memory", "gpu_memory"):
            used, unit = _in_memory_units(used)
        plots.append((title, unit, used, True))
    return plots


def _usage(found: Mapping[str, Any], streams: frozenset[str], words: Words) -> dict[str, Points]:
    return {
        words.voices[voice_of(stream)]: series.points_of(one)
        for stream, one in sorted(found.items())
        if stream in streams
    }


def _in_memory_units(used: dict[str, Points]) -> tuple[dict[str, Points], str]:
    """Return bytes as MiB, or as GiB where there is one or more."""
    most = max((y for points in used.values() for _, y in points), default=0.0)
    scale, unit = (_GIB, "GiB") if most >= _GIB else (_MIB, "MiB")
    return {name: [(x, y / scale) for x, y in points] for name, points in used.items()}, unit

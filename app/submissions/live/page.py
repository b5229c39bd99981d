"""The log that a submission's page shows: of which run, whose voices, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from app.submissions import queries
from app.submissions.live import news, transcript
from app.submissions.live.news import Said
from app.submissions.live.transcript import Place, Voice
from app.submissions.models import Run

MAX_CHARS = 400_000
"""A longer log is shown from here to its end: a browser has to lay it all out."""


@dataclass(frozen=True)
class LogView:
    """What of a run's log a page shows, and what it shows it by."""

    run: Run
    name: str
    """The voice or stream that was asked for; empty for all."""
    voices: list[Voice]
    """Those that have spoken and that the reader may hear."""
    streams: frozenset[str]
    html: Markup
    place: Place
    said: Said
    is_cut: bool
    """Whether the beginning is left out."""
    follows: bool
    """Whether it goes on to the next run by itself, because its reader has chosen none."""


def chosen(
    status: queries.StatusRow,
    said: Mapping[int, Said],
    readable: frozenset[str],
    names: dict[Voice, str],
    *,
    run_id: int | None,
    name: str,
) -> LogView | None:
    """Return the log to show: of the run that is asked for, else of the one that is under way.

    Where none is under way that is the one which began last, so that a page which followed the
    runs shows the same after it is loaded again.

    Args:
        said: how far the run of each id has got.
        readable: the streams that the reader may read.
        names: what to call the voices.

    Returns:
        None where there is nothing to read, now or later.
    """
    at_work = news.under_way([(row.run.id, row.run.state, row.run.step) for row in status.runs])
    rows = (
        [row for row in status.runs if row.run.id == run_id]
        or [row for row in status.runs if row.run.id in at_work]
        or sorted((row for row in status.runs if row.streams), key=_began, reverse=True)
        or status.runs[:1]
    )
    if not rows or not readable or (status.is_terminal and not rows[0].streams):
        return None
    run, streams = rows[0].run, transcript.streams_of(name) & readable
    if not streams or not (set(rows[0].streams) & streams):
        name, streams = "", readable
    here = said.get(run.id, Said(run.attempt, 0))
    chunks = news.chunks(run.id, here.attempt, streams, after=0, until=here.last_seq)
    kept = _end_of(chunks)
    html, place = transcript.render(kept, Place(), {} if name else names)
    voices = transcript.shown(rows[0].streams)
    is_cut, follows = len(kept) < len(chunks), run_id is None and not name
    return LogView(run, name, voices, streams, html, place, here, is_cut, follows)


def _began(row: queries.RunRow) -> float:
    return row.run.started_at.timestamp() if row.run.started_at else 0.0


def _end_of(chunks: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """Leave out the first chunks of a very long log."""
    room = MAX_CHARS
    for place in range(len(chunks) - 1, -1, -1):
        room -= len(chunks[place][1])
        if room < 0:
            return chunks[place + 1 :] or chunks[-1:]
    return chunks

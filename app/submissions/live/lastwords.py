"""What a program said last before its run failed, for those who may read its log."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy import select

from app.platform.db import db
from app.submissions.live import ansi
from app.submissions.live.transcript import Voice
from app.submissions.models import LogChunk, Run, State
from worker.contract import Step, Stream

LINES = 50
_CHUNKS = 40
_SPEAKERS = {
    Step.INGEST: (Voice.PREDICTION, Voice.PREDICTION_INGESTION),
    Step.SCORE: (Voice.SCORING, Voice.SCORING_INGESTION),
    Step.UPLOAD: (Voice.SCORING,),
}


@dataclass(frozen=True)
class LastWords:
    """The end of a program's errors, or of what it printed where it had none."""

    voice: Voice
    is_error: bool
    html: Markup


def of(runs: Collection[Run], readable: Collection[str]) -> dict[int, LastWords]:
    """Return the last words in each failed run, by its id; absent where there are none to read."""
    found = {}
    for run in runs:
        if run.state == State.FAILED and run.step in _SPEAKERS:
            words = _of_run(run, readable)
            if words is not None:
                found[run.id] = words
    return found


def _of_run(run: Run, readable: Collection[str]) -> LastWords | None:
    for voice in _SPEAKERS[Step(run.step)]:
        for is_error in (True, False):
            stream = Stream(f"{voice}_{'stderr' if is_error else 'stdout'}")
            text = _end_of(run, stream) if stream in readable else ""
            if text.strip():
                return LastWords(voice, is_error, ansi.html(text, ansi.Pen())[0])
    return None


def _end_of(run: Run, stream: Stream) -> str:
    chunks = db.session.scalars(
        select(LogChunk.text)
        .where(
            LogChunk.run_id == run.id, LogChunk.attempt == run.attempt, LogChunk.stream == stream
        )
        .order_by(LogChunk.seq.desc())
        .limit(_CHUNKS)
    ).all()
    lines = "".join(reversed(chunks)).rstrip("\n").split("\n")
    return "\n".join(lines[-LINES:])

"""A log as people read it: who speaks, what is an error, in colour, in the order of time."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from markupsafe import Markup

from app.submissions.live import ansi, series
from worker.contract import Stream

_STREAMS = tuple(Stream)


class Voice(StrEnum):
    """Who speaks: a container of a run, on both of its channels."""

    PREDICTION = "prediction"
    PREDICTION_INGESTION = "prediction_ingestion"
    SCORING = "scoring"
    SCORING_INGESTION = "scoring_ingestion"

    @property
    def streams(self) -> frozenset[str]:
        """Its standard output and its standard error."""
        return frozenset({f"{self}_stdout", f"{self}_stderr"})


_VOICES = tuple(Voice)


def voice_of(stream: str) -> Voice:
    """Return who speaks on a stream."""
    return Voice(stream.rpartition("_")[0])


def streams_of(name: str) -> frozenset[str]:
    """Return the streams that a name in an address stands for: a voice, a stream, or all."""
    if name in set(Voice):
        return Voice(name).streams
    return frozenset({name} & set(Stream)) if name else frozenset(Stream)


@dataclass(frozen=True)
class Place:
    """Where a page's log ends: who spoke last, whether within a line, and in which colours."""

    voice: Voice | None = None
    is_error: bool = False
    is_in_line: bool = False
    pens: dict[str, ansi.Pen] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        """The stream that spoke last; empty at the beginning."""
        return f"{self.voice}_{'stderr' if self.is_error else 'stdout'}" if self.voice else ""

    def pack(self) -> str:
        """Return it as text for an address."""
        voice = _VOICES.index(self.voice) if self.voice else ""
        flags = int(self.is_error) + 2 * int(self.is_in_line)
        pens = "".join(
            f"{_STREAMS.index(Stream(name))}={pen.pack()},"
            for name, pen in sorted(self.pens.items())
        )
        return f"{voice}:{flags}:{pens}" if voice != "" or pens or flags else ""

    @classmethod
    def unpack(cls, text: str) -> Place:
        """Read it from an address; anything else is the beginning of a log."""
        found = re.fullmatch(r"([0-3]?):([0-3]):((?:[0-7]=[0-9;]{1,40},){0,8})", text)
        if found is None:
            return cls()
        voice, flags, pens = found.groups()
        pairs = [one.split("=") for one in pens.split(",") if one]
        return cls(
            voice=_VOICES[int(voice)] if voice else None,
            is_error=bool(int(flags) & 1),
            is_in_line=bool(int(flags) & 2),
            pens={_STREAMS[int(name)]: ansi.Pen().obey(codes) for name, codes in pairs},
        )


def render(
    chunks: Iterable[tuple[str, str]], place: Place, names: dict[Voice, str]
) -> tuple[Markup, Place]:
    """Return a piece of a log as HTML, and where the log ends then.

    Args:
        chunks: (stream, text), in the order they were written.
        names: by :class:`Voice`, what to say where another one begins to speak; empty says nothing.
    """
    parts: list[Markup] = []
    unended: set[str] = set()  # streams that still owe the end of a line that is over here
    for stream, text in chunks:
        rest = text.removeprefix("\n") if stream in unended else text
        unended.discard(stream)
        if _ends_in_spoken(rest):
            unended.add(stream)
        if left := _without_plots(rest):
            if place.is_in_line and place.stream != stream:
                unended.add(place.stream)
            part, place = _said(stream, left, place, names)
            parts.append(part)
    return Markup().join(parts), place


def _ends_in_spoken(text: str) -> bool:
    """Tell whether a text stops at the end of a spoken line: unbuffered programs write ends apart."""
    return text.endswith("}") and spoken(text.rpartition("\n")[2]) is not None


def _said(stream: str, text: str, place: Place, names: dict[Voice, str]) -> tuple[Markup, Place]:
    voice, is_error = voice_of(stream), stream.endswith("_stderr")
    before = Markup()
    is_other = voice is not place.voice
    if place.is_in_line and (is_other or is_error != place.is_error):
        before += "\n"
    if is_other and names.get(voice):
        before += Markup('<span class="log__voice">{}</span>\n').format(names[voice])
    said, pen = ansi.html(text, place.pens.get(stream, ansi.Pen()))
    pens = {**place.pens, stream: pen}
    if not pen.pack():
        del pens[stream]
    if is_error:
        said = Markup('<span class="log__errors">{}</span>').format(said)
    return before + said, replace(
        place, voice=voice, is_error=is_error, is_in_line=not text.endswith("\n"), pens=pens
    )


def text_of(chunks: Iterable[tuple[str, str]]) -> str:
    """Return a log as plain text; where one stream follows another it begins on its own line."""
    parts: list[str] = []
    last = ""
    for stream, text in chunks:
        if last and stream != last and not parts[-1].endswith("\n"):
            parts.append("\n")
        parts.append(text)
        last = stream
    return "".join(parts)


def _without_plots(text: str) -> str:
    """Leave out lines that are drawn instead, and open those that hold a message."""
    if '"type"' not in text:
        return text
    return "".join(_opened(line) for line in text.splitlines(keepends=True))


def _opened(line: str) -> str:
    found = spoken(line)
    if found is None:
        return line
    return "" if found.get("type") == "plot" else str(found["message"]).rstrip("\n") + "\n"


def spoken(line: str) -> dict[str, object] | None:
    """Return what a line says that is ``{"type": "plot" or "message", …}``; None for others.

    Source: docs/reference/contract.md, "What programs print".
    """
    text = line.strip()
    if not (text.startswith("{") and text.endswith("}")) or len(text) > 4096:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    is_message = found.get("type") == "message" and isinstance(found.get("message"), str)
    is_plot = found.get("type") == "plot" and series.point(found.get("value")) is not None
    return found if is_message or is_plot else None


def shown(names: Collection[str]) -> list[Voice]:
    """Return the voices that speak on some streams, in order."""
    return [voice for voice in Voice if voice.streams & set(names)]

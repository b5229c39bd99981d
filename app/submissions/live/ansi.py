"""Terminal output as HTML: colours by class, everything else that a terminal obeys taken out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup, escape

_COLOR = re.compile(r"\x1b\[([0-9;:]{0,64})m")
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: cursor, erase, modes
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and other strings
    r"|\x1b[ -/]*[0-~]?"  # two-character sequences, and a lone escape
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_REDRAWN = re.compile(r"[^\n]*\r(?!\n|$)")
"""What a carriage return lets the rest of its line overwrite; progress bars do that."""
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_PALETTE = (
    (0, 0, 0), (205, 0, 0), (0, 170, 0), (205, 170, 0), (0, 0, 225), (205, 0, 205), (0, 170, 170),
    (215, 215, 215),
)  # fmt: skip
_CUBE = (0, 95, 135, 175, 215, 255)


@dataclass(frozen=True)
class Pen:
    """How a terminal writes on: colours from 0 to 7 of eight, or None for the page's own."""

    ink: int | None = None
    paper: int | None = None
    is_bold: bool = False
    is_faint: bool = False
    is_italic: bool = False
    is_underlined: bool = False
    is_swapped: bool = False

    @property
    def classes(self) -> str:
        """The classes of a piece of text; empty for plain text."""
        ink, paper = (self.paper, self.ink) if self.is_swapped else (self.ink, self.paper)
        if self.is_swapped and ink is None and paper is None:
            return " ".join(["ansi-swapped", *self._styles()])
        names = [f"ansi-{_NAMES[ink]}"] if ink is not None else []
        names += [f"ansi-on-{_NAMES[paper]}"] if paper is not None else []
        return " ".join(names + self._styles())

    def _styles(self) -> list[str]:
        wanted = {
            "ansi-bold": self.is_bold, "ansi-faint": self.is_faint, "ansi-italic": self.is_italic,
            "ansi-underlined": self.is_underlined,
        }  # fmt: skip
        return [name for name, is_on in wanted.items() if is_on]

    def obey(self, codes: str) -> Pen:
        """Return the pen after the codes of one ``ESC [ … m``."""
        pen, numbers = self, iter(int(one or 0) for one in re.split("[;:]", codes))
        for number in numbers:
            pen = pen._take(number, numbers)
        return pen

    def _take(self, number: int, rest: Iterator[int]) -> Pen:
        if number == 0:
            return Pen()
        if number in _SWITCHES:
            return replace(self, **_SWITCHES[number])
        if number in (38, 48):
            return self._colored("ink" if number == 38 else "paper", _extended(rest))
        for first, what in ((30, "ink"), (90, "ink"), (40, "paper"), (100, "paper")):
            if first <= number < first + 8:
                return self._colored(what, number - first)
        return self

    def _colored(self, what: str, color: int | None) -> Pen:
        return replace(self, ink=color) if what == "ink" else replace(self, paper=color)

    def pack(self) -> str:
        """Return the codes that make this pen from a plain one."""
        codes = [code for code, change in _SWITCHES.items() if any(change.values())
                 and all(getattr(self, name) is value for name, value in change.items())]  # fmt: skip
        codes += [] if self.ink is None else [30 + self.ink]
        codes += [] if self.paper is None else [40 + self.paper]
        return ";".join(str(code) for code in codes)


_SWITCHES: dict[int, dict[str, Any]] = {
    1: {"is_bold": True}, 2: {"is_faint": True}, 3: {"is_italic": True}, 4: {"is_underlined": True},
    7: {"is_swapped": True}, 22: {"is_bold": False, "is_faint": False}, 23: {"is_italic": False},
    24: {"is_underlined": False}, 27: {"is_swapped": False}, 39: {"ink": None}, 49: {"paper": None},
}  # fmt: skip


def html(text: str, pen: Pen) -> tuple[Markup, Pen]:
    """Return a text as HTML whose colours are classes ``ansi-…``, and the pen at its end.

    Nothing of the text becomes markup: it is escaped, and only our own spans are put around it.
    """
    parts: list[Markup] = []
    text = _REDRAWN.sub("", text.replace("\r\n", "\n"))
    if "\x1b" not in text and not pen.classes:
        return escape(_CONTROL.sub("", text).replace("\r", "")), pen
    for place, piece in enumerate(_COLOR.split(text)):
        if place % 2:
            pen = pen.obey(piece)
            continue
        clean = _CONTROL.sub("", piece).replace("\r", "")
        if clean and pen.classes:
            parts.append(Markup('<span class="{}">{}</span>').format(pen.classes, clean))
        elif clean:
            parts.append(escape(clean))
    return Markup().join(parts), pen


def plain(text: str) -> str:
    """Return a text without what a terminal obeys."""
    return _CONTROL.sub("", _REDRAWN.sub("", text.replace("\r\n", "\n"))).replace("\r", "")


def _extended(rest: Iterator[int]) -> int | None:
    """Return the nearest of eight colours to one of 256, or to red, green and blue."""
    kind = next(rest, 0)
    if kind == 5:
        number = min(next(rest, 0), 255)
        if number < 16:
            return number % 8
        if number >= 232:
            grey = 8 + 10 * (number - 232)
            return _nearest(grey, grey, grey)
        number -= 16
        return _nearest(_CUBE[number // 36], _CUBE[number // 6 % 6], _CUBE[number % 6])
    if kind == 2:
        return _nearest(next(rest, 0), next(rest, 0), next(rest, 0))
    return None


def _nearest(red: int, green: int, blue: int) -> int:
    def distance(place: int) -> int:
        r, g, b = _PALETTE[place]
        return (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2

    return min(range(8), key=distance)

"""Typed reading of a bundle's YAML: each value that does not fit becomes a problem with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from app.bundles import dates
from app.competitions.drafts import Problem, TaskIndex
from app.platform.strictyaml import Path, Place, Value, path_text

E = TypeVar("E", bound=StrEnum)

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a time that could not be read; its problem is reported."""

NOWHERE = UUID(int=0)
"""Stands for a key that could not be read; its problem is reported."""

MAX_ITEMS = 200
"""More than any list of a benchmark may hold."""

A_TIME = "a date and time such as 2026-03-01 09:00"
A_KEY = "the key (a UUID) of something stored here"
A_MAPPING = "a mapping of keys to values"

TIME_HINT = "Write year, month, day and the time, which is UTC unless an offset follows."
KEY_HINT = "Copy the key from the page of what is meant."
MAPPING_HINT = "Write its keys on lines of their own, indented, each with a colon and its value."
_QUOTE = "Write one line of text, in quotes where YAML would read something else."

_WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,17})(\.0+)?")
_INDEX = re.compile(r"-?(0|[1-9]\d{0,8})")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class NoteKind(StrEnum):
    """What became of something that the bundle says; in the order in which reports list it."""

    RESTORED = "restored"
    """It took place elsewhere, and is told again here."""
    CHANGED = "changed"
    """It means something else here than where the bundle comes from."""
    NO_EQUIVALENT = "no_equivalent"
    """It cannot be had here."""
    IGNORED = "ignored"
    """It was left out, for it means nothing here."""
    CONVERTED = "converted"
    """It is there, by another name or in another form."""


@dataclass(frozen=True)
class Note:
    """Something the importer did or left out that its owner may want to know."""

    where: str
    sentence: str
    kind: NoteKind = NoteKind.IGNORED

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}" if self.where else self.sentence


@dataclass
class Report:
    """What reading brought to light, and how each scalar was written."""

    places: Mapping[Path, Place]
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    is_exact: bool = False
    """Whether a program of ours wrote it, so that white space around texts is meant."""

    def wrong(self, path: Path, found: str, expected: str, hint: str) -> None:
        """Report a value that does not fit; ``hint`` says in a sentence what to do."""
        sentence = f"Found {found}; expected {expected}."
        problem = Problem(path_text(path), found, expected, sentence, hint)
        if problem not in self.problems:  # some values are looked at twice
            self.problems.append(problem)

    def note(self, path: Path, sentence: str, kind: NoteKind = NoteKind.IGNORED) -> None:
        """Report something that is not wrong."""
        self.notes.append(Note(path_text(path), sentence, kind))

    def written(self, path: Path, value: Value) -> str:
        """Return a scalar as its author wrote it, so that 1.10 and 007 stay what they are."""
        text = self.places[path].text
        return value if isinstance(value, str) else text if text is not None else str(value)


class Section:
    """A mapping of the YAML; every getter names the key, and null counts as absent."""

    def __init__(self, value: Mapping[str, Value], path: Path, report: Report) -> None:
        self.value = value
        self.path = path
        self.report = report
        self._known: set[str] = set()

    @property
    def where(self) -> str:
        """Return the path of this mapping in words."""
        return path_text(self.path)

    def at(self, key: str) -> Path:
        """Return the path of a key of this mapping."""
        return (*self.path, key)

    def get(self, key: str) -> Value:
        """Return the value of a key, None when it is absent."""
        self._known.add(key)
        return self.value.get(key)

    def has(self, key: str) -> bool:
        """Say whether the key is given, even as null."""
        self._known.add(key)
        return key in self.value

    def wrong(self, key: str, found: str, expected: str, hint: str) -> None:
        """Report that a key's value does not fit; ``hint`` says in a sentence what to do."""
        self.report.wrong(self.at(key), found, expected, hint)

    def text(self, key: str, default: str = "") -> str:
        """Return a text; numbers, dates and booleans count as they are written."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, list | dict):
            self.wrong(key, described(value), "text", _QUOTE)
            return default
        written = self.report.written(self.at(key), value)
        return written if self.report.is_exact else written.strip()

    def flag(self, key: str, default: bool) -> bool:
        """Return a boolean, also from the words for it in quotes."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        word = str(value).lower()
        if not isinstance(value, str | int) or word not in _TRUE + _FALSE:
            self.wrong(key, described(value), "true or false", "Write one of the two words.")
            return default
        return word in _TRUE

    def whole(self, key: str, default: int) -> int:
        """Return a whole number, also from a quoted one."""
        value = self.get(key)
        if value is None:
            return default
        scalar = isinstance(value, int | float | str) and not isinstance(value, bool)
        written = self.report.written(self.at(key), value) if scalar else ""
        if not _WHOLE.fullmatch(written):
            found = written and not isinstance(value, str) and written != str(value)
            reading = f"{written}, which YAML reads as {value}" if found else described(value)
            hint = "Write the digits alone, without a leading zero, a colon or a fraction."
            self.wrong(key, reading, "a whole number in decimal digits", hint)
            return default
        return int(written.partition(".")[0])

    def choice(self, key: str, kind: type[E], default: E) -> E:
        """Return one of a fixed set of words, in upper or lower case."""
        value = self.get(key)
        if value is None or value == "":
            return default
        for member in kind:
            if isinstance(value, str) and value.strip().lower() == member.lower():
                return member
        self.wrong(key, described(value), " or ".join(kind), one_of(value, list(kind)))
        return default

    def moment(self, key: str) -> datetime | None:
        """Return an aware UTC time; None when absent, :data:`NEVER` when unreadable."""
        value = self.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, date | str):
            self.wrong(key, described(value), A_TIME, TIME_HINT)
            return NEVER
        try:
            return dates.moment(value)
        except ValueError as error:
            self.wrong(key, str(error), A_TIME, TIME_HINT)
            return NEVER

    def uuid(self, key: str) -> UUID | None:
        """Return the key of something stored; None when absent, :data:`NOWHERE` when unreadable."""
        text = self.text(key)
        if not text:
            return None
        found = as_uuid(text)
        if found is None:
            self.wrong(key, f"“{text[:60]}”", A_KEY, KEY_HINT)
        return found or NOWHERE

    def index(self, key: str, default: TaskIndex) -> TaskIndex:
        """Return what a task or solution is called here: a number or a short text."""
        return as_index(self.text(key)) if self.get(key) is not None else default

    def indexes(self, key: str) -> tuple[TaskIndex, ...]:
        """Return a list of such names."""
        found: list[TaskIndex] = []
        for path, item in self.items(key, "a list of task indexes"):
            if item is None or isinstance(item, list | dict):
                hint = "Write the index of one task."
                self.report.wrong(path, described(item), "a task index", hint)
            else:
                found.append(as_index(self.report.written(path, item)))
        return tuple(found)

    def items(self, key: str, expected: str) -> list[tuple[Path, Value]]:
        """Return the items of a list with their paths."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(key, described(value), expected, "Write each item after a dash.")
            return []
        if len(value) > MAX_ITEMS:
            self.wrong(key, described(value), f"at most {MAX_ITEMS} items", "Leave some out.")
            return []
        return [((*self.at(key), i), item) for i, item in enumerate(value)]

    def sections(self, key: str, expected: str) -> list[Section]:
        """Return the mappings of a list."""
        found = []
        for path, item in self.items(key, expected):
            if isinstance(item, dict):
                found.append(Section(item, path, self.report))
            else:
                self.report.wrong(path, described(item), A_MAPPING, MAPPING_HINT)
        return found

    def section(self, key: str, expected: str) -> Section | None:
        """Return a mapping; None when it is absent."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(key, described(value), expected, MAPPING_HINT)
            return None
        return Section(value, self.at(key), self.report)

    def named_sections(self, key: str, expected: str) -> dict[str, Section]:
        """Return the mappings of a mapping by their names; those of a list by their positions."""
        value = self.get(key)
        if isinstance(value, list):
            return {str(section.path[-1]): section for section in self.sections(key, expected)}
        outer = self.section(key, expected)
        if outer is None:
            return {}
        if len(outer.value) > MAX_ITEMS:
            found = f"{len(outer.value)} entries"
            self.wrong(key, found, f"at most {MAX_ITEMS}", "Leave some out.")
            return {}
        sections = {}
        for name in outer.value:
            if inner := outer.section(name, A_MAPPING):
                sections[name] = inner
            elif outer.value[name] is None:
                outer.wrong(name, "nothing", A_MAPPING, MAPPING_HINT)
        return sections

    def ignore(self, sentence: str, *keys: str) -> None:
        """Note that keys which are known elsewhere mean nothing here."""
        for key in keys:
            if self.has(key):
                self.report.note(self.at(key), sentence)

    def note(self, key: str, sentence: str, kind: NoteKind) -> None:
        """Report what became of a key."""
        self.get(key)
        self.report.note(self.at(key), sentence, kind)

    def miss(self, sentences: Mapping[str, str]) -> None:
        """Note which keys have no equivalent here; one that is off or empty asks for nothing."""
        for key, sentence in sentences.items():
            if self.get(key):
                self.note(key, sentence, NoteKind.NO_EQUIVALENT)

    def close(self) -> None:
        """Note the keys that nobody asked for, with the likely meaning of a misspelt one."""
        for key in self.value:
            if key not in self._known:
                close = difflib.get_close_matches(key[:60], self._known, 1, 0.75)
                hint = f" Is “{close[0]}” meant?" if close else ""
                self.report.note(self.at(key), f"This key is unknown and was ignored.{hint}")


def one_of(value: object, words: Sequence[str]) -> str:
    """Return a hint which of some words is meant."""
    close = difflib.get_close_matches(
        str(value)[:60].lower(), [word.lower() for word in words], 1, 0.75
    )
    named = next((word for word in words if close and word.lower() == close[0]), "")
    return f"Is “{named}” meant?" if named else "Write one of these words."


def as_uuid(text: str) -> UUID | None:
    """Read a UUID, None when the text is none."""
    try:
        return UUID(text) if len(text) in (32, 36) else None
    except ValueError:
        return None


def as_index(text: str) -> TaskIndex:
    """Read a task index; 1 and "1" are the same."""
    text = text.strip()
    return int(text) if _INDEX.fullmatch(text) else text[:100]


def described(value: Value) -> str:
    """Say in words what a value is."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return "a mapping"
    text = str(value)
    shown = f"{text[:60]}…" if len(text) > 61 else text
    return f"“{shown}”" if isinstance(value, str) else shown

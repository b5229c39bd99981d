"""Records of strangers: what each field may hold, and one clear sentence when it holds something else.

A record is a frozen dataclass whose fields are annotated with the rules below; pure.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

from app.competitions.drafts import Problem

T = TypeVar("T")
Read = Callable[[object, str], Any]
"""Takes what a record says and where; returns the value or raises :class:`Unfit`."""

MAX_SCORE = 1e300
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
_HINT = "Make the archive again on the site that it comes from."


@dataclass(frozen=True)
class Rule:
    """What a field of a record may hold."""

    expected: str
    read: Read


class Unfit(ValueError):
    """A record that cannot be taken; ``problem`` says where and why."""

    def __init__(self, where: str, found: str, expected: str, hint: str = _HINT) -> None:
        sentence = f"Found {found}; expected {expected}."
        self.problem = Problem(where, found, expected, sentence, hint)
        super().__init__(str(self.problem))


def shown(value: object) -> str:
    """Return a value as a sentence shows it, never long."""
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    text = repr(value) if not isinstance(value, str) else f"“{value[:60]}”"
    return "".join(c for c in text[:80] if c.isprintable())


def decode(kind: type[T], value: object, where: str) -> T:
    """Return what JSON says as a record; keys that it does not know are passed over.

    Raises:
        Unfit: something in it cannot be taken.
    """
    return _decoded(kind, value, where, ", ")


def _decoded(kind: type[T], value: object, where: str, before_key: str = ".") -> T:
    if not isinstance(value, dict):
        raise Unfit(where, shown(value), "a mapping of keys to values")
    values = {}
    for name, rule in _rules(cast(Hashable, kind)):
        place = f"{where}{before_key}{name}"
        if name not in value:
            raise Unfit(place, "no such key", rule.expected)
        values[name] = rule.read(value[name], place)
    return kind(**values)


def encode(value: Any) -> Any:
    """Return a record as what JSON can hold; :func:`decode` makes the same record of it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: encode(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, datetime):
        plain = value.astimezone(UTC).replace(tzinfo=None)
        return f"{plain.isoformat(timespec='microseconds' if plain.microsecond else 'seconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: encode(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [encode(one) for one in value]
    return str(value) if isinstance(value, str) else value


def text(limit: int, pattern: str = "") -> Rule:
    """A text of at most so many characters."""
    form = f" of the form {pattern}" if pattern else ""
    expected = f"a text of at most {limit} characters{form}"

    def read(value: object, where: str) -> str:
        if not isinstance(value, str) or len(value) > limit:
            size = f"{len(value)} characters" if isinstance(value, str) else shown(value)
            raise Unfit(where, size, expected)
        if pattern and not re.fullmatch(pattern, value):
            raise Unfit(where, shown(value), expected)
        return _storable(value, where)

    return Rule(expected, read)


def one_of(choices: Collection[str]) -> Rule:
    """One of a few words."""
    words = sorted(str(choice) for choice in choices)
    expected = "one of " + ", ".join(word or "nothing at all" for word in words)

    def read(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise Unfit(where, shown(value), expected)
        return value

    return Rule(expected, read)


def whole(low: int = 0, high: int = 2**31 - 1, *, optional: bool = False) -> Rule:
    """A whole number; null where it is optional."""
    expected = f"a whole number from {low} to {high}" + (" or null" if optional else "")

    def read(value: object, where: str) -> int | None:
        if optional and value is None:
            return None
        if type(value) is not int or not low <= value <= high:
            raise Unfit(where, shown(value), expected)
        return value

    return Rule(expected, read)


def seconds() -> Rule:
    """A number of seconds."""
    expected = "a number of seconds"
    return Rule(expected, lambda value, where: _number(value, where, expected, low=0))


def flag() -> Rule:
    """True or false."""

    def read(value: object, where: str) -> bool:
        if type(value) is not bool:
            raise Unfit(where, shown(value), "true or false")
        return value

    return Rule("true or false", read)


def moment(*, optional: bool = False) -> Rule:
    """A time in UTC."""
    expected = "a time such as 2030-01-02T03:04:05Z" + (" or null" if optional else "")

    def read(value: object, where: str) -> datetime | None:
        if optional and value is None:
            return None
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                pass
        raise Unfit(where, shown(value), expected)

    return Rule(expected, read)


def day() -> Rule:
    """A day, or null."""
    expected = "a day such as 2030-01-02 or null"

    def read(value: object, where: str) -> date | None:
        if value is None:
            return None
        if isinstance(value, str) and len(value) == len("2030-01-02"):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise Unfit(where, shown(value), expected)

    return Rule(expected, read)


def record(kind: type[Any], *, optional: bool = False) -> Rule:
    """A record within the record."""

    def read(value: object, where: str) -> Any:
        return None if optional and value is None else _decoded(kind, value, where)

    return Rule("a mapping of keys to values" + (" or null" if optional else ""), read)


def many(kind: type[Any], limit: int) -> Rule:
    """A list of records."""

    def read(value: object, where: str) -> tuple[Any, ...]:
        found = _list(value, where, limit)
        return tuple(_decoded(kind, one, f"{where}[{i}]") for i, one in enumerate(found))

    return Rule(f"a list of at most {limit}", read)


def words(limit: int, chars: int, choices: Collection[str] = ()) -> Rule:
    """A list of texts, or of words that are known."""
    known = [str(choice) for choice in choices]
    expected = f"a list of at most {limit} texts" + (f" among {', '.join(known)}" if known else "")

    def read(value: object, where: str) -> tuple[str, ...]:
        found = _list(value, where, limit)
        for position, one in enumerate(found):
            place = f"{where}[{position}]"
            if not isinstance(one, str) or len(one) > chars or (known and one not in known):
                raise Unfit(place, shown(one), expected)
            _storable(one, place)
        return tuple(found)

    return Rule(expected, read)


def numbers(limit: int, keys: Collection[str] = ()) -> Rule:
    """Numbers by key."""
    known = [str(key) for key in keys]
    expected = f"a mapping of at most {limit} keys to numbers"
    expected += f", the keys among {', '.join(known)}" if known else ""

    def read(value: object, where: str) -> dict[str, float]:
        found = _mapping(value, where, limit, expected)
        for key, one in found.items():
            if known and key not in known:
                raise Unfit(where, f"the key {shown(key)}", expected)
            _number(one, f"{where}.{key[:80]}", f"a number below {MAX_SCORE:g}")
        return found

    return Rule(expected, read)


def answers(limit: int, chars: int) -> Rule:
    """Texts, true or false by key."""
    expected = f"a mapping of at most {limit} keys to texts, true or false"

    def read(value: object, where: str) -> dict[str, Any]:
        found = _mapping(value, where, limit, expected)
        for key, one in found.items():
            place = f"{where}.{key[:80]}"
            if not isinstance(one, str | bool) or (isinstance(one, str) and len(one) > chars):
                raise Unfit(place, shown(one), f"a text of at most {chars} characters or a boolean")
            _storable(str(one), place)
        return found

    return Rule(expected, read)


def settings_of(keys: Collection[str]) -> Rule:
    """Either nothing, or a number or boolean for every one of the keys."""
    expected = f"nothing, or numbers and booleans for {', '.join(keys)}"

    def read(value: object, where: str) -> dict[str, Any]:
        found = _mapping(value, where, len(keys), expected)
        if found and set(found) != set(keys):
            raise Unfit(where, f"the keys {', '.join(found)[:120]}", expected)
        for key, one in found.items():
            if type(one) is not bool:
                _number(one, f"{where}.{key}", "a number or a boolean")
        return found

    return Rule(expected, read)


@cache
def _rules(kind: Any) -> tuple[tuple[str, Rule], ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple((name, hint.__metadata__[0]) for name, hint in hints.items())


def _list(value: object, where: str, limit: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > limit:
        raise Unfit(where, shown(value), f"a list of at most {limit}")
    return value


def _mapping(value: object, where: str, limit: int, expected: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > limit:
        raise Unfit(where, shown(value), expected)
    for key in value:
        if len(key) > 256:
            raise Unfit(where, f"a key of {len(key)} characters", "keys of at most 256")
        _storable(key, where)
    return value


def _number(value: object, where: str, expected: str, low: float = -MAX_SCORE) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit(where, shown(value), expected)
    if not (-MAX_SCORE < value < MAX_SCORE and value >= low):  # also for what is not a number
        raise Unfit(where, shown(value), expected)
    return value


def _storable(value: str, where: str) -> str:
    """Refuse what no database takes: a zero character, and halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unfit(where, "half a character", "text in Unicode") from None
    if "\0" in value:
        raise Unfit(where, "a zero character", "text without it")
    return value

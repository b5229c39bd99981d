"""How what is wrong with a draft is worded: the checks that several parts of it share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from app.competitions.drafts import Problem, TaskIndex

MAX_KEY = 128
MAX_TEXT_BYTES = 64 * 1024
_KEY = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?")


def wrong(where: str, what: str, found: str, expected: str, hint: str) -> Problem:
    """Return the problem that something is not as expected; ``hint`` says what to do, in a sentence."""
    return Problem(where, found, expected, f"{what} is {found}; expected {expected}.", hint)


def too_long(where: str, text: str, what: str, limit: int) -> Problem:
    """Return the problem that a text has more than ``limit`` characters."""
    found = f"{len(text)} characters long"
    return wrong(where, what, found, f"at most {limit} characters", "Shorten it.")


def short_text(where: str, text: str, what: str, limit: int) -> Iterator[Problem]:
    """Check a short text that must not be empty."""
    if not text.strip():
        key = where.rpartition(".")[2]
        yield wrong(where, what, "empty", f"1 to {limit} characters", f"Give it under {key}.")
    elif len(text) > limit:
        yield too_long(where, text, what, limit)


def long_text(where: str, text: str, what: str) -> Iterator[Problem]:
    """Check a text of pages."""
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size > MAX_TEXT_BYTES:
        expected, hint = f"at most {MAX_TEXT_BYTES} bytes", "Shorten it, or move a part to a page."
        yield wrong(where, what, f"{size} bytes long", expected, hint)


def key_text(where: str, key: str, what: str) -> Iterator[Problem]:
    """Check what scores or answers are called by programs."""
    if not _KEY.fullmatch(key) or len(key) > MAX_KEY:
        expected = f"1 to {MAX_KEY} characters without spaces around them"
        yield wrong(where, what, shown(key), expected, "Write the name that programs use.")


def count(where: str, items: Sequence[object], least: int, most: int) -> Iterator[Problem]:
    """Check how long a list is."""
    if not least <= len(items) <= most:
        found = f"{len(items)} entries long" if items else "empty"
        key = where.rpartition(".")[2]
        hint = "Leave some out." if items else f"List at least {least} under {key}."
        yield wrong(where, "The list", found, f"{least} to {most} entries", hint)


def unique(
    key: str, places: Sequence[str], values: Sequence[TaskIndex], noun: str
) -> Iterator[Problem]:
    """Check that no two items have the same value of a key."""
    first: dict[TaskIndex, str] = {}
    for where, value in zip(places, values, strict=True):
        if value in first:
            what, expected = f"The {key} of a {noun}", f"a value that {first[value]} does not use"
            yield wrong(f"{where}.{key}", what, shown(value), expected, "Change one of the two.")
        first.setdefault(value, where)


def listed(values: Iterable[object]) -> str:
    """Name some values, the first ten of many."""
    texts = [str(value) or "“”" for value in values]
    more = f" and {len(texts) - 10} more" if len(texts) > 10 else ""
    return ", ".join(texts[:10]) + more


def shown(value: object) -> str:
    """Quote a value, the beginning of a long one."""
    text = str(value)
    return f"“{text[:60]}…”" if len(text) > 61 else f"“{text}”"


def time(value: datetime) -> str:
    """Write a time as people read it."""
    return f"{value:%Y-%m-%d %H:%M} UTC"

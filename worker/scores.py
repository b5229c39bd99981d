"""The scores file of a scoring program: a flat mapping of key to number, read without trust."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from worker import plainyaml
from worker.contract import MAX_SCORES, MAX_SCORES_BYTES
from worker.limits import open_file

JSON_NAME, TEXT_NAME = "scores.json", "scores.txt"
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?")
_MAX_SHOWN = 40


class BadScores(ValueError):
    """A scores file that is missing or no mapping; the text names file, place and remedy."""


@dataclass(frozen=True)
class Scores:
    """What a scores file holds: finite numbers by key, and what each other key ``is …`` instead."""

    values: dict[str, float]
    rejected: dict[str, str]


@dataclass(frozen=True)
class _Twice:
    """Stands for the value of a key that JSON gives more than once."""


def read(folder: Path) -> Scores:
    """Read ``scores.json``, else ``scores.txt``, in the root of an output folder.

    Raises:
        BadScores: neither is there as a plain file, or the one that counts is unreadable, larger
            than 64 KiB, no mapping, or has more than 200 keys.

    Source: docs/reference/contract.md, "Scores".
    """
    for name in (JSON_NAME, TEXT_NAME):
        raw = _bytes(folder, name)
        if raw is not None:
            found = _json(raw) if name == JSON_NAME else _yaml(raw)
            return _sorted_out(name, found, raw.decode("utf-8-sig", "replace"))
    raise BadScores(
        f"the output folder has neither {JSON_NAME} nor {TEXT_NAME}; the scoring program must "
        "write one of them into $output"
    )


def _bytes(folder: Path, name: str) -> bytes | None:
    opened = open_file(folder, name)
    if opened is None:
        return None
    fd, size = opened
    with os.fdopen(fd, "rb") as file:
        if size > MAX_SCORES_BYTES:
            raise BadScores(f"{name} has {size} bytes; the limit is {MAX_SCORES_BYTES}")
        return file.read(MAX_SCORES_BYTES)


def _json(raw: bytes) -> object:
    try:
        return json.loads(
            raw.decode("utf-8-sig"), parse_int=_whole, parse_float=float, object_pairs_hook=_pairs
        )
    except json.JSONDecodeError as error:
        where = f"{JSON_NAME}, line {error.lineno}, column {error.colno}"
        raise BadScores(f"{where}: {error.msg}") from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadScores(f"{JSON_NAME}, line {line}: it is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise BadScores(f"{JSON_NAME} is not JSON text ({type(error).__name__})") from error


def _whole(text: str) -> float:
    """Read a whole number of any length; one beyond every float becomes infinity."""
    return float(text)


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        found[key] = _Twice() if key in found else value
    return found


def _yaml(raw: bytes) -> object:
    try:
        return plainyaml.load(raw)
    except plainyaml.BadYaml as error:
        raise BadScores(f"{TEXT_NAME}, {error}") from error


def _sorted_out(name: str, found: object, raw: str) -> Scores:
    if not isinstance(found, dict):
        raise BadScores(
            f"{name} must map each key to a number, such as accuracy: 0.9; it holds {_kind(found)}"
        )
    if len(found) > MAX_SCORES:
        raise BadScores(f"{name} has {len(found)} keys; the limit is {MAX_SCORES}")
    scores = Scores({}, {})
    for key, value in found.items():
        text = str(key).encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:200]
        number, reason = _number(value)
        if number is None:
            line = _line_of(name, str(key), raw)
            scores.rejected[text] = f"{reason} (line {line} of {name})" if line else reason
        else:
            scores.values[text] = number
    return scores


def _line_of(name: str, key: str, raw: str) -> int:
    """Return the line of a key, or 0 where it stands in the file more than once, or not as such."""
    if name == JSON_NAME:
        forms = {json.dumps(key), json.dumps(key, ensure_ascii=False)}
        pattern = f"({'|'.join(map(re.escape, sorted(forms)))})\\s*:"
    else:
        pattern = f"^([\"']?){re.escape(key)}\\1\\s*:"
    places = [found.start() for found in re.finditer(pattern, raw, re.MULTILINE)]
    return raw.count("\n", 0, places[0]) + 1 if len(places) == 1 else 0


def _number(value: object) -> tuple[float | None, str]:
    """Return a finite number, or None with what the value is instead."""
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return None, f"is {text[:_MAX_SHOWN]!r}, not a number"
        value = float(text)
    if not isinstance(value, bool | int | float):
        return None, f"is {_kind(value)}, not a number"
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return (number, "") if math.isfinite(number) else (None, f"is {number}, not a finite number")


def _kind(value: object) -> str:
    names = {
        type(None): "nothing",
        dict: "a mapping",
        list: "a list",
        str: "text",
        _Twice: "there twice",
    }
    return names.get(type(value), type(value).__name__)

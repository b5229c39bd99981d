"""Where in a zip problems and notes are: the file, the line and the key."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from app.bundles.fields import Note, NoteKind, Report
from app.competitions.drafts import Problem
from app.platform import strictyaml
from app.platform.archive import Archive, BadArchive, Fault
from app.platform.encoding import WrongEncoding
from app.platform.strictyaml import BadYaml, Document

Unread = BadYaml | WrongEncoding | BadArchive


def report_of(document: Document, *, is_exact: bool = False) -> Report:
    """Begin the report on a document with the keys that it gives twice."""
    report = Report(document.places, is_exact=is_exact)
    for twice in document.duplicates:
        where = strictyaml.path_text(twice.path)
        report.problems.append(
            Problem(where, "a key given twice", "each key once", twice.sentence,
                    "Remove one of the two.")
        )  # fmt: skip
    return report


def lines_of(report: Report) -> dict[str, int]:
    """Return in which line each key stands."""
    return {strictyaml.path_text(path): place.line for path, place in report.places.items()}


def told(name: str, report: Report) -> tuple[tuple[Note, ...], tuple[Problem, ...]]:
    """Return notes, by kind, and problems, each with the file and the line that it is about."""
    lines, order = lines_of(report), list(NoteKind)
    notes = tuple(
        dataclasses.replace(note, where=located(name, note.where, lines))
        for note in sorted(report.notes, key=lambda note: order.index(note.kind))
    )
    return notes, tuple(placed(name, problem, lines) for problem in report.problems)


def placed(name: str, problem: Problem, lines: Mapping[str, int]) -> Problem:
    """Add file and line to a problem that says only its key."""
    return dataclasses.replace(problem, where=located(name, problem.where, lines))


def located(name: str, where: str, lines: Mapping[str, int]) -> str:
    """Say "competition.yaml, line 14, phases[1].end"; a missing key has the line of its parent."""
    if not where:
        return name
    known = where
    while known and known not in lines:
        known = known[: max(known.rfind("."), known.rfind("["), 0)]
    line = f", line {lines[known]}" if known else ""
    return f"{name}{line}, {where}"


def at(root: str, names: Iterable[str], archive: Archive) -> list[str]:
    """Return those of some files that are in a folder of the zip, "" being its top."""
    paths = [f"{root}/{name}" if root else name for name in names]
    return [path for path in paths if archive.is_file(path)]


def two_manifests(paths: Sequence[str]) -> Problem:
    """Return the problem that more than one file could be the manifest."""
    first, second = paths[:2]
    sentence = f"{first} and {second} are both in the zip, and each could be meant."
    hint = "Take out the one that is not meant."
    return Problem(second, f"{second} beside {first}", "one of the two", sentence, hint)


def unread(name: str, error: Unread) -> Problem:
    """Return the problem that a manifest could not be read."""
    if isinstance(error, BadArchive):
        fault = error.faults[0]
        return Problem(name, fault.found, "YAML text in UTF-8", fault.sentence, fault.hint)
    line = f", line {error.line}" if isinstance(error, BadYaml) and error.line else ""
    expected = "YAML text in UTF-8"
    return Problem(f"{name}{line}", error.found, expected, error.sentence, error.hint)


def of_zip(error: BadArchive, file_name: str) -> list[Problem]:
    """Return what is wrong with a zip that was not opened."""
    return [_of_fault(fault, file_name) for fault in error.faults]


def _of_fault(fault: Fault, file_name: str) -> Problem:
    where = f"{file_name}, {fault.name}" if fault.name else file_name
    return Problem(where, fault.found, fault.expected, fault.sentence, fault.hint)

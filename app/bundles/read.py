"""A bundle's zip as a draft, with every problem named by file, line and key."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.bundles import checksums, manifest
from app.bundles.checksums import NO_LISTING, Listing
from app.bundles.evalai import challenge
from app.bundles.fields import Note, NoteKind, Report, Section, described
from app.bundles.legacy import competition
from app.bundles.members import Members
from app.competitions import validity
from app.competitions.drafts import CompetitionDraft, Problem
from app.platform import strictyaml
from app.platform.archive import Archive, BadArchive
from app.platform.encoding import WrongEncoding

MANIFEST = "competition.yaml"
_OTHER_NAMES = ("competition.yml",)
_TWO, _ONE = ("2", "2.0"), ("1", "1.0", "1.5", "1.8")


@dataclass(frozen=True)
class BundleReading:
    """What a bundle says; ``draft`` is None when there are problems."""

    draft: CompetitionDraft | None
    notes: tuple[Note, ...] = ()
    problems: tuple[Problem, ...] = ()
    listing: Listing = NO_LISTING
    """What it says of itself, if it is a dump."""
    root: str = ""
    """The folder that everything is in; empty when it is the top."""


def read(archive: Archive) -> BundleReading:
    """Read a bundle, of format version 2, of CodaLab or of EvalAI; all its problems at once.

    Raises:
        BadArchive: a file of it is damaged.
    """
    found = _manifest(archive)
    if isinstance(found, Problem):
        return BundleReading(None, problems=(found,))
    name, root = found.name, found.root
    listing = checksums.read(archive, root)
    if isinstance(listing, Problem):
        return BundleReading(None, problems=(listing,))
    if changed := tuple(checksums.problems(archive, root, listing)):
        return BundleReading(None, problems=changed)
    try:
        document = strictyaml.load(archive.read(name, strictyaml.MAX_BYTES))
    except (strictyaml.BadYaml, WrongEncoding, BadArchive) as error:
        expected = "YAML text in UTF-8"
        unread = Problem(name, "", expected, error.message)
        return BundleReading(None, problems=(found.problem or unread,))
    report = Report(document.places, is_exact=listing is not NO_LISTING)
    for member in checksums.unlisted(archive, root, listing):
        sentence = f"“{member}” is not listed in {checksums.NAME}, so nothing vouches for it."
        report.notes.append(Note("", sentence))
    if found.problem:
        value = document.value if isinstance(document.value, dict) else {}
        if "phases" not in value or not _is_legacy(Section(value, (), report)):
            return BundleReading(None, problems=(found.problem,))
        sentence = f"There is no {MANIFEST}; the first YAML file, “{name}”, was read in its place."
        report.notes.append(Note("", sentence, NoteKind.CONVERTED))
    elif root:
        sentence = f"Everything is inside the folder “{root}”; it was read as if zipped without it."
        report.notes.append(Note("", sentence, NoteKind.CONVERTED))
    for sentence in document.duplicates:
        expected = "each key once"
        report.problems.append(Problem("", "a key given twice", expected, sentence))
    is_challenge = name.rpartition("/")[2] in challenge.MANIFESTS
    files = Members(archive, root, checksums.stored(root, listing))
    draft = _draft(document, report, files, is_challenge=is_challenge)
    if draft:
        report.problems += _new(validity.problems(draft), report.problems)
    notes, problems = _told(name, report)
    return BundleReading(None if problems else draft, notes, problems, listing, root)


def _told(name: str, report: Report) -> tuple[tuple[Note, ...], tuple[Problem, ...]]:
    """Return notes, by kind, and problems, each with the line that it is about."""
    lines = {strictyaml.path_text(path): place.line for path, place in report.places.items()}
    problems = tuple(
        dataclasses.replace(problem, where=_located(name, problem.where, lines))
        for problem in report.problems
    )
    order = list(NoteKind)
    notes = tuple(
        dataclasses.replace(note, where=_located(name, note.where, lines))
        for note in sorted(report.notes, key=lambda note: order.index(note.kind))
    )
    return notes, problems


@dataclass(frozen=True)
class _Place:
    """Where the manifest stands; ``problem`` is there where its name is only good for CodaLab."""

    name: str
    root: str
    problem: Problem | None = None


def _manifest(archive: Archive) -> _Place | Problem:
    """Find the manifest, and the folder that its paths start from."""
    wrapping = archive.wrapping_folder()
    for root in ("", wrapping) if wrapping else ("",):
        for name in (MANIFEST, *_OTHER_NAMES, *challenge.MANIFESTS):
            path = f"{root}/{name}" if root else name
            if archive.is_file(path):
                return _Place(path, root)
    names = [member.name for member in archive.files()]
    elsewhere = [name for name in names if name.rpartition("/")[2].lower() == MANIFEST]
    found = f"only {elsewhere[0]}" if elsewhere else f"{len(names)} other files"
    sentence = (
        f"{MANIFEST} is not at the top of the zip; found {found}. Move it there and zip again."
    )
    problem = Problem(MANIFEST, found, f"{MANIFEST} at the top of the zip", sentence)
    yamls = [name for name in names if name.lower().endswith((".yaml", ".yml"))]
    if not yamls:
        return problem
    first = min(yamls, key=lambda name: name.count("/"))
    return _Place(first, first.rpartition("/")[0], problem)


def _draft(
    document: strictyaml.Document, report: Report, members: Members, *, is_challenge: bool
) -> CompetitionDraft | None:
    if not isinstance(document.value, dict):
        report.wrong((), described(document.value), "a mapping of keys to values")
        return None
    top = Section(document.value, (), report)
    if is_challenge:
        return challenge.read(top, members)
    version = _version(top)
    if version not in (*_TWO, *_ONE, ""):
        report.wrong(("version",), f"“{version[:60]}”", "2, or 1.5 of CodaLab")
        return None
    if _is_legacy(top):
        return competition.read(top, members)
    if not version:
        sentence = "No version is given; the bundle was read as version 2."
        report.note(("version",), sentence, NoteKind.CONVERTED)
    return manifest.read(top, members)


def _version(top: Section) -> str:
    return top.text("version").lower().removeprefix("v")


def _is_legacy(top: Section) -> bool:
    """Say whether this is a bundle of CodaLab; without a version, one that has no tasks."""
    version = _version(top)
    return version in _ONE or (not version and not top.has("tasks"))


def _new(found: Iterable[Problem], known: Iterable[Problem]) -> list[Problem]:
    """Leave out what only follows from a value that could not be read."""
    places = {problem.where for problem in known if problem.where}
    return [
        problem
        for problem in found
        if problem.where not in places
        and not any(
            place.startswith((f"{problem.where}.", f"{problem.where}[")) for place in places
        )
    ]


def _located(name: str, where: str, lines: Mapping[str, int]) -> str:
    """Say "competition.yaml, line 14, phases[1].end"; a missing key has the line of its parent."""
    if not where:
        return name
    known = where
    while known and known not in lines:
        known = known[: max(known.rfind("."), known.rfind("["), 0)]
    line = f", line {lines[known]}" if known else ""
    return f"{name}{line}, {where}"

"""A bundle's zip as a draft, with every problem named by file, line and key."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.bundles import checksums, manifest, places, programs
from app.bundles.archives.reading import Contents
from app.bundles.checksums import NO_LISTING, Listing
from app.bundles.evalai import challenge
from app.bundles.fields import (
    A_MAPPING,
    MAPPING_HINT,
    Note,
    NoteKind,
    Report,
    Section,
    described,
)
from app.bundles.legacy import competition
from app.bundles.members import Members
from app.competitions import validity
from app.competitions.drafts import CompetitionDraft, Problem
from app.platform import strictyaml
from app.platform.archive import Archive, BadArchive
from app.platform.encoding import WrongEncoding

MANIFEST = "competition.yaml"
_OTHER_NAMES = ("competition.yml",)
_TASK = re.compile(r"\bof task (\d+)\b")
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
    manifest: str = ""
    """Where its YAML file is."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """In which line of that each key stands."""
    archive: Contents | None = None
    """What took place in it, if that is to be restored."""


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
        return BundleReading(None, problems=(found.problem or places.unread(name, error),))
    report = places.report_of(document, is_exact=listing is not NO_LISTING)
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
    is_challenge = name.rpartition("/")[2] in challenge.MANIFESTS
    files = Members(archive, root, checksums.stored(root, listing))
    draft, keys = _draft(document, report, files, is_challenge=is_challenge)
    if draft:
        wrong = validity.problems(draft)
        if keys is competition.KEYS:
            wrong = [competition.reworded(one, draft) for one in wrong]
        meant = [_in_words_of(keys, one) for one in wrong if keys.get(one.where) != ""]
        report.problems += _new(meant, report.problems)
        report.notes += programs.notes(archive, draft.tasks)
    notes, problems = places.told(name, report)
    lines = places.lines_of(report)
    whole = None if problems else draft
    return BundleReading(whole, notes, problems, listing, root, name, lines)


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
        paths = places.at(root, (MANIFEST, *_OTHER_NAMES, *challenge.MANIFESTS), archive)
        if len(paths) > 1:
            return places.two_manifests(paths)
        if paths:
            return _Place(paths[0], root)
    names = [member.name for member in archive.files()]
    elsewhere = [name for name in names if name.rpartition("/")[2].lower() == MANIFEST]
    found = (
        f"only {elsewhere[0]}" if elsewhere else f"{len(names)} other file{'s' * (len(names) != 1)}"
    )
    expected = f"{MANIFEST} at the top of the zip"
    sentence = f"{MANIFEST} is not at the top of the zip; found {found}."
    problem = Problem(MANIFEST, found, expected, sentence, "Move it there and zip again.")
    yamls = [name for name in names if name.lower().endswith((".yaml", ".yml"))]
    if not yamls:
        return problem
    first = min(yamls, key=lambda name: name.count("/"))
    return _Place(first, first.rpartition("/")[0], problem)


def _draft(
    document: strictyaml.Document, report: Report, members: Members, *, is_challenge: bool
) -> tuple[CompetitionDraft | None, Mapping[str, str]]:
    """Return the draft, and how the format calls those of its keys that it calls otherwise."""
    if not isinstance(document.value, dict):
        report.wrong((), described(document.value), A_MAPPING, MAPPING_HINT)
        return None, {}
    top = Section(document.value, (), report)
    if is_challenge:
        return challenge.read(top, members), challenge.KEYS
    version = _version(top)
    if version not in (*_TWO, *_ONE, ""):
        hint = "Write version: 2 for a bundle of this site or of Codabench."
        report.wrong(("version",), f"“{version[:60]}”", "2, or 1.5 of CodaLab", hint)
        return None, {}
    if _is_legacy(top):
        return competition.read(top, members), competition.KEYS
    if not version:
        sentence = "No version is given; the bundle was read as version 2."
        report.note(("version",), sentence, NoteKind.CONVERTED)
    return manifest.read(top, members), {}


def _in_words_of(keys: Mapping[str, str], problem: Problem) -> Problem:
    """Name a key of a draft as the format of its bundle does; a slash leads to the top."""
    outer, _, key = problem.where.rpartition(".")
    if keys.get("tasks") == "":  # each phase has one of its own, which nobody wrote down
        sentence = _TASK.sub(lambda found: f"of phase {int(found[1]) + 1}", problem.sentence, 1)
        problem = dataclasses.replace(problem, sentence=sentence)
    if key not in keys:
        return problem
    called = keys[key].removeprefix("/")
    is_at_top = not outer or keys[key].startswith("/")
    hint = problem.hint.replace(f"under {key}.", f"under {called}.")
    return dataclasses.replace(
        problem, where=called if is_at_top else f"{outer}.{called}", hint=hint
    )


def _version(top: Section) -> str:
    return top.text("version").lower().removeprefix("v")


def _is_legacy(top: Section) -> bool:
    """Say whether this is a bundle of CodaLab; without a version, one that has no tasks."""
    version = _version(top)
    return version in _ONE or (not version and not top.has("tasks"))


def _new(found: Iterable[Problem], known: Iterable[Problem]) -> list[Problem]:
    """Leave out what only follows from a value that could not be read."""
    wrong = {problem.where for problem in known if problem.where}
    return [
        problem
        for problem in dict.fromkeys(found)
        if problem.where not in wrong
        and not any(one.startswith((f"{problem.where}.", f"{problem.where}[")) for one in wrong)
    ]

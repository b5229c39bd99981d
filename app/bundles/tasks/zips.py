"""A task as a zip: ``task.yaml`` and the files that it names; everything odd goes to the report.

Source: docs/reference/bundle.md, "Task zips".
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from app.bundles import members, places, programs
from app.bundles.fields import (
    A_KEY,
    KEY_HINT,
    MAPPING_HINT,
    Note,
    Report,
    Section,
    as_uuid,
    described,
)
from app.bundles.members import Members
from app.competitions import validity
from app.competitions.drafts import FileRef, Problem, TaskDraft
from app.competitions.tasks.drafts import ROLES
from app.errors import Invalid, TooLarge
from app.platform import strictyaml
from app.platform.archive import Archive, BadArchive
from app.platform.encoding import WrongEncoding
from app.resources import limits
from app.resources.models import FileKind

MANIFEST = "task.yaml"
_OTHER_NAME = "task.yml"
_EXPECTED = "the name of a zip or folder, the key of stored data, or a mapping with key or zip"


@dataclass(frozen=True)
class TaskReading:
    """What a task zip says: the draft unless something is wrong, and every problem there is."""

    draft: TaskDraft | None
    is_public: bool = False
    notes: tuple[Note, ...] = ()
    problems: tuple[Problem, ...] = ()
    file_names: Mapping[FileRef, str] = field(default_factory=dict)
    """What each file of the zip is to be called."""
    manifest: str = ""
    """Where its YAML file is."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """In which line of that each key stands."""


def read(archive: Archive) -> TaskReading:
    """Read a task zip; all its problems at once. Zips within it are opened and judged, too."""
    found = _manifest(archive)
    if isinstance(found, Problem):
        return TaskReading(None, problems=(found,))
    name, root = found
    try:
        document = strictyaml.load(archive.read(name, strictyaml.MAX_BYTES))
    except (strictyaml.BadYaml, WrongEncoding, BadArchive) as error:
        return TaskReading(None, problems=(places.unread(name, error),))
    report = places.report_of(document)
    if not isinstance(document.value, dict):
        expected = "a mapping with name and scoring_program"
        report.wrong((), described(document.value), expected, MAPPING_HINT)
        return _result(report, name, TaskDraft(index=""), is_public=False)
    top = Section(document.value, (), report)
    files = Members(archive, root)
    refs = {kind: _file(top, kind, files) for kind in ROLES}
    draft = TaskDraft(
        index="", name=top.text("name"), description=top.text("description"),
        ingestion_only_during_scoring=top.flag("ingestion_only_during_scoring", False),
        scoring_program=refs[FileKind.SCORING_PROGRAM],
        ingestion_program=refs[FileKind.INGESTION_PROGRAM],
        input_data=refs[FileKind.INPUT_DATA], reference_data=refs[FileKind.REFERENCE_DATA],
    )  # fmt: skip
    is_public = top.flag("is_public", False)
    top.close()
    _open_all(archive, refs, report)
    report.notes += [
        dataclasses.replace(note, where=note.where.removeprefix("tasks[0]."))
        for note in programs.notes(archive, [draft])
    ]
    known = {problem.where.partition(".")[0] for problem in report.problems}
    report.problems += [one for one in validity.task_problems(draft) if one.where not in known]
    return _result(report, name, draft, is_public=is_public)


def _result(report: Report, name: str, draft: TaskDraft, *, is_public: bool) -> TaskReading:
    notes, problems = places.told(name, report)
    if problems:
        return TaskReading(None, notes=notes, problems=problems)
    refs = (getattr(draft, kind.value) for kind in ROLES)
    names = {
        ref: PurePosixPath(ref.member).name + (".zip" if ref.is_folder else "")
        for ref in refs
        if ref is not None and ref.member
    }
    return TaskReading(draft, is_public, notes, (), names, name, places.lines_of(report))


def _manifest(archive: Archive) -> tuple[str, str] | Problem:
    """Find the manifest, and the folder that its paths start from."""
    wrapping = archive.wrapping_folder()
    for root in ("", wrapping) if wrapping else ("",):
        paths = places.at(root, (MANIFEST, _OTHER_NAME), archive)
        if len(paths) > 1:
            return places.two_manifests(paths)
        if paths:
            return paths[0], root
    names = [member.name for member in archive.files()]
    elsewhere = [name for name in names if name.rpartition("/")[2].lower() == MANIFEST]
    found = (
        f"only {elsewhere[0]}" if elsewhere else f"{len(names)} other file{'s' * (len(names) != 1)}"
    )
    advice = "Move it there and zip again."
    if any(name.rpartition("/")[2].lower() == "competition.yaml" for name in names):
        found, advice = "competition.yaml", "This is the bundle of a benchmark: upload it there."
    sentence = f"{MANIFEST} is not at the top of the zip; found {found}."
    return Problem(MANIFEST, found, f"{MANIFEST} at the top of the zip", sentence, advice)


def _file(top: Section, kind: FileKind, files: Members) -> FileRef | None:
    """Read one role: a text is a path or a key; in a mapping the key wins over the zip."""
    value = top.get(kind)
    if not isinstance(value, dict):
        if isinstance(value, list):
            top.wrong(kind, described(value), _EXPECTED, "Name one file.")
            return None
        return files.program(top, kind)
    own = Section(value, top.at(kind), top.report)
    text, path = own.text("key"), own.get("zip")
    ref: FileRef | None = None
    if text:
        if path not in (None, ""):
            top.report.note(own.at("zip"), "The key wins; this file was not used.")
        stored = as_uuid(text)
        if stored is None:
            own.wrong("key", f"“{text[:60]}”", A_KEY, KEY_HINT)
        ref = FileRef(key=stored) if stored else None
    elif path not in (None, ""):
        ref = files.program(own, "zip")
    else:
        own.wrong("zip", "neither key nor zip", "one of the two", "Name a file of the zip.")
    own.close()
    return ref


def _open_all(archive: Archive, refs: Mapping[FileKind, FileRef | None], report: Report) -> None:
    """Judge the zips within the zip, one at a time in a temporary file."""
    for kind, ref in refs.items():
        if ref is None or not ref.member:
            continue
        name = PurePosixPath(ref.member).name
        try:
            with tempfile.TemporaryFile() as content:
                members.write(archive, ref, content)
                limits.check_size(content.tell(), limits.limit_bytes(kind))
                limits.check_zip(content, kind)
        except (Invalid, TooLarge) as error:
            found = f"“{name}”, which cannot be used: {error.message.rstrip('.')}"
            report.wrong((kind,), found, "a sound zip file", f"Make {name} anew.")

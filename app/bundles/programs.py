"""Whether the programs that a bundle brings say how they are run; without that, submissions fail.

Source: docs/reference/contract.md, "Programs".
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from app.bundles.fields import Note, NoteKind
from app.competitions.drafts import FileRef, TaskDraft
from app.platform import archive, strictyaml
from app.platform.archive import Archive, BadArchive
from app.platform.encoding import WrongEncoding

NAMES = ("metadata.yaml", "metadata")
_CONSEQUENCES = {
    "scoring_program": "every submission would fail",
    "ingestion_program": "it would not be run",
}
_ADVICE = (
    "Add a file metadata.yaml with a line such as “command: python3 $program/run.py $input "
    "$output” to it."
)


def notes(bundle: Archive, tasks: Sequence[TaskDraft]) -> Iterator[Note]:
    """Yield a note for each program of the bundle that cannot be run."""
    known: dict[FileRef, str] = {}
    for position, task in enumerate(tasks):
        for key, consequence in _CONSEQUENCES.items():
            ref: FileRef | None = getattr(task, key)
            if ref is None or not ref.member or ref.packing:
                continue
            if ref not in known:
                known[ref] = _reason(bundle, ref)
            if known[ref]:
                name = PurePosixPath(ref.member).name
                sentence = f"“{name}” {known[ref]}, so {consequence}. {_ADVICE}"
                where = f"{task.where or f'tasks[{position}]'}.{key}"
                yield Note(where, sentence, NoteKind.CHANGED)


def root(program: Archive, folder: str = "") -> str:
    """Return the folder with a program's metadata: ``folder``, or the one that all of it is in."""
    tops = {
        member.name.removeprefix(f"{folder}/").partition("/")[0] for member in program.files(folder)
    }
    inner = PurePosixPath(folder, tops.pop()).as_posix() if len(tops) == 1 else folder
    return next((one for one in (folder, inner) if _metadata(program, one)), folder)


def _metadata(program: Archive, folder: str) -> str:
    paths = (PurePosixPath(folder, name).as_posix() for name in NAMES)
    return next((path for path in paths if program.is_file(path)), "")


def _reason(bundle: Archive, ref: FileRef) -> str:
    """Return why a program cannot be run, to complete "it …"; empty where it can."""
    if ref.is_folder:
        return _lack(bundle, ref.member)
    try:
        with tempfile.TemporaryFile() as here:
            bundle.copy(ref.member, here)
            return _lack(Archive(here, archive.BUNDLE), "")
    except BadArchive:
        return ""  # whoever stores it says so


def _lack(program: Archive, folder: str) -> str:
    path = _metadata(program, root(program, folder))
    if not path:
        return "has no file metadata.yaml or metadata that says how it is run"
    name = PurePosixPath(path).name
    try:
        value = strictyaml.load(program.read(path, strictyaml.MAX_BYTES)).value
    except (strictyaml.BadYaml, WrongEncoding, BadArchive) as error:
        return f"has a file {name} that cannot be read ({error.message.rstrip('.')})"
    command = value.get("command") if isinstance(value, dict) else None
    if not isinstance(command, str) or not _words(command):
        return f"has a file {name} without a command that can be run"
    return ""


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []

"""The files of an archive on their way to the store, each to a place that was written down before."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.bundles.archives.reading import Contents, at
from app.platform import storage
from app.platform.storage import RUNS, ObjectRef
from app.resources import services as resources
from app.resources.models import FileKind
from worker.contract import Output

_RESULTS, _ZIP = "text/html; charset=utf-8", "application/zip"


@dataclass(frozen=True)
class Places:
    """Where the files of an archive lie, or soon will."""

    by_member: Mapping[str, ObjectRef]
    nothing: ObjectRef | None = None
    """An empty zip, in place of submitted files that the archive goes without."""

    def all(self) -> list[ObjectRef]:
        """Return all of them."""
        return [*self.by_member.values(), *([self.nothing] if self.nothing else [])]


NOWHERE = Places({})


def places(contents: Contents) -> Places:
    """Choose where the files of an archive go."""
    return Places(
        {member: _place(member, kind) for member, kind in contents.to_store.items()},
        resources.new_place(FileKind.SUBMISSION) if contents.lacks_files else None,
    )


def store(contents: Contents, chosen: Places) -> Iterator[str]:
    """Store the files one by one; yields the member after each.

    What they must be is compared by :func:`app.bundles.checksums.problems` before.
    """
    target = storage.store()
    if chosen.nothing:
        empty = io.BytesIO()
        zipfile.ZipFile(empty, "w").close()
        storage.put_bytes(chosen.nothing, empty.getvalue(), _ZIP)
    for member, place in chosen.by_member.items():
        with tempfile.TemporaryFile() as here:
            contents.archive.copy(at(contents.root, member), here)
            size = here.tell()
            here.seek(0)
            is_page = contents.to_store[member] == Output.DETAILED_RESULTS
            target.put(place, here, size, _RESULTS if is_page else _ZIP)
        yield member


def _place(member: str, kind: FileKind | Output) -> ObjectRef:
    if isinstance(kind, FileKind):
        return resources.new_place(kind)
    return storage.new_ref(RUNS, "restored", member.rpartition("/")[2])

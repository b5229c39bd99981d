"""An archive in somebody's zip: judged as a whole before anything is made, then read again and again.

Every reference is followed here, so that whoever restores it meets nothing unknown; records are
streamed, and only what they refer to by is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from app.bundles.archives import records
from app.bundles.archives.fields import Unfit, decode
from app.bundles.archives.judging import Judge
from app.bundles.archives.records import (
    Header,
    LogRecord,
    Person,
    SubmissionRecord,
    TaskRecord,
)
from app.bundles.checksums import NAME, Listed, Listing
from app.competitions.drafts import CompetitionDraft
from app.platform.archive import Archive
from app.resources.models import FileKind
from worker.contract import Output

T = TypeVar("T")
_HEADER_BYTES = 16 * 1024 * 1024
_LINES = "lines of one JSON object each"


@dataclass(frozen=True)
class Contents:
    """An archive that can be restored."""

    archive: Archive
    root: str
    site: str
    """Where it was made, as it says."""
    header: Header
    listed: Mapping[str, Listed]
    to_store: Mapping[str, FileKind | Output]
    """What its records name and the bundle does not hold, by member, in the order of mention."""
    lacks_files: bool = False
    """Whether submissions are without their files."""

    @property
    def total_bytes(self) -> int:
        """The size of all that is to be stored."""
        return sum(self.listed[member].size for member in self.to_store)

    def people(self) -> Iterator[Person]:
        """Yield everybody."""
        return _records(self.archive, self.root, records.PEOPLE, Person)

    def tasks(self) -> Iterator[TaskRecord]:
        """Yield the tasks."""
        return _records(self.archive, self.root, records.TASKS, TaskRecord)

    def submissions(self) -> Iterator[SubmissionRecord]:
        """Yield the submissions, each after those that it refers to."""
        return _records(self.archive, self.root, records.SUBMISSIONS, SubmissionRecord)

    def logs(self) -> Iterator[LogRecord]:
        """Yield the pieces of the logs, in order."""
        return _records(self.archive, self.root, records.LOGS, LogRecord)


def read(archive: Archive, root: str, listing: Listing, draft: CompetitionDraft) -> Contents | None:
    """Read and judge the archive of a bundle; None when it has none.

    Args:
        draft: what the bundle itself says.

    Raises:
        Unfit: something in it cannot be taken.
    """
    if not archive.is_folder(at(root, records.FOLDER)):
        return None
    if not listing.members:
        raise Unfit(records.FOLDER, f"no {NAME}", "the checksums of all members", _WHOLE)
    header = decode(Header, _json(_header(archive, root), records.HEADER), records.HEADER)
    judge = Judge(draft, root, listing.members, frozenset(header.lost))
    kinds: dict[str, tuple[type[Any], Any, int]] = {
        records.PEOPLE: (Person, judge.person, header.people),
        records.TASKS: (TaskRecord, judge.task, header.tasks),
        records.SUBMISSIONS: (SubmissionRecord, judge.submission, header.submissions),
        records.LOGS: (LogRecord, judge.log, header.logs),
    }
    for member, (kind, judged, expected) in kinds.items():
        count = 0
        for count, record in enumerate(_records(archive, root, member, kind), start=1):
            if count > expected:
                break
            judged(record, f"{member}, line {count}")
        if count != expected:
            found = f"more than {expected} lines" if count > expected else f"{count} lines"
            raise Unfit(member, found, f"the {expected} that {records.HEADER} tells of")
    site = "".join(char for char in listing.site if char.isprintable()) or "an unnamed site"
    return Contents(archive, root, site, header, listing.members, judge.to_store, judge.lacks_files)


def at(root: str, member: str) -> str:
    """Return where a member stands in the zip."""
    return f"{root}/{member}" if root else member


_WHOLE = f"Leave the folder {records.FOLDER} out of the zip to import the benchmark alone."


def _header(archive: Archive, root: str) -> bytes:
    if not archive.is_file(at(root, records.HEADER)):
        raise Unfit(records.HEADER, "no such file", "what the archive holds", _WHOLE)
    return archive.read(at(root, records.HEADER), _HEADER_BYTES)


def _records(archive: Archive, root: str, member: str, kind: type[T]) -> Iterator[T]:
    if not archive.is_file(at(root, member)):
        raise Unfit(member, "no such file", _LINES)
    for number, line in enumerate(_lines(archive, root, member), start=1):
        where = f"{member}, line {number}"
        yield decode(kind, _json(line, where), where)


def _lines(archive: Archive, root: str, member: str) -> Iterator[bytes]:
    rest, number = b"", 1
    for chunk in archive.chunks(at(root, member)):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            _check_length(line, member, number)
            yield line
            number += 1
        _check_length(rest, member, number)
    if rest:
        yield rest


def _check_length(line: bytes, member: str, number: int) -> None:
    if len(line) > records.MAX_LINE_BYTES:
        expected = f"at most {records.MAX_LINE_BYTES}"
        raise Unfit(f"{member}, line {number}", f"more than {len(line)} bytes", expected)


def _json(raw: bytes, where: str) -> object:
    try:
        return json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Unfit(where, "what is no JSON", "one JSON object") from None


def _refuse(name: str) -> object:
    raise ValueError(name)

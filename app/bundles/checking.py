"""What a bundle would become here: read, judged, and what it names looked up; nothing is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from app.bundles import places, read
from app.bundles.archives import reading as archives
from app.bundles.archives import records
from app.bundles.archives.fields import Unfit
from app.bundles.archives.reading import Contents
from app.bundles.fields import Note, NoteKind
from app.bundles.read import BundleReading
from app.competitions import findings
from app.competitions import services as competitions
from app.platform import archive
from app.platform.archive import Archive, BadArchive
from app.platform.configured import settings
from app.platform.moments import undated
from app.policy import Viewer


def understood(
    bundle: Archive, owner: Viewer | None, *, now: datetime, with_archive: bool = True
) -> BundleReading:
    """Read a bundle and look up what it names; all its problems at once, and then no draft.

    Args:
        owner: who is to own the benchmark; with None, keys and the queue are not looked up.
        with_archive: whether what took place in it is to be restored.
    """
    reading = _with_archive(bundle, _at_home(read.read(bundle)), is_wanted=with_archive)
    reading = dataclasses.replace(reading, notes=(*_far(reading, now), *reading.notes))
    if reading.draft is None or owner is None:
        return reading
    if problems := competitions.check(owner, reading.draft):
        placed = (places.placed(reading.manifest, one, reading.lines) for one in problems)
        return dataclasses.replace(reading, draft=None, problems=tuple(placed))
    return reading


def of_file(path: Path, owner: Viewer | None, *, now: datetime) -> BundleReading:
    """Check a bundle that lies on this machine, as :func:`understood` does."""
    with path.open("rb") as stream:
        try:
            return understood(archive.check(stream, archive.BUNDLE), owner, now=now)
        except BadArchive as error:
            return BundleReading(None, problems=tuple(places.of_zip(error, path.name)))


def _far(reading: BundleReading, now: datetime) -> Iterator[Note]:
    """Note the dates that pages do not show, for they are too far ahead to be meant as such."""
    for phase in reading.draft.phases if reading.draft else ():
        where = places.located(reading.manifest, phase.where, reading.lines)
        for key, time, shown in (
            ("start", phase.start, "“no date yet”"), ("end", phase.end, "no end"),
        ):  # fmt: skip
            if time is not None and undated(time, now=now):
                sentence = (
                    f"The {key} of “{phase.name}”, {findings.time(time)}, is more than 50 years "
                    f"ahead: it is kept, and pages show {shown}."
                )
                yield Note(where, sentence, NoteKind.CHANGED)


def _with_archive(bundle: Archive, reading: BundleReading, *, is_wanted: bool) -> BundleReading:
    if reading.draft is None:
        return reading
    try:
        found = archives.read(bundle, reading.root, reading.listing, reading.draft)
    except Unfit as error:
        if is_wanted:
            return dataclasses.replace(reading, draft=None, problems=(error.problem,))
        found = None
    if found is None:
        return reading
    if not is_wanted:
        note = Note("", "Participants, submissions and scores were left out, as you chose.")
        return dataclasses.replace(reading, notes=(*reading.notes, note))
    return dataclasses.replace(reading, notes=(*_told(found), *reading.notes), archive=found)


def _told(found: Contents) -> tuple[Note, ...]:
    """Say what an archive holds."""
    header = found.header
    sentences = [
        f"{_count(header.people, 'person', 'people')}, "
        f"{_count(header.submissions, 'submission', 'submissions')} and "
        f"{_count(header.logs, 'piece of a log', 'pieces of logs')}, measured on {found.site}. "
        "Their pages say so, and nothing is run again."
    ]
    if header.pseudonymised:
        sentences.append("It is pseudonymised: people have made-up names, and no file is theirs.")
    if header.lost:
        lost = _count(len(header.lost), "file was", "files were")
        sentences.append(f"{lost} lost there and left out.")
    return tuple(Note(records.FOLDER, one, NoteKind.RESTORED) for one in sentences)


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _at_home(reading: BundleReading) -> BundleReading:
    """Leave out what the dump of another site names and only that site has."""
    draft, site = reading.draft, reading.listing.site
    if draft is None or not draft.queue or site in ("", settings().base_url):
        return reading
    note = Note(
        "", f"The queue is one of {site}; the benchmark got the default queue of this site."
    )
    draft = dataclasses.replace(draft, queue="")
    return dataclasses.replace(reading, draft=draft, notes=(*reading.notes, note))

"""What a bundle would become here: read, judged, and what it names looked up; nothing is made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from app.bundles import places, read
from app.bundles.fields import Note
from app.bundles.read import BundleReading
from app.competitions import services as competitions
from app.platform import archive
from app.platform.archive import Archive, BadArchive
from app.platform.configured import settings
from app.policy import Viewer


def understood(bundle: Archive, owner: Viewer | None) -> BundleReading:
    """Read a bundle and look up what it names; all its problems at once, and then no draft.

    Args:
        owner: who is to own the benchmark; with None, keys and the queue are not looked up.
    """
    reading = _at_home(read.read(bundle))
    if reading.draft is None or owner is None:
        return reading
    if problems := competitions.check(owner, reading.draft):
        placed = (places.placed(reading.manifest, one, reading.lines) for one in problems)
        return dataclasses.replace(reading, draft=None, problems=tuple(placed))
    return reading


def of_file(path: Path, owner: Viewer | None) -> BundleReading:
    """Check a bundle that lies on this machine, as :func:`understood` does."""
    with path.open("rb") as stream:
        try:
            return understood(archive.check(stream, archive.BUNDLE), owner)
        except BadArchive as error:
            return BundleReading(None, problems=tuple(places.of_zip(error, path.name)))


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

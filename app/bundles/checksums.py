"""``manifest.json``: what a dump holds, with the checksum of each member, and where it came from.

Source: docs/reference/bundle.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.competitions.drafts import Problem
from app.platform.archive import Archive, BadArchive

NAME = "manifest.json"
FORMAT = "plumbline-dump"
VERSION = 1
_MAX_BYTES = 16 * 1024 * 1024
_ON_PURPOSE = f"If it was changed on purpose, take {NAME} out of the zip; the rest is then an ordinary bundle."


@dataclass(frozen=True)
class Listed:
    """What is known of a member."""

    sha256: str
    size: int
    file_name: str = ""
    """How the file is called where it was stored; empty for what is no stored file."""


@dataclass(frozen=True)
class Listing:
    """What a dump says of itself; ``site`` is empty for a bundle that is none."""

    site: str = ""
    members: Mapping[str, Listed] = field(default_factory=dict)


NO_LISTING = Listing()


def text(site: str, competition_id: int, members: Mapping[str, Listed], at: datetime) -> bytes:
    """Write the listing of a dump."""
    document = {
        "format": FORMAT,
        "format_version": VERSION,
        "source": {"site": site, "benchmark": competition_id},
        "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "members": {name: _entry(one) for name, one in sorted(members.items())},
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def read(archive: Archive, root: str) -> Listing | Problem:
    """Read the listing of a bundle; one without a listing of ours has an empty one."""
    if not archive.is_file(_at(root, NAME)):
        return NO_LISTING
    try:
        found = json.loads(archive.read(_at(root, NAME), _MAX_BYTES))
    except BadArchive as error:
        return _unreadable(error.faults[0].sentence)
    except (ValueError, RecursionError):
        return NO_LISTING
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return NO_LISTING  # some other program's
    if found.get("format_version") != VERSION:
        return _unreadable(f"It says format version {found.get('format_version')!r:.40}.")
    source, members = found.get("source"), found.get("members")
    if not isinstance(source, dict) or not isinstance(members, dict):
        return _unreadable("It says nothing of “source” or of “members”.")
    listed = {name: _listed(entry) for name, entry in members.items()}
    known = {name: entry for name, entry in listed.items() if entry is not None}
    if len(known) < len(listed):
        return _unreadable(
            f"What it says of “{min(listed.keys() - known.keys()):.80}” is no checksum."
        )
    return Listing(str(source.get("site", ""))[:500], known)


def problems(archive: Archive, root: str, listing: Listing) -> Iterator[Problem]:
    """List the members that are not what the listing says; reads each to its end."""
    for name, listed in listing.members.items():
        member = _at(root, name)
        if not archive.is_file(member):
            sentence = f"“{name}” is listed in {NAME} and not in the zip."
            yield _wrong(name, "nothing", listed, sentence)
            continue
        size = archive.members[member].size
        try:
            found = sha256(archive.chunks(member)) if size == listed.size else ""
        except BadArchive as error:
            yield _wrong(name, "a damaged member", listed, error.faults[0].sentence)
            continue
        if found != listed.sha256:
            shown = f"SHA-256 {found[:16]}…" if found else f"{size} bytes"
            sentence = f"“{name}” is not what {NAME} says: it was damaged or changed."
            yield _wrong(name, shown, listed, sentence)


def unlisted(archive: Archive, root: str, listing: Listing) -> list[str]:
    """Return the members that the listing does not name."""
    if listing is NO_LISTING:
        return []
    prefix = f"{root}/" if root else ""
    names = (member.name.removeprefix(prefix) for member in archive.files(root))
    return [name for name in names if name != NAME and name not in listing.members]


def stored(root: str, listing: Listing) -> frozenset[str]:
    """Return the members that were stored files where the dump was made."""
    return frozenset(_at(root, name) for name, one in listing.members.items() if one.file_name)


def sha256(chunks: Iterable[bytes]) -> str:
    """Return the hash of some bytes, 64 hex digits."""
    measured = hashlib.sha256()
    for chunk in chunks:
        measured.update(chunk)
    return measured.hexdigest()


def _entry(listed: Listed) -> dict[str, Any]:
    named = {"file_name": listed.file_name} if listed.file_name else {}
    return {"sha256": listed.sha256, "size": listed.size, **named}


def _listed(entry: object) -> Listed | None:
    if not isinstance(entry, dict):
        return None
    sha, size, name = entry.get("sha256"), entry.get("size"), entry.get("file_name", "")
    if not isinstance(sha, str) or type(size) is not int or not isinstance(name, str):
        return None
    return Listed(sha, size, name[:255])


def _at(root: str, name: str) -> str:
    return f"{root}/{name}" if root else name


def _wrong(name: str, found: str, listed: Listed, sentence: str) -> Problem:
    expected = f"{listed.size} bytes, SHA-256 {listed.sha256[:16]}…"
    return Problem(name, found, expected, sentence, _ON_PURPOSE)


def _unreadable(what: str) -> Problem:
    expected = f"a list of checksums in format version {VERSION}"
    found, sentence = what.rstrip("."), f"{NAME} cannot be read. {what}"
    return Problem(NAME, found, expected, sentence, _ON_PURPOSE)

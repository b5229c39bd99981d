"""Dumps that were damaged or changed on their way, and bundles that only look like dumps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.bundles import checksums
from app.bundles.checksums import NAME
from app.bundles.read import BundleReading
from tests.bundles.bundle_factories import make_files, read_files, written
from tests.bundles.test_write import sealed

ON_PURPOSE = (
    "If it was changed on purpose, take manifest.json out of the zip; the rest is then an ordinary "
    "bundle."
)


def changed(listing: Any = None, **files: bytes) -> BundleReading:
    members = sealed(make_files())
    if listing is not None:
        members[NAME] = listing if isinstance(listing, bytes) else json.dumps(listing).encode()
    return read_files(members | {name.replace("__", "."): raw for name, raw in files.items()})


def test_whole_dump_is_read_with_its_listing() -> None:
    reading = changed()
    assert (written(reading), reading.listing.site) == ([], "https://here.test")
    assert reading.listing.members["data.zip"].size == len(make_files()["data.zip"])


def test_changed_member_is_named_with_what_to_do() -> None:
    (problem,) = changed(overview__md=b"# Hullo").problems
    assert problem.where == "overview.md"
    assert problem.found.startswith("SHA-256 ")
    sentence = "“overview.md” is not what manifest.json says: it was damaged or changed."
    assert (problem.sentence, problem.hint) == (sentence, ON_PURPOSE)


def test_every_wrong_member_is_named_at_once() -> None:
    members = sealed(make_files())
    del members["terms.md"]
    reading = read_files(
        members | {"overview.md": b"# Hello!", "competition.yaml": b"no: yaml: it is"}
    )
    assert {problem.where for problem in reading.problems} == {
        "competition.yaml", "overview.md", "terms.md",
    }  # fmt: skip
    (lost,) = [problem for problem in reading.problems if problem.where == "terms.md"]
    assert lost.sentence == "“terms.md” is listed in manifest.json and not in the zip."


def test_wrong_size_is_told_without_reading() -> None:
    (problem,) = changed(overview__md=b"# Hello, you").problems
    assert (problem.found, problem.expected[:8]) == ("12 bytes", "7 bytes,")


def test_members_that_nobody_vouches_for_are_noted() -> None:
    reading = changed(**{"new__txt": b"new"})
    assert written(reading) == []
    sentence = "“new.txt” is not listed in manifest.json, so nothing vouches for it."
    assert sentence in [note.sentence for note in reading.notes]


@pytest.mark.parametrize(
    "listing", [b"no json", b"[]", {"files": []}, {"format": "web-app"}, b"[" * 100_000]
)
def test_manifest_of_some_other_program_is_passed_over(listing: Any) -> None:
    reading = changed(listing, overview__md=b"# Hullo")
    assert (written(reading), reading.listing) == ([], checksums.NO_LISTING)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format_version": 2}, "It says format version 2."),
        ({"members": []}, "It says nothing of “source” or of “members”."),
        ({"members": {"a.md": {"size": 1}}}, "What it says of “a.md” is no checksum."),
        (
            {"members": {"a.md": {"size": True, "sha256": ""}}},
            "What it says of “a.md” is no checksum.",
        ),
    ],
)
def test_listing_that_cannot_be_read_is_a_problem(change: dict[str, Any], sentence: str) -> None:
    listing = json.loads(sealed(make_files())[NAME])
    (problem,) = changed(listing | change).problems
    assert problem.where == NAME
    assert problem.sentence == f"manifest.json cannot be read. {sentence}"
    assert problem.hint == ON_PURPOSE


def test_dump_inside_a_folder_is_verified_there() -> None:
    members = {f"top/{name}": raw for name, raw in sealed(make_files()).items()}
    assert written(read_files(members)) == []
    (problem,) = read_files(members | {"top/overview.md": b"# Hullo"}).problems
    assert problem.where == "overview.md"

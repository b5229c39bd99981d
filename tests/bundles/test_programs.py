"""A program that cannot be run is named when the bundle is read, not by the first submission."""

from __future__ import annotations

import pytest

from app.bundles.fields import NoteKind
from tests.bundles.bundle_factories import changed, make_files, read_files, zip_of

METADATA = "scoring/metadata.yaml"
RUNS = b"command: python3 $program/score.py"


def said(files: dict[str, bytes]) -> list[str]:
    reading = read_files(files)
    assert reading.draft is not None
    return [
        str(note)
        for note in reading.notes
        if "program" in note.where and note.kind == NoteKind.CHANGED
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, "has no file metadata.yaml or metadata"),
        (b"description: scores\n", "without a command that can be run"),
        (b"command:\n", "without a command that can be run"),
        (b"command: [python3]\n", "without a command that can be run"),
        (b'command: python3 "score.py\n', "without a command that can be run"),
        (b"- command\n", "without a command that can be run"),
        (b"command: {", "that cannot be read"),
    ],
)
def test_program_that_cannot_run_is_a_note(metadata: bytes | None, expected: str) -> None:
    files = make_files()
    del files[METADATA]
    if metadata is not None:
        files[METADATA] = metadata
    [note] = said(files)
    assert note.startswith("competition.yaml, line 11, tasks[0].scoring_program: “scoring”")
    assert expected in note
    assert "every submission would fail" in note
    assert "Add a file metadata.yaml" in note


@pytest.mark.parametrize("folder", ["", "wrapped/"])
@pytest.mark.parametrize("name", ["metadata.yaml", "metadata"])
def test_metadata_is_found_where_machines_find_it(folder: str, name: str) -> None:
    files = make_files()
    files[f"scoring/{folder}{name}"] = files.pop(METADATA)
    files[f"scoring/{folder}score.py"] = files.pop("scoring/score.py")
    assert said(files) == []


def test_metadata_deeper_or_beside_other_files_does_not_count() -> None:
    files = make_files()
    files["scoring/wrapped/metadata"] = files.pop(METADATA)
    assert len(said(files)) == 1


def test_zipped_programs_are_looked_into() -> None:
    manifest = changed(("scoring/", "scoring.zip\n  ingestion_program: ingestion.zip"))
    files = make_files(manifest)
    files["scoring.zip"] = zip_of({"in/metadata": RUNS, "in/score.py": b""}).getvalue()
    files["ingestion.zip"] = zip_of({"ingest.py": b""}).getvalue()
    [note] = said(files)
    assert "tasks[0].ingestion_program: “ingestion.zip” has no file metadata" in note
    assert "it would not be run" in note

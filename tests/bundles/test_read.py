from __future__ import annotations

import io

import pytest

from app.bundles.members import write
from app.bundles.read import read
from app.competitions.drafts import FileRef
from app.competitions.findings import MAX_TEXT_BYTES
from app.platform.archive import Archive
from tests.bundles.bundle_factories import (
    changed,
    content,
    make_files,
    png,
    read_files,
    read_manifest,
    written,
    zip_of,
)

OUTSIDE = [
    "../../../../etc/hostname",
    "/etc/hostname",
    "pages/../../secret",
    "C:\\secret",
    "..\\secret",
    "file:///etc/hostname",
]


def test_plain_bundle_is_read_without_notes() -> None:
    reading = read_files(make_files())
    assert (reading.problems, reading.notes) == ((), ())
    assert reading.draft is not None
    assert reading.draft.terms == "Be kind."


def test_wrapping_folder_is_looked_through_with_a_note() -> None:
    wrapped = {f"my bundle/{name}": raw for name, raw in make_files().items()}
    reading = read_files({**wrapped, "__MACOSX/my bundle/._logo.png": b""})
    assert [str(note) for note in reading.notes] == [
        "my bundle/competition.yaml: "
        "Everything is inside the folder “my bundle”; it was read as if zipped without it."
    ]
    assert reading.draft is not None
    assert reading.draft.tasks[0].scoring_program == FileRef(
        member="my bundle/scoring", is_folder=True
    )


def test_missing_manifest_says_where_another_one_is() -> None:
    assert written(read_files({"a.txt": b"", "b/competition.yaml": b""})) == [
        "competition.yaml: competition.yaml is not at the top of the zip; "
        "found only b/competition.yaml."
    ]
    assert "found 1 other file." in written(read_files({"a.txt": b""}))[0]


def test_short_spelling_of_the_manifest_is_accepted() -> None:
    files = make_files()
    files["competition.yml"] = files.pop("competition.yaml")
    assert read_files(files).problems == ()


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"a: b: c", "Line 1, column 5: mapping values are not allowed here."),
        (b"- 1", "Found a list of 1; expected a mapping of keys to values."),
        (b"", "Found nothing; expected a mapping of keys to values."),
        ("title: é".encode("utf-16"), "The text is encoded as UTF-16."),
        (b"#" * 300_000, "The file competition.yaml has 300000 bytes; the limit is 262144."),
        (b"a: &a [*a]", "Line 1, column 8: an alias points to what contains it."),
    ],
)
def test_unreadable_manifest_is_one_sentence(raw: bytes, sentence: str) -> None:
    (problem,) = read_manifest(raw).problems
    assert problem.sentence == sentence
    assert problem.where.startswith("competition.yaml")


@pytest.mark.security
@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize(
    ("old", "key"),
    [
        ("logo.png", "image"),
        ("terms.md", "terms"),
        ("overview.md", "pages[0].file"),
        ("scoring/", "tasks[0].scoring_program"),
    ],
)
def test_paths_out_of_the_bundle_are_refused(path: str, old: str, key: str) -> None:
    (problem,) = read_manifest(changed((old, path))).problems
    assert problem.where.endswith(f", {key}")
    assert problem.sentence.startswith("Found a path that cannot be used: ")
    assert problem.expected == "a path inside the zip"


@pytest.mark.security
@pytest.mark.parametrize("key", ["ingestion_program", "input_data", "reference_data"])
def test_paths_of_task_files_stay_inside(key: str) -> None:
    change = ("scoring_program: scoring/", f"scoring_program: scoring/\n  {key}: ../up")
    (problem,) = read_manifest(changed(change)).problems
    assert problem.where == f"competition.yaml, line 12, tasks[0].{key}"


@pytest.mark.security
@pytest.mark.parametrize("key", ["starting_kit", "public_data"])
def test_paths_of_kits_stay_inside(key: str) -> None:
    (problem,) = read_manifest(changed(("tasks: [0]", f"tasks: [0]\n  {key}: ../up"))).problems
    assert problem.where == f"competition.yaml, line 17, phases[0].{key}"


def test_whole_bundle_is_no_program() -> None:
    (problem,) = written(read_manifest(changed(("scoring/", "."))))
    assert "Found “.”, the whole bundle; expected a file or folder inside it." in problem


def test_missing_file_comes_with_a_guess() -> None:
    (problem,) = written(read_manifest(changed(("terms.md", "term.md"))))
    assert problem == (
        "competition.yaml, line 4, terms: Found “term.md”, which is not in the zip; "
        "expected a file of the zip."
    )
    (problem,) = written(read_manifest(changed(("scoring/", "nothing/like/it"))))
    assert problem.endswith("expected a file or folder of the zip, or the key of stored data.")


def test_program_that_is_no_zip_is_a_problem() -> None:
    (problem,) = written(read_manifest(changed(("scoring/", "truth.csv"))))
    assert problem.endswith(
        "Found “truth.csv”, which is not a zip file; expected a zip file or a folder."
    )


def test_text_in_another_encoding_is_refused_with_its_name() -> None:
    files = {**make_files(), "terms.md": "Höflich".encode("latin-1")}
    (problem,) = written(read_files(files))
    assert problem == (
        "competition.yaml, line 4, terms: Found “terms.md”, which cannot be used: The text is not "
        "UTF-8 in line 1; it looks like Windows-1252 or Latin-1; "
        "expected text in UTF-8 of at most 65536 bytes."
    )


def test_text_that_is_too_long_is_refused() -> None:
    files = {**make_files(), "overview.md": b"x" * (MAX_TEXT_BYTES + 1)}
    (problem,) = written(read_files(files))
    assert "The file overview.md has 65537 bytes; the limit is 65536" in problem
    assert read_files({**files, "overview.md": b"x" * MAX_TEXT_BYTES}).problems == ()


@pytest.mark.parametrize("raw", [b"<svg/>", b"GIF89a", png()[:40]])
def test_logo_that_is_no_picture_is_refused(raw: bytes) -> None:
    (problem,) = written(read_files({**make_files(), "logo.png": raw}))
    assert problem.startswith(
        "competition.yaml, line 3, image: Found “logo.png”, which cannot be used"
    )
    assert problem.endswith("expected a PNG, JPEG, GIF or WebP picture.")


def test_empty_page_is_refused() -> None:
    (problem,) = written(read_files({**make_files(), "overview.md": b"\n"}))
    assert problem == (
        "competition.yaml, line 7, pages[0].file: Page 1 is no text; expected a page with text."
    )


def test_references_are_written_as_the_worker_wants_them() -> None:
    archive = Archive(zip_of(make_files()))
    assert read(archive).problems == ()
    folder, file = io.BytesIO(), io.BytesIO()
    write(archive, FileRef(member="scoring", is_folder=True), folder)
    assert sorted(content(folder)) == ["metadata.yaml", "score.py"]
    write(archive, FileRef(member="data.zip"), file)
    assert content(file) == {"a.csv": b"1"}

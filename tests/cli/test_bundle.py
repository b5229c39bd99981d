"""The commands about bundles."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from app.competitions.models import Competition
from app.platform.db import db
from app.resources.models import StoredFile
from tests.bundles.bundle_factories import MANIFEST, changed, make_files, zip_of
from tests.bundles.legacy import manifests as legacy
from tests.factories import make_user
from tests.fakes.storage import FakeStore

BAD = changed(("title: A benchmark", 'title: "a\\nb"'), ("start: 2030-01-01", "start: soon"),
              ("file: overview.md", "file: lost.md"))  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(manifest: str = MANIFEST) -> str:
        path = tmp_path / "bundle.zip"
        path.write_bytes(zip_of(make_files(manifest)).getvalue())
        return str(path)

    return written


def call(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["bundle", *words])


def competitions() -> int:
    return db.session.scalar(select(func.count()).select_from(Competition)) or 0


def test_import_says_where_the_benchmark_is(app: Flask, write: Any) -> None:
    make_user("olga")
    result = call(app, "import", write(), "--owner", "olga")
    made = db.session.scalars(select(Competition)).one()
    assert result.exit_code == 0, result.output
    assert f"http://localhost/benchmarks/{made.id}" in result.stdout
    assert "not published yet" in result.stdout
    assert not made.is_published


def test_import_can_publish_and_speak_json(app: Flask, write: Any) -> None:
    make_user("olga")
    manifest = MANIFEST + "published: true\n"
    result = call(app, "import", write(manifest), "--owner", "Olga", "--publish", "--json")
    made = db.session.scalars(select(Competition)).one()
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    (note,) = answer.pop("notes")
    assert note["kind"] == "ignored"
    assert note["where"].endswith("published")
    assert "A bundle cannot set this" in note["sentence"]
    assert answer == {
        "competition_id": made.id, "title": "A benchmark", "is_published": True, "problems": [],
        "url": f"http://localhost/benchmarks/{made.id}",
    }  # fmt: skip
    assert made.is_published


def test_address_of_the_benchmark_is_the_page(app: Flask, write: Any) -> None:
    make_user("olga")
    answer = json.loads(call(app, "import", write(), "--owner", "olga", "--json").stdout)
    with app.test_request_context():
        page = app.url_for("competitions.detail", competition_id=answer["competition_id"])
    assert answer["url"] == f"http://localhost{page}"


def test_bad_bundle_prints_a_line_for_every_problem(
    app: Flask, write: Any, store: FakeStore
) -> None:
    make_user("olga")
    result = call(app, "import", write(BAD), "--owner", "olga")
    assert result.exit_code == 1
    assert result.stdout == ""
    told = {line.partition(": ")[0].rpartition(", ")[2] for line in result.stderr.splitlines()}
    assert told == {"pages[0].file", "phases[0].start"}
    assert competitions() == 0
    uploads = {file.ref for file in db.session.scalars(select(StoredFile))}
    assert set(store.objects) == uploads  # the bundle itself, and nothing of it


def test_bad_bundle_speaks_json_too(app: Flask, write: Any) -> None:
    make_user("olga")
    for words in (("import", write(BAD), "--owner", "olga"), ("check", write(BAD))):
        result = call(app, *words, "--json")
        assert result.exit_code == 1
        problems = json.loads(result.stdout)["problems"]
        assert {key for problem in problems for key in problem} == {
            "where", "found", "expected", "sentence", "hint",
        }  # fmt: skip


def test_file_that_is_no_zip_is_refused_in_a_sentence(app: Flask, tmp_path: Path) -> None:
    make_user("olga")
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"hello")
    for words in (("import", str(path), "--owner", "olga"), ("check", str(path))):
        result = call(app, *words)
        assert result.exit_code == 1
        assert "not a zip" in result.stderr


def test_unknown_owner_is_refused(app: Flask, write: Any) -> None:
    result = call(app, "import", write(), "--owner", "nobody")
    assert result.exit_code == 1
    assert "There is no account named nobody." in result.stderr
    assert call(app, "import", "missing.zip", "--owner", "x").exit_code == 2
    assert competitions() == 0


def test_check_groups_its_report_by_kind(app: Flask, write: Any) -> None:
    result = call(
        app, "check", write(legacy.PLAIN.replace("label: Final", "label: F\n    color: red"))
    )
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "The bundle can be imported."
    headings = [line for line in lines[1:] if not line.startswith("  ")]
    assert headings == ["Changed:", "Without equivalent here:", "Converted:"]
    assert lines[lines.index("Without equivalent here:") + 1] == (
        "  competition.yaml, line 16, phases.2.color: Phases have no colours here."
    )


def test_check_speaks_json(app: Flask, write: Any) -> None:
    answer = json.loads(call(app, "check", write(legacy.PLAIN), "--json").stdout)
    assert answer["problems"] == []
    assert {note["kind"] for note in answer["notes"]} == {"changed", "converted"}


def test_check_looks_up_the_queue_for_whoever_is_named(app: Flask, write: Any) -> None:
    make_user("olga")
    path = write(MANIFEST.replace("title: A b", "queue: nosuchqueue\ntitle: A b"))
    assert "were not looked up" in call(app, "check", path).stdout
    result = call(app, "check", path, "--owner", "olga")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nosuchqueue" in result.stderr
    assert "no account named otto" in call(app, "check", path, "--owner", "otto").stderr


def test_check_imports_nothing(app: Flask, write: Any) -> None:
    result = call(app, "check", write())
    assert (result.exit_code, result.stdout) == (0, "The bundle can be imported.\n")
    assert competitions() == 0


def test_dump_can_be_imported_again(app: Flask, write: Any, tmp_path: Path) -> None:
    make_user("olga")
    call(app, "import", write(), "--owner", "olga")
    made = db.session.scalars(select(Competition)).one()
    dump = tmp_path / "dump.zip"
    result = call(app, "dump", str(made.id), str(dump))
    assert result.exit_code == 0, result.output
    assert result.stdout == f"Wrote “A benchmark” to {dump}: {dump.stat().st_size} bytes.\n"
    assert call(app, "check", str(dump)).stdout.startswith("The bundle can be imported.")
    assert call(app, "import", str(dump), "--owner", "olga").exit_code == 0
    assert competitions() == 2


def test_dump_of_nothing_leaves_no_file(app: Flask, tmp_path: Path) -> None:
    result = call(app, "dump", "7", str(tmp_path / "dump.zip"))
    assert result.exit_code == 1
    assert "There is no such benchmark" in result.stderr
    assert list(tmp_path.glob("dump*")) == []


def test_archive_is_dumped_with_its_options(app: Flask, write: Any, tmp_path: Path) -> None:
    make_user("olga")
    call(app, "import", write(), "--owner", "olga")
    made = db.session.scalars(select(Competition)).one()
    file = str(tmp_path / "dump.zip")
    for options in (["--addresses"], ["--archive", "--keys"],
                    ["--archive", "--pseudonymised", "--addresses"]):  # fmt: skip
        assert call(app, "dump", str(made.id), file, *options).exit_code == 2
    assert call(app, "dump", str(made.id), file, "--archive").exit_code == 0
    with zipfile.ZipFile(file) as found:
        assert "archive/submissions.jsonl" in found.namelist()

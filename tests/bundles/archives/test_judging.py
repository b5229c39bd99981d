"""Archives of strangers: one clear sentence each, and nothing of them stays."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts.models import User
from app.bundles import checking, services
from app.bundles.archives import records
from app.bundles.checksums import NAME
from app.competitions.services import InvalidDraft
from app.leaderboards import services as boards
from app.platform.db import Base, db
from app.policy import Viewer
from tests.bundles.archives.history import make_history
from tests.bundles.archives.test_gathering import members, pack
from tests.factories import NOW, make_user
from tests.fakes.storage import FakeStore

PEOPLE, TASKS, SUBMISSIONS, LOGS = (
    records.PEOPLE, records.TASKS, records.SUBMISSIONS, records.LOGS,
)  # fmt: skip
_made: list[bytes] = []


@pytest.fixture
def raw(app: Flask, store: FakeStore) -> bytes:
    """An archive; made once, for nothing here changes it."""
    if not _made:
        organizer = make_user("quill")
        _made.append(pack(organizer, make_history(organizer, store)))
    return _made[0]


def zipped(found: dict[str, bytes], *, listed: bool = True) -> bytes:
    """Zip members, with a listing that vouches for them as they are."""
    listing = json.loads(found[NAME])
    listing["members"] = {
        name: {
            **listing["members"].get(name, {}), "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for name, content in found.items() if name != NAME
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in found.items():
            if name != NAME or listed:
                target.writestr(name, json.dumps(listing) if name == NAME else content)
    return out.getvalue()


def forged(raw: bytes, member: str, line: int, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change a record, and the checksums so that they fit."""
    found = members(raw)
    lines = found[member].splitlines()
    record = json.loads(lines[line - 1])
    change(record)
    lines[line - 1] = json.dumps(record).encode()
    return zipped({**found, member: b"\n".join(lines) + b"\n"})


def problem(raw: bytes, path: Path) -> str:
    file = path / "archive.zip"
    file.write_bytes(raw)
    (only,) = checking.of_file(file, None, now=NOW).problems
    assert only.found
    assert only.expected
    return str(only)


def put(*keys: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change: the value under some keys is another one."""
    *path, last, value = keys

    def change(record: Any) -> None:
        for key in path:
            record = record[key]
        record[last] = value

    return change


RUN, OTHER = ("runs", 0), "0" * 64
FORGERIES: list[tuple[str, int, Callable[[dict[str, Any]], object], str]] = [
    (PEOPLE, 2, put("person", "1"), "line 2, person: Found “1” again; expected each once."),
    (PEOPLE, 2, put("person", "../1"), "line 2, person: Found “../1”; expected a text of at most 40"),
    (PEOPLE, 1, put("status", "owner"), "status: Found “owner”; expected one of nothing at all, approved, denied, pending."),
    (PEOPLE, 1, put("name", "x" * 101), "name: Found 101 characters; expected a text of at most 100"),
    (PEOPLE, 1, put("name", "a\0b"), "name: Found a zero character; expected text without it."),
    (PEOPLE, 1, put("name", "\ud800"), "name: Found half a character; expected text in Unicode."),
    (PEOPLE, 1, put("registered_at", "yesterday"), "registered_at: Found “yesterday”; expected a time such as"),
    (PEOPLE, 1, put("registered_at", None), "registered_at: Found nothing; expected when they registered."),
    (PEOPLE, 1, lambda one: one.pop("email"), "email: Found no such key; expected a text of at most 254"),
    (TASKS, 1, put("index", 7), "line 1, index: Found 7; expected the index of a task that a phase"),
    (TASKS, 2, put("index", 0), "line 2, index: Found 0 again; expected each once."),
    (TASKS, 1, put("revisions", []), "revisions: Found the numbers []; expected at least one"),
    (TASKS, 1, put("revisions", 0, "number", 2), "revisions: Found the numbers [2, 2]; expected"),
    (TASKS, 1, put("revisions", 0, "reference_data", "member", "../../etc/passwd"), "reference_data.member: Found “../../etc/passwd”; expected"),
    (TASKS, 1, put("revisions", 0, "reference_data", "member", "tasks/../secret.zip"), "reference_data: Found “tasks/../secret.zip”; expected a file that competition.yaml names."),
    (TASKS, 1, put("revisions", 0, "reference_data", "6f1c0e0e-0000-4000-8000-000000000000"), "reference_data: Found “6f1c0e0e-0000-4000-8000-000000000000”; expected a mapping"),
    (SUBMISSIONS, 1, put("submission", 2), "line 1, submission: Found 2; expected 1."),
    (SUBMISSIONS, 1, put("phase", 2), "phase: Found 2; expected a phase from 0 to 1."),
    (SUBMISSIONS, 1, put("phase", True), "phase: Found True; expected a whole number from 0"),
    (SUBMISSIONS, 1, put("person", "77"), "person: Found “77”; expected somebody of archive/people.jsonl."),
    (SUBMISSIONS, 1, put("state", "won"), "state: Found “won”; expected one of cancelled, failed"),
    (SUBMISSIONS, 3, put("on_board", True), "on_board: Found true; expected false, for it is not finished."),
    (SUBMISSIONS, 3, put("state", "finished"), "state: Found finished; expected that all its runs are finished, too."),
    (SUBMISSIONS, 3, put("ended_at", None), "ended_at: Found nothing; expected a time, for it is failed."),
    (SUBMISSIONS, 6, put("rerun_of", 6), "rerun_of: Found 6; expected an earlier submission of the same person"),
    (SUBMISSIONS, 6, put("rerun_of", 2), "rerun_of: Found 2; expected an earlier submission of the same person"),
    (SUBMISSIONS, 7, put("migrated_from", 6), "migrated_from: Found 6; expected an earlier submission of the same"),
    (SUBMISSIONS, 1, put("file", "sha256", OTHER), "file: Found the SHA-256 0000000000000000…; expected"),
    (SUBMISSIONS, 1, put("file", "member", "tasks/1-lungs/reference_data.zip"), "file: Found “tasks/1-lungs/reference_data.zip”; expected a member of archive/submissions/"),
    (SUBMISSIONS, 1, put("file", "member", "archive/submissions/99.zip"), "file: Found “archive/submissions/99.zip”; expected a member"),
    (SUBMISSIONS, 1, put("answers", {"method": [1]}), "answers.method: Found a list of 1; expected a text"),
    (SUBMISSIONS, 1, put("origin", {"site": "", "number": 1}), "origin.site: Found “”; expected a text of at most 500"),
    (SUBMISSIONS, 1, put(*RUN, "scores", {"bonus": 1}), "runs[0].scores: Found the key “bonus”; expected keys of the leaderboard"),
    (SUBMISSIONS, 1, put(*RUN, "scores", {"score": 1e301}), "runs[0].scores.score: Found 1e+301; expected a number below 1e+300."),
    (SUBMISSIONS, 1, put(*RUN, "scores", {"score": "1"}), "runs[0].scores.score: Found “1”; expected a number"),
    (SUBMISSIONS, 1, put(*RUN, "scores", {"score": float("nan")}), "line 1: Found what is no JSON; expected one JSON object."),
    (SUBMISSIONS, 3, put(*RUN, "scores", {"score": 1}), "runs[0].scores: Found scores; expected none, for the run is failed."),
    (SUBMISSIONS, 1, put(*RUN, "revision", 3), "runs[0].revision: Found 3; expected a revision of its task."),
    (SUBMISSIONS, 1, put(*RUN, "task", 2), "runs[0].task: Found 2; expected a line of archive/tasks.jsonl"),
    (SUBMISSIONS, 1, put(*RUN, "task", 1), "runs: Found a task twice; expected one run on each task."),
    (SUBMISSIONS, 1, put(*RUN, "outputs", 1, "kind", "detailed_results"), "outputs[1].kind: Found “detailed_results” again"),
    (SUBMISSIONS, 1, put(*RUN, "outputs", 0, "member", "archive/people.jsonl"), "outputs[0]: Found “archive/people.jsonl”; expected a member of archive/outputs/"),
    (SUBMISSIONS, 1, put(*RUN, "outputs", 0, "kind", "secrets"), "outputs[0].kind: Found “secrets”; expected one of"),
    (SUBMISSIONS, 1, put(*RUN, "attempts", 0, "limits", {"cpus": 1}), "attempts[0].limits: Found the keys cpus; expected nothing, or"),
    (SUBMISSIONS, 1, put(*RUN, "notes", "x"), "runs[0].notes: Found “x”; expected a list of at most"),
    (SUBMISSIONS, 1, put(*RUN, "container_s", -1), "container_s: Found -1; expected a number of seconds."),
    (SUBMISSIONS, 1, put(*RUN, "step_seconds", {"rest": 1}), "step_seconds: Found the key “rest”; expected"),
    (LOGS, 1, put("submission", 10), "line 1, submission: Found 10; expected one of the archive's."),
    (LOGS, 1, put("task", 9), "line 1, task: Found 9; expected a task that the submission ran on."),
    (LOGS, 2, put("seq", 2), "line 2, seq: Found 2; expected pieces in order, each once."),
    (LOGS, 1, put("stream", "secret"), "stream: Found “secret”; expected one of"),
]  # fmt: skip


@pytest.mark.parametrize(("member", "line", "change", "sentence"), FORGERIES)
def test_forged_record_is_named(
    raw: bytes, tmp_path: Path, member: str, line: int, change: Any, sentence: str
) -> None:
    said = problem(forged(raw, member, line, change), tmp_path)
    assert said.startswith(f"{member}, line {line}")
    assert sentence in said


def test_archive_is_fine_as_it_is(raw: bytes, tmp_path: Path) -> None:
    file = tmp_path / "archive.zip"
    file.write_bytes(zipped(members(raw)))
    assert checking.of_file(file, None, now=NOW).problems == ()


@pytest.mark.parametrize(
    ("member", "content", "sentence"),
    [
        (PEOPLE, b"nobody\n", "archive/people.jsonl, line 1: Found what is no JSON; expected one"),
        (PEOPLE, b"[" * 100_000, "archive/people.jsonl, line 1: Found what is no JSON"),
        (PEOPLE, b'{"person": ' + b"9" * 5_000 + b"}", "archive/people.jsonl, line 1: Found what is no JSON"),
        (PEOPLE, b" " * 2_000_000, "archive/people.jsonl, line 1: Found more than "),
        (PEOPLE, b"", "archive/people.jsonl: Found 0 lines; expected the 5 that archive/archive.json"),
        (LOGS, None, "archive/logs.jsonl: Found no such file; expected lines of one JSON object each."),
        (records.HEADER, None, "archive/archive.json: Found no such file; expected what the archive"),
        (records.HEADER, b"{}", "archive/archive.json, format: Found no such key; expected one of"),
        (records.HEADER, b"[]", "archive/archive.json: Found a list of 0; expected a mapping"),
    ],
)  # fmt: skip
def test_broken_member_is_named(
    raw: bytes, tmp_path: Path, member: str, content: bytes | None, sentence: str
) -> None:
    found = {**members(raw), member: content}
    there = {name: one for name, one in found.items() if one is not None}
    assert problem(zipped(there), tmp_path).startswith(sentence)


def test_lines_that_nobody_counted_are_refused(raw: bytes, tmp_path: Path) -> None:
    found = members(raw)
    found[PEOPLE] += found[PEOPLE].splitlines()[0] + b"\n"
    said = "archive/people.jsonl: Found more than 5 lines; expected the 5 that"
    assert problem(zipped(found), tmp_path).startswith(said)


def test_later_version_is_refused(raw: bytes, tmp_path: Path) -> None:
    found = members(raw)
    header = {**json.loads(found[records.HEADER]), "format_version": 2}
    said = problem(zipped({**found, records.HEADER: json.dumps(header).encode()}), tmp_path)
    assert "format_version: Found 2; expected a whole number from 1 to 1." in said


def test_archive_without_checksums_is_refused(raw: bytes, tmp_path: Path) -> None:
    said = problem(zipped(members(raw), listed=False), tmp_path)
    assert said.startswith(
        "archive: Found no manifest.json; expected the checksums of all members."
    )
    assert "Leave the folder archive out of the zip" in said


def test_changed_member_is_found_by_its_checksum(raw: bytes, tmp_path: Path) -> None:
    found = members(raw)
    found["archive/submissions/1.zip"] += b"x"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in found.items():
            target.writestr(name, content)
    assert "“archive/submissions/1.zip” is not what manifest.json says" in problem(
        out.getvalue(), tmp_path
    )


def counts() -> dict[str, int]:
    db.session.rollback()
    tables = [table for table in Base.metadata.sorted_tables if table.name != "bundle_imports"]
    return {
        one.name: db.session.scalar(select(func.count()).select_from(one)) or 0 for one in tables
    }


def test_nothing_of_a_refused_archive_stays(
    raw: bytes, store: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    petra = make_user("petra")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before, objects = counts(), set(store.objects)
    for member, line, change, _sentence in FORGERIES[::10]:
        with pytest.raises(InvalidDraft):
            _import(petra, forged(raw, member, line, change), tmp_path)
    _same_but_for_zips(before, objects, store, len(FORGERIES[::10]))
    assert list(temporary.iterdir()) == []


def test_nothing_stays_of_an_archive_that_fails_half_way(
    raw: bytes, store: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    petra = make_user("petra")
    before, objects = counts(), set(store.objects)
    monkeypatch.setattr(boards, "restore", _fail)
    with pytest.raises(ZeroDivisionError):
        _import(petra, raw, tmp_path)
    _same_but_for_zips(before, objects, store, 1)


def _fail(*_args: object) -> None:
    raise ZeroDivisionError


def _import(actor: User, raw: bytes, path: Path) -> None:
    file = path / "archive.zip"
    file.write_bytes(raw)
    services.import_file(Viewer(actor.id, actor.username), file, lambda: NOW)


def _same_but_for_zips(
    before: dict[str, int], objects: set[Any], store: FakeStore, zips: int
) -> None:
    """The zips themselves are their owner's, who may look at them again."""
    after = counts()
    after["stored_files"] -= zips
    assert after == before
    assert len(set(store.objects) - objects) == zips

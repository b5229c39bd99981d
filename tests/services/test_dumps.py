"""Benchmarks that went through a real S3 server, twice: every file is what it was."""

from __future__ import annotations

import hashlib
import io
import json
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from flask import Flask

from app.bundles import services as bundles
from app.bundles.checksums import NAME
from app.bundles.dumps import queries, services
from app.competitions.models import Competition
from app.platform.db import db, unit_of_work
from app.platform.storage import S3Store, store
from app.policy import Viewer
from tests.factories import NOW, make_user

pytestmark = pytest.mark.services

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MIB = 1024 * 1024


@pytest.fixture
def olga(app: Flask, s3_settings: dict[str, str]) -> Viewer:
    """The organizer, on an app with a real store."""
    url, access, secret = (
        s3_settings[name] for name in ("s3_url", "s3_access_key", "s3_secret_key")
    )
    real = S3Store(url, "", access, secret, "us-east-1")
    real.prepare()
    app.extensions["plumbline.store"] = real
    user = make_user("olga")
    return Viewer(user.id, user.username)


def dump(actor: Viewer, competition_id: int) -> bytes:
    """Make a dump as a job would, and return what lies in the store."""
    with unit_of_work():
        competition = db.session.get_one(Competition, competition_id)
        dump_id = services.request(actor, competition, with_files=True, now=NOW).id
    services.run(dump_id, lambda: NOW)
    made = queries.get(dump_id, actor)
    assert (made.state, made.refusal) == ("finished", "")
    assert made.file is not None
    there = store().open(made.file.ref)
    try:
        content: bytes = there.read()
    finally:
        there.close()
    assert hashlib.sha256(content).hexdigest() == made.file.sha256
    return content


def listed(raw: bytes) -> dict[str, dict[str, object]]:
    """Return the checksums of a dump, having compared them with what is in it."""
    with zipfile.ZipFile(io.BytesIO(raw)) as found:
        members: dict[str, dict[str, object]] = json.loads(found.read(NAME))["members"]
        for name, entry in members.items():
            assert hashlib.sha256(found.read(name)).hexdigest() == entry["sha256"], name
    return members


@pytest.mark.parametrize("example", sorted(one.parent.name for one in EXAMPLES.glob("*/build.py")))
def test_example_survives_a_dump(olga: Viewer, example: str, tmp_path: Path) -> None:
    build = [sys.executable, str(EXAMPLES / example / "build.py"), str(tmp_path)]
    subprocess.run(build, check=True, capture_output=True)
    first = bundles.import_file(olga, tmp_path / "bundle.zip", lambda: NOW).competition_id
    packed = dump(olga, first)
    again = tmp_path / "dump.zip"
    again.write_bytes(packed)
    second = bundles.import_file(olga, again, lambda: NOW).competition_id
    assert listed(dump(olga, second)) == listed(packed)


def test_memory_of_a_dump_does_not_grow_with_its_files(olga: Viewer, tmp_path: Path) -> None:
    """400 MiB of data pass through; a dump or an import that held a file would hold 200 of them."""
    bundle = tmp_path / "large.zip"
    lines = ["version: 2", "title: Large", "phases:",
             "- {index: 0, name: Only, start: 2030-01-01, tasks: [0, 1]}", "tasks:"]  # fmt: skip
    with zipfile.ZipFile(bundle, "w") as target:
        for index in range(2):
            lines += [f"- {{index: {index}, name: Task {index}, scoring_program: {index}.zip,",
                      f"   input_data: d{index}.zip}}"]  # fmt: skip
            small = io.BytesIO()
            with zipfile.ZipFile(small, "w") as inner:
                inner.writestr("metadata.yaml", f"command: python3 {index}")
            target.writestr(f"{index}.zip", small.getvalue())
            with target.open(f"d{index}.zip", "w", force_zip64=True) as member:
                member.write(b"PK\x03\x04")
                for part in range(200):
                    member.write(bytes([part]) * MIB)
        lines += ["leaderboards:", "- {title: R, key: r, columns: [{title: S, key: s, index: 0}]}"]
        target.writestr("competition.yaml", "\n".join(lines))
    before = _peak_mib()
    first = bundles.import_file(olga, bundle, lambda: NOW).competition_id
    with (tmp_path / "dump.zip").open("wb") as out:
        services.pack_into(olga, first, out, with_files=True, now=NOW)
    bundles.import_file(olga, tmp_path / "dump.zip", lambda: NOW)
    grown = _peak_mib() - before
    assert grown < 150


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

"""The state folder: secrets are made once and stay private; one stack per folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from client.launcher.errors import LaunchError
from client.launcher.home import ROOT, Home, write_private


def _home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "var")
    home.prepare()
    return home


def test_secrets_stay_the_same(tmp_path: Path) -> None:
    home = _home(tmp_path)
    first = home.read_secrets()
    assert first == home.read_secrets()
    assert len(first["SECRET_KEY"]) >= 32


def test_two_homes_have_different_secrets(tmp_path: Path) -> None:
    one, other = (_home(tmp_path / name).read_secrets() for name in ("one", "other"))
    assert all(one[name] != other[name] for name in one)


def test_secret_added_by_a_newer_version_keeps_the_others(tmp_path: Path) -> None:
    home = _home(tmp_path)
    first = home.read_secrets()
    file = home.path / "secrets.env"
    kept = [line for line in file.read_text().splitlines() if not line.startswith("QUEUE_ID")]
    file.write_text("\n".join(kept))
    again = home.read_secrets()
    assert again.pop("QUEUE_ID") != first.pop("QUEUE_ID")
    assert again == first


def test_state_is_private(tmp_path: Path) -> None:
    home = _home(tmp_path)
    home.read_secrets()
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert (home.path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_write_private_replaces_a_readable_file(tmp_path: Path) -> None:
    file = tmp_path / "secret.conf"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600


def test_full_disk_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(100, 99, 1))
    with pytest.raises(LaunchError, match=r"The disk that holds .* is full"):
        _home(tmp_path)


def test_nothing_runs_on_a_fresh_folder(tmp_path: Path) -> None:
    assert _home(tmp_path).running() is None


def test_record_of_a_dead_launcher_does_not_count(tmp_path: Path) -> None:
    home = _home(tmp_path)
    write_private(home.record, json.dumps({"base_url": "http://127.0.0.1:1"}))
    (home.path / "stack.lock").touch()
    assert home.running() is None


_HOLDER = """
import sys
from pathlib import Path
from client.launcher.home import Home, write_private
home = Home(Path(sys.argv[1]))
with home.locked():
    write_private(home.record, '{"base_url": "http://127.0.0.1:9"}')
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_stack_on_a_folder_is_refused_and_told_where_the_first_is(tmp_path: Path) -> None:
    home = _home(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(home.path)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        running = home.running()
        assert running is not None
        assert running["base_url"] == "http://127.0.0.1:9"
        with pytest.raises(LaunchError, match=r"already runs on .*: open http://127\.0\.0\.1:9"):
            home.locked().__enter__()
        holder.communicate()
    assert home.running() is None
    with home.locked():
        pass

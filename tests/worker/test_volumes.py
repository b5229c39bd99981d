"""File systems of fixed size: what they hold, what they forbid, and that nothing of them stays."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker import volumes
from worker.engines.view import shares_mounts
from worker.home import Home
from worker.volumes import MIB, Volumes, release

_FILES = 500


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Volumes]:
    found = Volumes(tmp_path / "volumes")
    if lack := found.lack(seen=True):
        pytest.skip(f"no file systems of fixed size here: {lack}")
    yield found
    release(tmp_path)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _fill(path: Path, most: int = 200 * MIB) -> tuple[int, int]:
    """Write to a file until that fails; return how many bytes went in, and the error."""
    written = 0
    try:
        with path.open("wb", buffering=0) as file:
            while written < most:
                written += file.write(bytes(MIB))
    except OSError as error:
        return written, error.errno or 0
    return written, 0


def _devices() -> list[str]:
    """Return what lies behind the machine's loop devices."""
    backs = Path("/sys/block").glob("loop*/loop/backing_file")
    return [back.read_text() for back in backs]


def test_volume_holds_its_size_and_no_more(made: Volumes, tmp_path: Path) -> None:
    volume = made.make(_folder(tmp_path / "a"), 20 * MIB, _FILES)
    written, error = _fill(volume.folder / "big")
    assert error == errno.ENOSPC
    assert 20 * MIB <= written <= 37 * MIB
    assert volume.room().bytes < MIB


def test_volume_holds_so_many_files_and_no_more(made: Volumes, tmp_path: Path) -> None:
    volume = made.make(_folder(tmp_path / "a"), MIB, _FILES)
    count = 0
    try:
        while count < 10 * _FILES:
            (volume.folder / str(count)).touch()
            count += 1
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017 - how many came before it matters
    assert _FILES - 20 <= count <= _FILES + 200
    assert volume.room().files == 0


def test_folder_that_is_taken_over_keeps_what_it_held(made: Volumes, tmp_path: Path) -> None:
    volume = made.make(_folder(tmp_path / "a"), MIB, _FILES)
    program = _folder(tmp_path / "my program")
    program.chmod(0o750)
    (program / "lib").mkdir()
    (program / "lib" / "x.txt").write_text("x")
    volume.take_over(program, executable=True)
    assert (program / "lib" / "x.txt").read_text() == "x"
    assert program.stat().st_mode & 0o777 == 0o750
    assert program.stat().st_dev == volume.folder.stat().st_dev
    release(program)
    assert list(program.iterdir()) == []  # nothing takes its room twice


@pytest.mark.parametrize("executable", [True, False])
def test_programs_start_where_they_may(made: Volumes, tmp_path: Path, executable: bool) -> None:
    volume = made.make(_folder(tmp_path / "a"), MIB, _FILES)
    folder = _folder(tmp_path / "folder")
    volume.take_over(folder, executable=executable)
    script = folder / "go"
    script.write_text("#!/bin/sh\nexit 7\n")
    script.chmod(0o755)
    if executable:
        assert subprocess.run([script], check=False).returncode == 7
    else:
        with pytest.raises(PermissionError):
            subprocess.run([script], check=False)
    flags = os.statvfs(folder).f_flag
    assert flags & os.ST_NOSUID
    assert flags & os.ST_NODEV


def test_nothing_of_it_stays(made: Volumes, tmp_path: Path) -> None:
    volume = made.make(_folder(tmp_path / "a b\\c"), MIB, _FILES)
    folder = _folder(tmp_path / "folder")
    volume.take_over(folder, executable=False)
    (folder / "x").write_text("x")
    assert any(str(tmp_path) in back for back in _devices())
    assert release(tmp_path) == 2
    assert not any(str(tmp_path) in back for back in _devices())
    assert list(folder.iterdir()) == []
    assert sorted(path.suffix for path in (tmp_path / "volumes").iterdir()) == [".ext4", ".ext4"]


def test_other_mounts_are_left_alone(made: Volumes, tmp_path: Path) -> None:
    first = made.make(_folder(tmp_path / "run"), MIB, _FILES)
    second = made.make(_folder(tmp_path / "run2"), MIB, _FILES)
    assert release(first.folder) == 1
    assert not os.path.ismount(first.folder)
    assert os.path.ismount(second.folder)


_DIES = """
import os, signal, sys
from pathlib import Path
from worker.home import Home
home = Home(Path(sys.argv[1]))
lock = home.sign_in("dead")
run = home.new_run("dead", 7, 1)
(run / "volume").mkdir()
(run / "output").mkdir()
home.volumes.make(run / "volume", 2**20, 500).take_over(run / "output", executable=False)
(run / "output" / "predictions").write_text("canary")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_start_after_a_sudden_death_leaves_no_mount_and_no_device(
    made: Volumes, tmp_path: Path
) -> None:
    folder = tmp_path / "home"
    died = subprocess.run([sys.executable, "-c", _DIES, folder], check=False)
    assert died.returncode == -signal.SIGKILL
    assert any(str(folder) in back for back in _devices())
    home = Home(folder)
    alive = home.new_run("alive", 8, 1)
    kept = home.sign_in("alive")
    home.volumes.make(_folder(alive / "volume"), MIB, _FILES)
    assert home.sweep() == 1
    kept.close()
    assert os.path.ismount(alive / "volume")
    assert [path.name for path in (folder / "runs").iterdir()] == ["alive"]
    home.remove_run("alive", 8, 1)
    assert not any(str(folder) in back for back in _devices())


def test_machine_says_why_it_has_none(made: Volumes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not see" in made.lack(seen=False)
    monkeypatch.setattr(volumes, "_mkfs", lambda: None)
    assert Volumes(Path("/nowhere")).lack(seen=True) == "mkfs.ext4 is not installed"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert Volumes(Path("/nowhere")).lack(seen=True) == "the worker is not root"


_LISTENS = """
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.bind(sys.argv[1])
line.listen()
print("ready", flush=True)
sys.stdin.read()
"""


def test_engine_of_another_mount_namespace_is_told_apart(made: Volumes, tmp_path: Path) -> None:
    for number, before, seen in ((0, [], True), (1, ["unshare", "--mount"], False)):
        place = str(tmp_path / f"{number}.sock")
        command = [*before, sys.executable, "-c", _LISTENS, place]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
            assert engine.stdout is not None
            assert engine.stdin is not None
            engine.stdout.readline()
            assert shares_mounts(f"unix://{place}") is seen
            engine.stdin.close()


def test_engine_that_is_elsewhere_sees_no_mounts(tmp_path: Path) -> None:
    assert not shares_mounts("tcp://127.0.0.1:2375")
    assert not shares_mounts(f"unix://{tmp_path}/nobody.sock")
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf.sock"))
        assert not shares_mounts(f"unix://{tmp_path}/deaf.sock")


def test_disk_below_that_is_full_is_noticed(made: Volumes, tmp_path: Path) -> None:
    below = made.make(_folder(tmp_path / "a"), 20 * MIB, _FILES)
    volume = Volumes(below.folder / "volumes").make(_folder(below.folder / "b"), 100 * MIB, _FILES)
    volume.flush()
    _fill(volume.folder / "big", 90 * MIB)  # nothing fails yet: it waits in memory
    with pytest.raises(OSError, match=r"Input/output|No space"):
        volume.flush()

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from worker.home import Cache, Home, remove_tree


def tree_of(size: int) -> Callable[[Path], None]:
    def build(target: Path) -> None:
        target.mkdir()
        (target / "data").write_bytes(os.urandom(size))

    return build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Home(tmp_path / "home").folder / "cache"


def test_tree_is_there_whole_or_not_at_all(folder: Path) -> None:
    cache = Cache(folder, 2**20)

    def broken(target: Path) -> None:
        target.mkdir()
        (target / "half").write_text("x")
        raise ValueError("no zip")

    with pytest.raises(ValueError, match="no zip"):
        cache.add("a" * 64, broken)
    assert cache.get("a" * 64) is None
    cache.release()
    assert not list(folder.glob("*.draft"))


def test_least_recently_used_tree_goes_first(folder: Path) -> None:
    for number, name in enumerate("abc"):
        cache = Cache(folder, 150_000)
        cache.add(name * 64, tree_of(60_000))
        cache.release()
        os.utime(folder / f"{name * 64}.lock", (number, number))
    cache = Cache(folder, 1)
    assert cache.get("a" * 64) is None
    assert cache.get("c" * 64) is not None
    cache.release()


def test_tree_in_use_is_never_evicted(folder: Path) -> None:
    user = Cache(folder, 100_000)
    used = user.add("a" * 64, tree_of(60_000))
    other = Cache(folder, 100_000)
    other.add("b" * 64, tree_of(60_000))
    assert (used / "data").exists()
    user.release()
    other.add("c" * 64, tree_of(60_000))
    assert not used.exists()
    other.release()


def test_second_builder_of_a_tree_loses_quietly(folder: Path) -> None:
    first, second = Cache(folder, 2**20), Cache(folder, 2**20)

    def meanwhile(target: Path) -> None:
        first.add("a" * 64, tree_of(10))
        target.mkdir()

    tree = second.add("a" * 64, meanwhile)
    assert (tree / "data").exists()
    first.release()
    second.release()


def test_home_is_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    run = home.new_run("worker", 1, 1)
    for path in (home.folder, home.folder / "runs", run):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_worker_is_alive_as_long_as_it_holds_its_lock(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    lock = home.sign_in("w")
    assert home.is_alive("w")
    lock.close()
    assert not home.is_alive("w")
    assert not home.is_alive("")
    assert not home.is_alive("never")


def test_tree_is_removed_whatever_its_modes(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "closed/deep").mkdir(parents=True)
    (tree / "closed/deep/file").write_text("x")
    outside = tmp_path / "outside"
    outside.write_text("stays")
    (tree / "link").symlink_to(outside)
    (tree / "closed/deep").chmod(0)
    (tree / "closed").chmod(0o500)
    remove_tree(tree)
    assert not tree.exists()
    assert outside.read_text() == "stays"


def test_worker_that_signs_in_while_another_tidies_up_is_alive_nonetheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    real, times = fcntl.flock, list[int]()

    def meanwhile_swept(file: IO[bytes], operation: int) -> None:
        if operation == fcntl.LOCK_EX and not times:  # it is open, and not held yet
            times.append(1)
            home.sweep()
        real(file, operation)

    monkeypatch.setattr("worker.home.fcntl.flock", meanwhile_swept)
    lock = home.sign_in("w")
    assert times
    assert home.is_alive("w")
    lock.close()
    assert not home.is_alive("w")


def test_lock_is_removed_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    home.sign_in("dead").close()
    seen = []

    def unlink(path: Path, missing_ok: bool = False) -> None:
        seen.append(home.is_alive(path.name))
        os.unlink(path)

    monkeypatch.setattr(Path, "unlink", unlink)
    home.sweep()
    assert seen == [True]  # nobody can have signed in between
    assert not list((home.folder / "locks").iterdir())

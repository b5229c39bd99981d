from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.site import zip_of
from worker.archive import BadArchive, Bounds, TooLarge, pack, unpack

BOUNDS = Bounds(entries=100, total_bytes=10 * 2**20)


def nothing() -> None:
    """Stand in for the check that stops an attempt."""


def extract(content: bytes, folder: Path, bounds: Bounds = BOUNDS) -> Path:
    (folder / "in.zip").write_bytes(content)
    unpack(folder / "in.zip", folder / "out", bounds, nothing)
    return folder / "out"


def entry(name: str, *, mode: int = stat.S_IFREG | 0o644, data: bytes = b"x") -> bytes:
    """Return a zip with one entry of a given name and Unix mode."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        one = zipfile.ZipInfo("placeholder")
        one.filename, one.external_attr, one.create_system = name, mode << 16, 3
        archive.writestr(one, data)
    return buffer.getvalue()


def refusal(content: bytes, folder: Path, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises(BadArchive) as caught:
        extract(content, folder, bounds)
    assert not list((folder).glob("out/*"))
    return str(caught.value)


def test_ordinary_zip_is_unpacked(tmp_path: Path) -> None:
    out = extract(zip_of({"a.txt": "1", "deep/er/b.txt": "2", "empty/": ""}), tmp_path)
    assert (out / "deep/er/b.txt").read_text() == "2"
    assert (out / "empty").is_dir()


def test_programs_stay_runnable_and_nothing_else_survives_of_the_mode(tmp_path: Path) -> None:
    out = extract(entry("run.sh", mode=stat.S_IFREG | 0o6777), tmp_path)
    assert stat.S_IMODE((out / "run.sh").stat().st_mode) == 0o755


@pytest.mark.security
@pytest.mark.parametrize(
    "name",
    ["../up", "a/../../up", "/etc/passwd", "..\\up", "C:\\x", "c:x", "a//b", "\\\\host\\x", "a:b"],
)
def test_path_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    assert repr(name)[1:5] in refusal(entry(name), tmp_path)
    assert not (tmp_path / "up").exists()


@pytest.mark.security
@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_entry_that_is_no_file_is_refused(tmp_path: Path, kind: int) -> None:
    assert "'odd'" in refusal(entry("odd", mode=kind | 0o777), tmp_path)


@pytest.mark.security
@pytest.mark.parametrize("name", ["new\nline", "bell\x07", "x" * 201, "del\x7f"])
def test_name_that_cannot_be_shown_is_refused(tmp_path: Path, name: str) -> None:
    refusal(entry(name), tmp_path)


@pytest.mark.security
def test_names_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    assert "differ only in case" in refusal(zip_of({"DUP.txt": "1", "dup.txt": "2"}), tmp_path)


@pytest.mark.security
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entry_given_twice_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("a", "2")
    assert "twice" in refusal(buffer.getvalue(), tmp_path)


@pytest.mark.security
def test_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_bytes(zip_of({"a": "1", "a/b": "2"}))
    with pytest.raises(BadArchive, match="both file and folder"):
        unpack(tmp_path / "in.zip", tmp_path / "out", BOUNDS, nothing)


@pytest.mark.security
def test_bomb_by_ratio_is_refused(tmp_path: Path) -> None:
    assert "200 times" in refusal(zip_of({"zeros": b"\0" * 3 * 2**20}), tmp_path)


def test_small_files_may_pack_well(tmp_path: Path) -> None:
    assert (extract(zip_of({"zeros": b"\0" * 2**20}), tmp_path) / "zeros").stat().st_size == 2**20


@pytest.mark.security
def test_bomb_by_count_is_refused(tmp_path: Path) -> None:
    many = zip_of({f"{n}": "" for n in range(101)})
    assert "101 entries; the limit is 100" in refusal(many, tmp_path)


@pytest.mark.security
def test_bomb_by_size_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    big = zip_of({"a": os.urandom(2**20), "b": os.urandom(2**20)})
    assert "more than 1 MiB" in refusal(big, tmp_path, Bounds(10, 2**20))


@pytest.mark.security
def test_bomb_of_overlapping_entries_is_refused(tmp_path: Path) -> None:
    plain = bytearray(zip_of({"a": os.urandom(200), "b": os.urandom(200)}))
    at = plain.rindex(b"PK\x01\x02")  # point the second entry at the first one's bytes
    struct.pack_into("<L", plain, at + 42, 0)
    assert "overlaps" in refusal(bytes(plain), tmp_path)


@pytest.mark.security
def test_size_that_lies_is_caught(tmp_path: Path) -> None:
    lying = bytearray(zip_of({"a": os.urandom(5000)}))
    struct.pack_into("<L", lying, lying.rindex(b"PK\x01\x02") + 24, 10)
    (tmp_path / "in.zip").write_bytes(bytes(lying))
    with pytest.raises(BadArchive):
        unpack(tmp_path / "in.zip", tmp_path / "out", BOUNDS, nothing)


@pytest.mark.security
def test_encrypted_zip_says_so(tmp_path: Path) -> None:
    locked = bytearray(zip_of({"a": "1"}))
    struct.pack_into("<H", locked, locked.rindex(b"PK\x01\x02") + 8, 1)
    assert "without a password" in refusal(bytes(locked), tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + b"\0" * 40])
def test_what_is_no_zip_says_so(tmp_path: Path, content: bytes) -> None:
    assert "not a readable zip file" in refusal(content, tmp_path)


@pytest.mark.parametrize("cut", [10, 100, 300])
def test_damaged_zip_says_so(tmp_path: Path, cut: int) -> None:
    damaged = zip_of({"a": os.urandom(400)})
    refusal(damaged[:-cut], tmp_path)
    flipped = bytearray(damaged)
    flipped[60] ^= 0xFF
    (tmp_path / "in.zip").write_bytes(bytes(flipped))
    with pytest.raises(BadArchive):
        unpack(tmp_path / "in.zip", tmp_path / "out", BOUNDS, nothing)


@pytest.mark.security
@given(name=st.text(min_size=1, max_size=60))
def test_no_name_ever_writes_outside(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("zip")
    try:
        content = entry(name)
    except (ValueError, UnicodeEncodeError):
        return
    with suppress(BadArchive):
        extract(content, folder)
    written = {path for path in folder.rglob("*") if path.is_file()}
    assert all(path.name == "in.zip" or folder / "out" in path.parents for path in written)
    assert {path.name for path in folder.iterdir()} <= {"in.zip", "out"}


# Output trees -----------------------------------------------------------------------------------


def packed(folder: Path, limit: int = 2**20) -> tuple[list[str], tuple[str, ...]]:
    target = folder.parent / "packed.zip"
    result = pack(folder, target, limit, nothing)
    assert result.size_bytes == target.stat().st_size
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        return archive.namelist(), result.refused


@pytest.mark.security
def test_hostile_output_tree_gives_up_only_its_ordinary_files(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tree / "fine.txt").write_text("1")
    (tree / "sub/fine.txt").write_text("2")
    (tree / "link").symlink_to(tmp_path / "secret")
    (tree / "folder").symlink_to(tmp_path)
    os.link(tmp_path / "secret", tree / "hard")
    os.mkfifo(tree / "pipe")
    (tree / "new\nline").write_text("3")
    os.close(os.open(os.fsencode(tree) + b"/\xff", os.O_CREAT))
    deep = tree
    for _ in range(20):
        deep = deep / "d"
        deep.mkdir()
    names, refused = packed(tree)
    assert sorted(names) == ["fine.txt", "sub/fine.txt"]
    reasons = " | ".join(refused)
    for reason in (
        "link is a symbolic link", "folder is a symbolic link", "hard has more than one hard link",
        "pipe is a pipe", "control characters", "not UTF-8", "more than 16 folders deep",
    ):  # fmt: skip
        assert reason in reasons


@pytest.mark.security
def test_sparse_file_is_refused_by_its_claim(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with (tree / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(TooLarge, match="larger than 1 MiB together"):
        packed(tree)

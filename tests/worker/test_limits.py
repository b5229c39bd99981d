from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import limits
from worker.limits import LogTap, drop_special, open_file, used_bytes, walk


def tapped(pieces: list[bytes], budget: int) -> tuple[str, LogTap]:
    said: list[str] = []
    tap = LogTap(said.append, budget)
    for piece in pieces:
        tap.feed(piece)
    tap.close()
    return "".join(said), tap


def test_short_log_passes_whole() -> None:
    text, tap = tapped([b"one\n", b"two\n"], 100)
    assert text == "one\ntwo\n"
    assert tap.dropped == 0


def test_character_split_between_pieces_stays_whole() -> None:
    raw = "zażółć €".encode()
    text, _ = tapped([raw[i : i + 1] for i in range(len(raw))], 1000)
    assert text == "zażółć €"


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert tapped([b"a\xff\xfeb"], 100)[0] == "a\ufffd\ufffdb"


def test_head_is_said_at_once_and_the_tail_at_the_end() -> None:
    said: list[str] = []
    tap = LogTap(said.append, 20)
    tap.feed(b"0123456789" * 10)
    assert said == ["0123456789"]
    tap.close()
    assert said[-1] == "0123456789"
    assert tap.dropped == 80
    assert "[80 bytes are left out here" in said[1]


@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(2, 200))
def test_nothing_is_lost_unsaid(pieces: list[bytes], budget: int) -> None:
    ascii_pieces = [bytes(b % 94 + 33 for b in piece) for piece in pieces]
    text, tap = tapped(ascii_pieces, budget)
    whole = b"".join(ascii_pieces).decode()
    if tap.dropped:
        head, _, rest = text.partition("\n[")
        tail = rest.partition("]\n")[2]
        assert whole.startswith(head)
        assert whole.endswith(tail)
        assert len(head) + len(tail) + tap.dropped == len(whole)
        assert len(head) + len(tail) <= budget
    else:
        assert text == whole


def test_what_is_only_understood_whole_is_passed_on_whole() -> None:
    passed: list[str] = []
    tap = LogTap(passed.append, 100_000)
    for piece in (b'10%\n{"type": "pl', b'ot"}', b"\nred: \x1b[3", b"1mno"):
        tap.feed(piece)
    assert passed == ["10%\n", '{"type": "plot"}\nred: ', "\x1b[31mno"]
    assert tap.tail.endswith("no")
    tap.feed(b"\n{unfinished")
    assert tap.tail.endswith("{unfinished")
    tap.close()
    assert "".join(passed).endswith("no\n{unfinished")


def test_line_without_end_is_not_held_for_ever() -> None:
    passed: list[str] = []
    tap = LogTap(passed.append, 100_000)
    tap.feed(b"{" + b"x" * 5000)
    assert len("".join(passed)) == 5001


def test_tail_is_what_was_said_last_even_before_the_end() -> None:
    tap = LogTap(lambda _: None, 10)
    tap.feed(b"x" * 5000 + b"KeyError: 'age'")
    assert tap.tail.endswith("KeyError: 'age'")


def test_only_plain_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "plain")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    opened = open_file(tmp_path, "plain")
    assert opened is not None
    assert opened[1] == 1
    os.close(opened[0])
    for name in ("link", "folder", "pipe", "nothing", "../plain"):
        found = open_file(tmp_path / "folder" if name == "../x" else tmp_path, name)
        assert found is None or name == "../plain"
        if found:
            os.close(found[0])


def test_nothing_special_stays_in_an_output(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder = tmp_path / "output"
    (folder / "deep").mkdir(parents=True)
    (folder / "plain").write_text("1")
    (folder / "deep" / "link").symlink_to(outside / "kept")
    (folder / "line\nbreak").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    os.mkfifo(os.fsencode(folder) + b"/\xff")
    removed = drop_special(folder)
    assert removed == [
        "'\\udcff' is a pipe", "'line\\nbreak' is a symbolic link", "deep/link is a symbolic link",
        "pipe is a pipe",
    ]  # fmt: skip
    assert sorted(path.name for path in folder.rglob("*")) == ["deep", "plain"]
    assert (outside / "kept").exists()
    assert drop_special(folder) == []


def test_used_bytes_counts_blocks_and_follows_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(100_000))
    (tmp_path / "out").symlink_to("/usr")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    assert 100_000 <= used_bytes(tmp_path) < 2**20


def test_endless_folder_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ENTRIES", 5)
    for number in range(7):
        (tmp_path / str(number)).touch()
    assert used_bytes(tmp_path) > 2**60
    with pytest.raises(limits.TooMuch):
        list(walk(tmp_path))

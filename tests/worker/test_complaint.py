from __future__ import annotations

import os
from pathlib import Path

import pytest

from worker import complaint


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Row 3 is missing.\n", "Row 3 is missing."),
        ("one\r\n\ttwo\u0085three\x00\x1b[31m".encode(), "one two three[31m"),
        (b"\xef\xbb\xbfbad \xff byte", "bad \ufffd byte"),
        ("turned \u202eback\u202c".encode(), "turned back"),
        (b" \n\t\x00", ""),
        (b"x" * 5000, "x" * 1000),
        ("\u00e9".encode() * 20000, "\u00e9" * 1000),
    ],
)
def test_complaint_is_one_short_line_of_plain_text(tmp_path: Path, raw: bytes, text: str) -> None:
    (tmp_path / complaint.NAME).write_bytes(raw)
    assert complaint.read(tmp_path) == text


@pytest.mark.security
def test_complaint_that_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    assert complaint.read(tmp_path) == ""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / complaint.NAME).symlink_to(secret)
    assert complaint.read(folder) == ""
    (folder / complaint.NAME).unlink()
    os.link(secret, folder / complaint.NAME)
    assert complaint.read(folder) == ""
    (folder / complaint.NAME).unlink()
    os.mkfifo(folder / complaint.NAME)
    assert complaint.read(folder) == ""
    (folder / complaint.NAME).unlink()
    (folder / complaint.NAME).mkdir()
    assert complaint.read(folder) == ""

"""Names of files, as strangers send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.resources import filenames


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("results.zip", "results.zip"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\olga\results.zip", "results.zip"),
        ("a\r\nSet-Cookie: x.zip", "aSet-Cookie: x.zip"),
        ("evil\u202epiz.exe", "evilpiz.exe"),
        ("  two   words.zip ", "two words.zip"),
        ("größe.zip", "größe.zip"),
        ("", "file"),
        ("..", "file"),
        ("folder/", "file"),
    ],
)
def test_name_is_the_last_part_without_tricks(raw: str, name: str) -> None:
    assert filenames.clean(raw) == name


def test_long_name_keeps_its_ending() -> None:
    name = filenames.clean("a" * 300 + ".zip")
    assert len(name) == 255
    assert name.endswith(".zip")


@given(st.text(max_size=400))
def test_any_text_becomes_a_name(raw: str) -> None:
    name = filenames.clean(raw)
    assert 1 <= len(name) <= 255
    assert name.isprintable()
    assert "/" not in name
    assert name not in (".", "..")
    assert filenames.clean(name) == name

from __future__ import annotations

import pytest

from app.platform.encoding import WrongEncoding, text


def test_utf8_is_read_with_and_without_a_mark() -> None:
    assert text("Überblick".encode()) == text("Überblick".encode("utf-8-sig")) == "Überblick"


def test_nul_is_refused() -> None:
    with pytest.raises(WrongEncoding, match=r"NUL character in line 2; it is not plain text"):
        text(b"a\nb\0c")

"""Counting and hashing bytes on their way."""

from __future__ import annotations

import hashlib
import io

import pytest

from app.errors import TooLarge
from app.resources.measuring import MIB, Measured, copy


def test_copy_knows_size_and_hash() -> None:
    content = b"abc" * MIB
    source, target = Measured(io.BytesIO(content), 3 * MIB), io.BytesIO()
    copy(source, target)
    assert target.read() == content
    assert source.size == len(content)
    assert source.sha256 == hashlib.sha256(content).hexdigest()


def test_stream_stops_at_the_limit() -> None:
    source = Measured(io.BytesIO(b"x" * (MIB + 1)), MIB)
    with pytest.raises(TooLarge, match="larger than 1 MiB"):
        copy(source, io.BytesIO())

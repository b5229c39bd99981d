"""Bytes on their way: counted, hashed and stopped at a limit."""

from __future__ import annotations

import hashlib
from typing import BinaryIO, cast

from app.errors import TooLarge

MIB = 1024 * 1024
CHUNK = MIB


def limit_sentence(limit_bytes: int) -> str:
    """Say how large a file may be."""
    return f"The file is larger than {limit_bytes // MIB} MiB, the limit. Send a smaller one."


class Measured:
    """A stream that knows how many bytes it gave and what their SHA-256 is."""

    def __init__(self, stream: BinaryIO, limit_bytes: int) -> None:
        self._stream = stream
        self._limit = limit_bytes
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Read on.

        Raises:
            TooLarge: more than the limit has come.
        """
        chunk = self._stream.read(size)
        self.size += len(chunk)
        if self.size > self._limit:
            raise TooLarge(limit_sentence(self._limit))
        self._hash.update(chunk)
        return chunk

    @property
    def sha256(self) -> str:
        """The hash of what was read, 64 hex digits."""
        return self._hash.hexdigest()

    def as_file(self) -> BinaryIO:
        """Return this stream where a file is asked for that is only read."""
        return cast(BinaryIO, self)


def copy(source: Measured, target: BinaryIO) -> None:
    """Write everything that is left of ``source`` to ``target``, and rewind that."""
    while chunk := source.read(CHUNK):
        target.write(chunk)
    target.seek(0)

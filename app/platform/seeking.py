"""A stored object as a file in which one can jump about; only what is read is fetched."""

from __future__ import annotations

import io

from app.platform.storage import ObjectRef, store

_AT_ONCE = 256 * 1024


class _Distant(io.RawIOBase):
    """The bytes of an object, fetched range by range."""

    def __init__(self, ref: ObjectRef, size: int) -> None:
        self._ref, self._size, self._at = ref, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the file")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = min(len(buffer), max(0, self._size - self._at))
        if count:
            buffer[:count] = store().read_range(self._ref, self._at, count)
            self._at += count
        return count


def open_at_will(ref: ObjectRef, size: int) -> io.BufferedReader:
    """Return a readable, seekable file over an object of ``size`` bytes."""
    return io.BufferedReader(_Distant(ref, size), _AT_ONCE)

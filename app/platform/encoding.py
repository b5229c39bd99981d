"""Bytes that somebody sent to text: UTF-8, with or without a byte order mark, nothing else."""

from __future__ import annotations

import codecs

from app.errors import Invalid

_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class WrongEncoding(Invalid):
    """The bytes are not UTF-8; ``sentence`` names the likely encoding and the line."""

    hint = "Save it as UTF-8."

    def __init__(self, found: str) -> None:
        self.found = found
        self.sentence = f"The text {found}."
        super().__init__(f"{self.sentence} {self.hint}")


def text(raw: bytes) -> str:
    """Decode ``raw``, dropping a UTF-8 byte order mark.

    Raises:
        WrongEncoding: it is not UTF-8.
    """
    for mark, name in _OTHER_MARKS:
        if raw.startswith(mark):
            raise WrongEncoding(f"is encoded as {name}")
    try:
        decoded = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        likely = "UTF-16" if b"\0" in raw[:100] else "Windows-1252 or Latin-1"
        raise WrongEncoding(f"is not UTF-8 in line {line}; it looks like {likely}") from error
    if "\0" in decoded:
        line = decoded.count("\n", 0, decoded.index("\0")) + 1
        what = "it looks like UTF-16" if raw[:100].count(b"\0") > 10 else "it is not plain text"
        raise WrongEncoding(f"has a NUL character in line {line}; {what}")
    return decoded

"""Looking for words in texts of rows."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute


def mentions(words: str, *texts: InstrumentedAttribute[str]) -> list[ColumnElement[bool]]:
    """Return one condition a word: it stands in one of the texts, in upper or lower case.

    The texts are joined before they are looked at: a row is then read once for each word.
    """
    whole: ColumnElement[str] = texts[0].expression
    for text in texts[1:]:
        whole = whole + "\n" + text
    return [whole.icontains(word, autoescape=True) for word in words.split()]

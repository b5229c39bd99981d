"""The how-to about machines, as the site shows it beside a machine's secrets."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

from app.platform import markdown

_FILE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-a-machine.md"
_LINK_TO_A_FILE = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]+\)")


@lru_cache(maxsize=1)
def text() -> Markup:
    """Return the how-to without its title, as HTML; what it links to in the project stays words."""
    _title, _, rest = _FILE.read_text(encoding="utf-8").partition("\n")
    return markdown.render(_LINK_TO_A_FILE.sub(r"\1", rest))

"""The links to data that CodaLab listed under a phase, as a page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.bundles.fields import NoteKind, Section
from app.competitions.drafts import PageDraft

TITLE = "Datasets"
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!<>|~])")
_URL = re.compile(r"https?://[^\s<>\"'()\[\]]+")


def page(phases: Sequence[Section]) -> PageDraft | None:
    """Return a page that lists the links of all phases, None when there are none."""
    parts = []
    for phase in phases:
        lines = [_line(one) for one in phase.named_sections("datasets", "a mapping").values()]
        if lines:
            sentence = f"What it lists stands on the page “{TITLE}”."
            phase.note("datasets", sentence, NoteKind.CONVERTED)
            parts.append(f"## {_plain(phase.text('label'))}\n\n" + "\n".join(lines))
    if not parts:
        return None
    return PageDraft(title=TITLE, content="\n\n".join(parts) + "\n", where="phases")


def _line(section: Section) -> str:
    name = section.text("name") or section.text("label") or section.text("key") or section.path[-1]
    url, description = section.text("url"), section.text("description")
    shown = f"[{_plain(str(name))}]({url})" if _URL.fullmatch(url) else _plain(f"{name} {url}")
    section.close()
    return f"- {shown}{': ' + _plain(description) if description else ''}"


def _plain(text: str) -> str:
    """Write text so that Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))

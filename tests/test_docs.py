"""Settings and links are documented, and nothing documented is gone."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from app.settings import PREFIX, Settings
from worker.settings import PREFIX as WORKER_PREFIX
from worker.settings import Settings as WorkerSettings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    text = (ROOT / "docs/reference/settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", text, re.MULTILINE)
    documented = {name for name, what in rows if what.strip()}
    expected = {PREFIX + field.name.upper() for field in dataclasses.fields(Settings)}
    expected |= {WORKER_PREFIX + field.name.upper() for field in dataclasses.fields(WorkerSettings)}
    assert documented == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_word_of_the_glossary_is_explained_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/words.md").read_text(), re.M)
    words = [word.strip() for word, _ in rows[2:]]
    assert len(words) == len(set(words)) > 15

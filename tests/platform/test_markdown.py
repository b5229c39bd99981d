"""Texts of strangers become safe HTML, and formulas reach KaTeX."""

from __future__ import annotations

import re

import pytest

from app.platform import markdown
from tests.browser import payloads

_HARMFUL = re.compile(
    r"<(script|style|iframe|object|embed|form|input|button|link|meta|base|svg|math|video|audio)\b"
    r"|<[^>]+\s(on\w+|(data-)?hx-[\w:-]+|srcdoc|style|id|name|formaction|srcset|poster)\s*="
    r"|<[^>]+\s(href|src)\s*=\s*[\"']?\s*(javascript|data):"
    r"|<img[^>]+src",
    re.IGNORECASE,
)


def test_what_is_harmful_would_be_found() -> None:
    raw = [payload for payload in payloads.IN_PAGES if payload.startswith("<")]
    assert len(raw) - sum(bool(_HARMFUL.search(payload)) for payload in raw) <= 4


@pytest.mark.security
@pytest.mark.parametrize("payload", payloads.IN_PAGES)
@pytest.mark.parametrize("render", [markdown.render, markdown.render_page])
def test_nothing_harmful_comes_through(payload: str, render: object) -> None:
    assert callable(render)
    assert not _HARMFUL.search(str(render(payload)))


def test_plain_markdown_shows_tags_as_text() -> None:
    assert markdown.render("a <b>bold</b> word") == "<p>a &lt;b&gt;bold&lt;/b&gt; word</p>\n"


@pytest.mark.parametrize(
    ("source", "mark"),
    [("so $x$ is", '<span class="math inline">x</span>'),
     ("so $$x$$ is", '<div class="math inline">x</div>'),
     ("$$\nx\n$$", '<div class="math block">')],
)  # fmt: skip
def test_formulas_keep_the_marks_that_katex_looks_for(source: str, mark: str) -> None:
    assert mark in markdown.render(source)


def test_pictures_are_our_own_only() -> None:
    assert 'src="/media/' in markdown.render("![x](/media/pictures/1.png)")
    assert "src" not in markdown.render("![x](https://there.example/1.png)")

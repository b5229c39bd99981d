"""User text to safe HTML: Markdown, or HTML pages of organizers, through one sanitiser."""

from __future__ import annotations

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

MAX_SOURCE_CHARS = 64 * 1024
"""Longer sources are refused where they come in: sanitising nested tags is quadratic."""

_TAGS = {
    *(
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "caption",
        "code",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
    ),
    *(
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "s",
    ),
    *("span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "th": {"align"},
    "td": {"align"},
    "code": {"class"},
    "span": {"class"},
    "div": {"class"},
    "ol": {"start"},
}
_CLASSES = {"span": ("math inline",), "div": ("math block", "math inline")}


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Keep only images of our own, language classes and the marks that KaTeX looks for."""
    if tag == "img" and name == "src":
        return value if value.startswith("/media/") else None
    if tag == "code" and name == "class":
        return value if value.startswith("language-") else None
    if tag in _CLASSES and name == "class":
        return value if value in _CLASSES[tag] else None
    return value


def _parser(*, html: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": html}).enable(["table", "strikethrough"])
    return parser.use(dollarmath_plugin, double_inline=True)


_TEXT, _PAGE = _parser(html=False), _parser(html=True)


def _clean(html: str) -> Markup:
    return Markup(  # noqa: S704 - this is the one place where HTML becomes trusted
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow ugc",
            attribute_filter=_attribute,
        )
    )


@lru_cache(maxsize=512)
def render(source: str) -> Markup:
    """Turn a person's Markdown into HTML; tags in it show as text."""
    return _clean(_TEXT.render(source[:MAX_SOURCE_CHARS]))


@lru_cache(maxsize=512)
def render_page(source: str) -> Markup:
    """Turn an organizer's page, Markdown or HTML or both, into HTML."""
    return _clean(_PAGE.render(source[:MAX_SOURCE_CHARS]))

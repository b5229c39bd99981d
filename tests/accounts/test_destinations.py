"""Where a log-in may lead."""

from __future__ import annotations

import pytest
from flask import Flask

from app.accounts.destinations import safe_path

pytestmark = pytest.mark.security

ELSEWHERE = [
    "", " ", "x", "evil.example", "//evil.example", "///evil.example", "////evil.example",
    "http://evil.example", "https://evil.example", "HTTPS://evil.example", "http:evil.example",
    "https:/evil.example", "https:///evil.example", "javascript:alert(1)", "data:text/html,x",
    "ftp://evil.example", "mailto:a@evil.example", "\\evil.example", "\\\\evil.example",
    "/\\evil.example", "/\\/evil.example", "\\/evil.example", "/\\\\evil.example", "/ /evil.example",
    " //evil.example", "\t//evil.example", "/\t/evil.example", "/\n/evil.example", "/\r\n/evil.example",
    "/%09/evil.example", "/%0d%0aLocation:%20https://evil.example", "/%2f%2fevil.example",
    "/%2fevil.example", "/%5cevil.example", "/%5c%5cevil.example", "//evil.example/%2f..",
    "/..//evil.example", "/.//evil.example", "/./%2e/evil.example", "/benchmarks//evil.example",
    "/benchmarks/..//evil.example", "//localhost@evil.example", "http://localhost@evil.example",
    "http://localhost:80@evil.example/", "//evil.example:80", "//[::1]", "//[", "http://[", "/@evil.example",
    "/media/%2f%2fevil.example", "/nowhere", "/log-out", "/account/password", "/benchmarks", "?next=//evil.example", "#//evil.example",
    "/benchmarks/\u2028", "/ｂenchmarks/", "/benchmarks/\x00", "/benchmarks/\x7f", "／／evil.example",
    "/benchmarks/?x=" + "y" * 2000, "/benchmarks/;//evil.example", "https;//evil.example",
]  # fmt: skip

OURS = ["/", "/benchmarks/", "/benchmarks/?page=2&q=a%2Fb", "/benchmarks/7/register", "/account"]


def test_corpus_is_large_enough() -> None:
    assert len(set(ELSEWHERE)) >= 60


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_foreign_or_odd_addresses_lead_home(app: Flask, wanted: str) -> None:
    assert safe_path(wanted, app.url_map.bind("")) == ""


@pytest.mark.parametrize("wanted", OURS)
def test_pages_of_ours_are_kept(app: Flask, wanted: str) -> None:
    assert safe_path(wanted, app.url_map.bind("")) == wanted

"""Everything that somebody can fetch from a running site: pages, pieces, logs, files, and their zips."""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from urllib.parse import urlsplit

from flask import Flask

from tests.person import Person
from worker.contract import Output, Stream

_LINK = re.compile(rb"""(?:href|src|action|hx-get|data-[a-z-]+)\s*=\s*["']([^"'#]+)""")
_IDS = [str(number) for number in range(1, 9)]
"""A new site numbers its rows from one on."""
_MOST = 5000


def everything(app: Flask, person: Person, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each address that answers this person at all, and what it says, unpacked.

    Args:
        app: knows the routes.
        keys: of files, for the routes that want one.
    """
    known = set(_addresses(app, list(keys)))
    todo = sorted(known)
    while todo:
        assert len(known) < _MOST, "pages lead to ever more pages"
        address = todo.pop()
        answer = person.get(address)
        heads = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        for part in unpacked(heads.encode() + b"\n" + answer.data, answer.data):
            yield address, part
        for link in (*_links(answer.data), answer.headers.get("Location") or ""):
            if _is_ours(person, link) and link not in known:
                known.add(link)
                todo.append(link)


def unpacked(said: bytes, content: bytes) -> Iterator[bytes]:
    """Yield an answer and, if it is a zip, its parts, too."""
    yield said
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                inner = archive.read(name)
                yield from unpacked(name.encode() + b"\n" + inner, inner)


def _addresses(app: Flask, keys: list[str]) -> Iterator[str]:
    """Yield the address of every page for every small number, log and kind of output."""
    choices: dict[str, list[str]] = {
        "kind": [str(kind) for kind in Output], "key": list(keys),
        "ticket": ["x"], "secret_key": ["x"], "object_key": list(keys),
    }  # fmt: skip
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        names = sorted(rule.arguments)
        for values in itertools.product(*(choices.get(name, _IDS) for name in names)):
            address = _filled(str(rule), dict(zip(names, values, strict=True)))
            yield address
            if rule.arguments == {"run_id"}:
                yield from (f"{address}?stream={stream}" for stream in Stream)


def _filled(rule: str, values: Mapping[str, str]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda one: values[one[1]], rule)


def _links(page: bytes) -> Iterator[str]:
    for found in _LINK.findall(page):
        try:
            yield unescape(found.decode())
        except UnicodeDecodeError:
            continue


def _is_ours(person: Person, link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    if not parts.netloc:
        return link.startswith("/") and not link.startswith("/static/")
    return parts.hostname == urlsplit(person.base_url).hostname

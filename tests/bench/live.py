"""How soon hundreds of open pages show a line that a program printed, and what they cost others."""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import re
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from tests.bench import reading
from tests.bench.figures import percentile
from tests.bench.site import Place, Site

PAGES = 500
MEASURE_S = 30.0
_PEOPLE = 10
_ENTRIES = 10
"""On the board of another benchmark, which somebody reads meanwhile."""
_OPEN_AT_ONCE = 4
_SETTLE_S = 6.0
"""Until the server has counted the pages and told each how long to wait."""
_WARM_S = 3.0
_CLEAR_S = 5.0
"""Until the worker has killed the program and taken its file systems away."""
_LINE = re.compile(rb"line \d+ at (\d+\.\d+)")
_TALKS = """\
import time
for number in range(1200):
    print(f"line {number} at {time.time():.4f}", flush=True)
    time.sleep(0.25)
"""


def measure(site: Site, pages: int = PAGES) -> dict[str, Any]:
    """Let one run print four lines a second, and watch it from many pages.

    Before and meanwhile somebody reads other pages: the board of another benchmark, and the list.
    """
    beside = site.open("Beside", detailed=False, people=_ENTRIES)
    for number in range(_ENTRIES):
        site.wait_until_over(site.submit(beside, number).submission_id)
    place = site.open("Live", detailed=False, people=_PEOPLE, submission=_program())
    sent = site.submit(place)
    site.wait_until_running(sent.submission_id)
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, spawn) as other:
            board, _, benchmarks = site.pages_of(beside)
            cookie = beside.people[0].cookie
            read = partial(reading.read, site.url, cookie, (board, benchmarks))
            other.submit(read, _WARM_S).result()
            alone = other.submit(read, MEASURE_S).result()
            return asyncio.run(
                _watch(site, place, sent.submission_id, pages, partial(other.submit, read), alone)
            )
    finally:
        site.cancel(place, sent.submission_id)
        time.sleep(_CLEAR_S)


def _program() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("metadata.yaml", "command: python3 $program/main.py\n")
        archive.writestr("main.py", _TALKS)
    return packed.getvalue()


async def _watch(
    site: Site, place: Place, submission_id: int, count: int,
    read: Callable[[float], Future[list[float]]], alone: Sequence[float],
) -> dict[str, Any]:  # fmt: skip
    gate = asyncio.Semaphore(_OPEN_AT_ONCE)
    lags: list[tuple[float, float]] = []
    polls: list[float] = []
    pages = [_Page(site.url, place.people[0].cookie, lags, polls) for _ in range(count)]

    async def live(page: _Page) -> None:
        async with gate:
            await page.open(f"/submissions/{submission_id}")
        await page.follow()

    following = [asyncio.create_task(live(page)) for page in pages]
    while not all(page.is_open for page in pages):
        await asyncio.sleep(0.2)
        _raise_any(following)
    await asyncio.sleep(_SETTLE_S)
    began, before = time.time(), len(polls)
    beside = await asyncio.wrap_future(read(MEASURE_S))
    _raise_any(following)
    ended, asked = time.time(), polls[before:]
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    # Only lines that every page had the time to see count.
    seen = [lag for written, lag in lags if began <= written <= ended - 3]
    return {
        "min": round(min(seen), 3),
        "median": round(percentile(seen, 50), 3),
        "p95": round(percentile(seen, 95), 3),
        "max": round(max(seen), 3),
        "n": len(seen),
        "pages": count,
        "polls_per_s": round(len(asked) / MEASURE_S),
        "poll_ms_p95": round(1000 * percentile(asked, 95), 1),
        "other_pages": reading.compared(alone, beside),
    }


def _raise_any(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()
            raise RuntimeError("a page was told that its submission is over")


class _Page:
    """One page in a browser: a kept connection that asks when and where it is told."""

    def __init__(
        self, url: str, cookie: str, lags: list[tuple[float, float]], polls: list[float]
    ) -> None:
        self._place, self._cookie = urlsplit(url), cookie
        self._lags, self._polls = lags, polls
        self._next, self._wait_s = "", 0.0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.is_open = False

    async def open(self, path: str) -> None:
        """Load the page itself."""
        _, _, body = await self._get(path, "")
        found = re.search(rb'data-live="([^"]+)" data-wait="(\d+)"', body)
        if found is None:
            raise RuntimeError("the page asks for nothing: its submission is not live")
        self._next, self._wait_s = unescape(found[1].decode()), int(found[2]) / 1000
        self.is_open = True

    async def follow(self) -> None:
        """Ask for news until there will be none."""
        while self._next:
            await asyncio.sleep(self._wait_s)
            began = time.perf_counter()
            status, headers, body = await self._get(self._next, "HX-Request: true\r\n")
            self._polls.append(time.perf_counter() - began)
            if status not in (200, 204, 286):
                raise RuntimeError(f"a poll was answered with {status}: {body[:300]!r}")
            seen = time.time()
            for written in map(float, _LINE.findall(body)):
                self._lags.append((written, seen - written))
            self._next = headers.get("live-next", "")
            self._wait_s = int(headers.get("live-wait", "0")) / 1000

    async def _get(self, path: str, more: str) -> tuple[int, dict[str, str], bytes]:
        head = f"GET {path} HTTP/1.1\r\nHost: {self._place.netloc}\r\nCookie: {self._cookie}\r\n{more}\r\n"
        for _ in range(2):  # a kept connection may have been closed meanwhile
            if self._streams is None:
                self._streams = await asyncio.open_connection(
                    self._place.hostname, self._place.port
                )
            reader, writer = self._streams
            try:
                writer.write(head.encode())
                return await self._answer(reader)
            except (ConnectionError, asyncio.IncompleteReadError):
                writer.close()
                self._streams = None
        raise RuntimeError("the site closes every connection")

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in raw[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close" and self._streams:
            self._streams[1].close()
            self._streams = None
        return int(raw[0].split()[1]), headers, body

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from app.platform.precedence import PATIENCE_S, PagesFirst
from tests.patience import PATIENCE_S as LONG_S


class Site:
    """An application whose answers wait until the test lets them go; its clock stands still."""

    def __init__(self) -> None:
        self.at = 0.0
        self.answered: list[str] = []
        self._entered = {
            name: threading.Event() for name in ("/page", "/old", "/a/live", "/b/live", "/c/live")
        }
        self._gates = {name: threading.Event() for name in self._entered}
        self._app = PagesFirst(
            self._answer, lambda environ: environ["PATH_INFO"].endswith("/live"), lambda: self.at
        )

    def _answer(self, environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self._entered[path].set()
        assert self._gates[path].wait(LONG_S)
        self.answered.append(path)
        return []

    def has_begun(self, path: str, *, within_s: float = LONG_S) -> bool:
        """Return whether a request reached the application."""
        return self._entered[path].wait(within_s)

    @contextmanager
    def asked(self, path: str) -> Iterator[None]:
        """Ask, and let the answer go at the end."""
        thread = threading.Thread(target=self._app, args=({"PATH_INFO": path}, None))
        thread.start()
        try:
            yield
        finally:
            self._gates[path].set()
            thread.join(LONG_S)
            assert not thread.is_alive()


def test_poll_waits_until_a_page_is_made() -> None:
    site = Site()
    with site.asked("/a/live"):
        assert site.has_begun("/a/live")
    with site.asked("/page"):
        assert site.has_begun("/page")
        poll = site.asked("/b/live")
        poll.__enter__()
        # The clock stands still, so the patience of a poll does not end.
        assert not site.has_begun("/b/live", within_s=PATIENCE_S * 4)
    assert site.has_begun("/b/live")
    poll.__exit__(None, None, None)
    assert site.answered == ["/a/live", "/page", "/b/live"]


def test_poll_does_not_wait_for_a_page_that_takes_long() -> None:
    site = Site()
    with site.asked("/old"):
        assert site.has_begun("/old")
        site.at += 2 * PATIENCE_S
        with site.asked("/a/live"):
            assert site.has_begun("/a/live")


def test_patience_of_a_poll_ends() -> None:
    site = Site()
    with site.asked("/page"):
        assert site.has_begun("/page")
        with site.asked("/a/live"):
            assert not site.has_begun("/a/live", within_s=PATIENCE_S)
            site.at += 2 * PATIENCE_S
            assert site.has_begun("/a/live")


def test_few_polls_are_answered_at_once() -> None:
    site = Site()
    with site.asked("/a/live"), site.asked("/b/live"):
        assert site.has_begun("/a/live")
        assert site.has_begun("/b/live")
        third = site.asked("/c/live")
        third.__enter__()
        assert not site.has_begun("/c/live", within_s=PATIENCE_S * 4)
    assert site.has_begun("/c/live")
    third.__exit__(None, None, None)


def test_pages_wait_for_nobody() -> None:
    site = Site()
    with site.asked("/a/live"), site.asked("/b/live"), site.asked("/page"), site.asked("/old"):
        assert site.has_begun("/page")
        assert site.has_begun("/old")

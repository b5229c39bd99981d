"""Pages go first: what open pages ask for by themselves waits while somebody's page is made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATIENCE_S = 0.05
"""How long a page goes before polls, and how long a poll lets pages go first: none waits for ever."""
_POLLS_AT_ONCE = 2


class PagesFirst:
    """A WSGI application whose polls give way to its pages.

    One process answers both, and a page takes ten times as long as a poll: without an order
    hundreds of polls, each of which takes a little of the interpreter, make each page slow.

    Args:
        app: answers both.
        is_poll: tells them apart.
        clock: seconds, only forward.
    """

    def __init__(
        self,
        app: WSGIApplication,
        is_poll: Callable[[WSGIEnvironment], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._is_poll, self._clock = app, is_poll, clock
        self._changed = threading.Condition()
        self._pages: dict[object, float] = {}
        """When each page under way began."""
        self._polls = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request in its turn."""
        if self._is_poll(environ):
            return self._after_pages(environ, start_response)
        page = object()
        with self._changed:
            self._pages[page] = self._clock()
        try:
            return self._app(environ, start_response)
        finally:
            with self._changed:
                del self._pages[page]
                self._changed.notify_all()

    def _after_pages(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        until = self._clock() + PATIENCE_S
        with self._changed:
            while self._must_wait() and (left := until - self._clock()) > 0:
                self._changed.wait(left)
            self._polls += 1
        try:
            return self._app(environ, start_response)
        finally:
            with self._changed:
                self._polls -= 1
                self._changed.notify()

    def _must_wait(self) -> bool:
        if self._polls >= _POLLS_AT_ONCE:
            return True
        # A page that takes long, such as an upload, waits for something else than the interpreter.
        young = self._clock() - PATIENCE_S
        return any(began > young for began in self._pages.values())

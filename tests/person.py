"""Somebody at a browser without JavaScript: cookies, forms and their tokens, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

import urllib3

from tests.patience import PATIENCE_S

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Person:
    """A browser with the cookie of somebody who has logged in, or of nobody.

    Args:
        cookie: the ``Cookie`` header, as ``Insider.cookie`` makes it.
    """

    def __init__(self, base_url: str, cookie: str = "") -> None:
        self.base_url = base_url
        self.cookie = cookie
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(PATIENCE_S))

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.clear()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        """Open an address; redirects are not followed."""
        return self._request("GET", path, headers=headers)

    def token(self, path: str) -> str:
        """Return the form token of a page."""
        found = _TOKEN.search(self.get(path).data.decode())
        assert found, f"{path} has no form with a token"
        return unescape(found[1])

    def post(
        self, path: str, fields: Mapping[str, object], *, form: str = "/account",
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        """Send a form, with the token that the page ``form`` gives."""
        full = {"csrf_token": self.token(form), **fields}
        return self._request("POST", path, fields=full, headers=headers)

    def _request(self, method: str, path: str, **options: object) -> urllib3.BaseHTTPResponse:
        more = options.pop("headers", None) or {}
        headers = {"Cookie": self.cookie, **more}  # type: ignore[dict-item]
        url = path if path.startswith("http") else self.base_url + path
        answer = self._pool.request(
            method, url, headers=headers, redirect=False, **options  # type: ignore[arg-type]
        )  # fmt: skip
        if given := answer.headers.get("Set-Cookie"):
            self.cookie = given.partition(";")[0]
        return answer

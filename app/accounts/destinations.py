"""Where a log-in may lead: pages of this site only."""

from __future__ import annotations

from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

MAX_LENGTH = 2000


def safe_path(wanted: str, routes: MapAdapter) -> str:
    """Return ``wanted`` if it is a page of ours, else an empty text.

    It must be a path that starts with exactly one ``/``, free of backslashes, control characters
    and anything else that browsers read in more than one way, and lead to a route.
    """
    if not wanted.startswith("/") or wanted.startswith("//") or len(wanted) > MAX_LENGTH:
        return ""
    if "\\" in wanted or not wanted.isascii() or any(ord(c) <= 32 or ord(c) == 127 for c in wanted):
        return ""
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or "//" in parts.path or "%" in parts.path:
        return ""
    try:
        routes.match(parts.path, method="GET")
    except HTTPException:  # unknown, another method, or a redirect that would add a slash
        return ""
    return wanted

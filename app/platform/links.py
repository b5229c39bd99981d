"""Secret links that this browser followed, kept in its signed session: nothing is saved here."""

from __future__ import annotations

from flask import session

_KEY, _MOST = "links", 20


def followed() -> tuple[str, ...]:
    """Return the secrets of the links, the latest last."""
    found = session.get(_KEY, [])
    return tuple(key for key in found if isinstance(key, str))


def follow(secret: str) -> None:
    """Remember a link; the oldest is forgotten when there are too many for a cookie."""
    others = [key for key in followed() if key != secret]
    session[_KEY] = [*others, secret][-_MOST:]

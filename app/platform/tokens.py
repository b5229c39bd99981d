"""Secrets that are shown once and stored as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def mint(kind: str) -> str:
    """Return a new secret of 256 bits, with a prefix that secret scanners can find."""
    return f"plb_{kind}_{secrets.token_urlsafe(32)}"


def digest(token: str) -> str:
    """Return what is stored in the token's place: its SHA-256, 64 hex digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def matches(token: str, stored: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(digest(token), stored)

"""Rate limits, counted in the private Redis; in memory while that is away."""

from __future__ import annotations

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user

limiter = Limiter(get_remote_address, key_prefix="limit")


def named_account() -> str:
    """Key of a limit per account: the name that somebody tries, folded, known or not."""
    return "account:" + request.form.get("name", "").strip().casefold()[:254]


def person() -> str:
    """Key of a limit per person, so that a class behind one address can work; else per address."""
    return f"person:{current_user.get_id() or get_remote_address()}"

"""Which passwords are accepted, and how they are stored: argon2id, never in the clear."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.accounts.common_passwords import WORDS

MIN_LENGTH, MAX_LENGTH = 8, 128

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_OF_NOBODY = _hasher.hash(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """Return what is stored; the parameters are in it."""
    return _hasher.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Compare in the same time whether somebody has this account (None: nobody) or not."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        return _hasher.verify(stored or _OF_NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Return whether a hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def generate() -> str:
    """Return a new password that nobody can guess."""
    return secrets.token_urlsafe(15)


def problem(password: str, username: str = "", email: str = "") -> str:
    """Say why a password is refused; empty when it is not.

    Any characters are fine; nothing is cut off.
    """
    if len(password) < MIN_LENGTH:
        return f"The password has {len(password)} characters; it needs at least {MIN_LENGTH}."
    if len(password) > MAX_LENGTH:
        return f"The password has {len(password)} characters; at most {MAX_LENGTH} are taken."
    folded = password.casefold()
    local_part = email.partition("@")[0].casefold()
    for own in (username.casefold(), local_part):
        if len(own) >= 3 and own in folded:
            return "The password contains your name. Choose one that does not."
    if len(set(folded)) < 4 or folded in WORDS or folded.strip("0123456789!.?*#$_-+@ ") in WORDS:
        return "This is one of the passwords that are tried first. Choose another one."
    return ""

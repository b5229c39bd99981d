"""What somebody asks for who wants an account."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.accounts import names, passwords

MAX_EMAIL = 254
_EMAIL = re.compile(r"[^@\s<>\x00-\x1f]{1,64}@[^@\s<>.\x00-\x1f]+(\.[^@\s<>.\x00-\x1f]+)+")


@dataclass(frozen=True, kw_only=True)
class AccountDraft:
    """A new account; ``username`` and ``email`` are folded when it is made."""

    username: str
    email: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "username", names.fold(self.username))
        object.__setattr__(self, "email", self.email.strip().lower())


def problems(draft: AccountDraft) -> dict[str, str]:
    """Return everything that is wrong, a sentence by field."""
    found = {
        "username": _name_problem(draft.username),
        "email": _email_problem(draft.email),
        "password": passwords.problem(draft.password, draft.username, draft.email),
    }
    return {name: sentence for name, sentence in found.items() if sentence}


def _name_problem(username: str) -> str:
    if not names.NAME.fullmatch(username):
        return "A user name has 3 to 30 characters: letters a to z, digits, - and _."
    return ""


def _email_problem(email: str) -> str:
    if not email:
        return "Enter an e-mail address."
    if len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email):
        return "This is not an e-mail address. It looks like name@example.org."
    return ""

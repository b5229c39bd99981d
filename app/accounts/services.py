"""What people do with accounts: make one, log in and out, change the password."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError

from app.accounts import drafts, names, passwords, queries
from app.accounts.drafts import AccountDraft
from app.accounts.models import LoginSession, User
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.platform import tokens
from app.platform.configured import settings
from app.platform.db import db

SESSION_LIFE = timedelta(days=30)
"""Counted from the log-in, however busy the session is."""
NOTED_EVERY = timedelta(minutes=5)


_NOWHERE = "restored.invalid"
"""A domain that no mail can reach, by RFC 2606."""
_TAKEN = "This user name is taken. Choose another one."


class NameTaken(Conflict):
    """Somebody has this user name; names are public, so saying it gives nothing away."""


class AddressTaken(Conflict):
    """Somebody has this e-mail address; only administrators are told."""


def create_user(
    username: str, email: str, password: str, *, is_staff: bool = False, now: datetime
) -> User:
    """Make an account. Reserved names are free here: this is how administrators get them.

    Raises:
        Invalid: a field is wrong; every problem is in the message.
        NameTaken, AddressTaken: another account has the user name or the address.
    """
    draft = AccountDraft(username=username, email=email, password=password)
    if found := drafts.problems(draft):
        raise Invalid(" ".join(found.values()))
    password_hash = passwords.hash_password(password)
    if queries.by_username(draft.username):
        raise NameTaken(_TAKEN)
    if queries.by_email(draft.email):
        raise AddressTaken("An account with this e-mail address exists.")
    user = User(
        username=draft.username, email=draft.email, password_hash=password_hash,
        is_staff=is_staff, created_at=now,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError:  # somebody was faster between the look and the write
        raise NameTaken(_TAKEN) from None
    return user


def stand_ins(names: Sequence[str], *, now: datetime) -> list[int]:
    """Make accounts for people who are known by name alone: nobody can log in to them, ever.

    Returns:
        Their ids, in the order of the names.
    """
    rows = []
    for name in names:
        username = f"restored-{secrets.token_hex(8)}"
        rows.append(
            {
                "username": username, "email": f"{username}@{_NOWHERE}", "password_hash": "",
                "display_name": "".join(c for c in name if c.isprintable()).strip(),
                "is_active": False, "created_at": now,
            }
        )  # fmt: skip
    if not rows:
        return []
    statement = insert(User).returning(User.id, sort_by_parameter_order=True)
    return list(db.session.scalars(statement, rows))


def is_stand_in(user: User) -> bool:
    """Return whether an account only stands for somebody of another site."""
    return user.email.endswith(f"@{_NOWHERE}")


def name_problem(username: str) -> str:
    """Return why nobody may sign up by this user name, empty when it is free.

    Names are public, so this may be said along with any other problem; of addresses nothing is.
    """
    if names.is_reserved(username):
        return "This user name is reserved, or looks like one that is. Choose another one."
    return _TAKEN if queries.by_username(username) else ""


def sign_up(draft: AccountDraft, *, now: datetime) -> str:
    """Make an account for whoever asks and log in, without telling whose e-mail addresses are known.

    A known address changes nothing and is answered like a new one. Until mail can confirm an
    address, whoever then goes on finds out; the limit on sign-ups slows that down.

    Returns:
        The token of the new session; of none at all where the address was known.

    Raises:
        Forbidden: sign-up is closed.
        Invalid, NameTaken: as :func:`create_user`.
    """
    if not settings().sign_up:
        raise Forbidden("Sign-up is closed here. Ask an administrator for an account.")
    if sentence := name_problem(draft.username):
        raise NameTaken(sentence)
    try:
        user = create_user(draft.username, draft.email, draft.password, now=now)
    except AddressTaken:
        return tokens.mint("ses")
    return _begin(user, now)


def log_in(name: str, password: str, *, now: datetime) -> str | None:
    """Start a session.

    Args:
        name: a user name or an e-mail address.

    Returns:
        The token of the new session, or None: wrong password, unknown name or closed account, in
        the same time.
    """
    user = queries.by_name(name)
    if not passwords.matches(password, user.password_hash if user else None):
        return None
    if user is None or not user.is_active:
        return None
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hash_password(password)
    db.session.execute(
        delete(LoginSession).where(LoginSession.user_id == user.id, LoginSession.expires_at <= now)
    )
    return _begin(user, now)


def _begin(user: User, now: datetime) -> str:
    token = tokens.mint("ses")
    db.session.add(
        LoginSession(
            token_hash=tokens.digest(token),
            user_id=user.id,
            created_at=now,
            expires_at=now + SESSION_LIFE,
            last_seen_at=now,
        )
    )
    return token


def needs_note(session: LoginSession, *, now: datetime) -> bool:
    """Return whether it is time to note that somebody is at work: seldom, for it is a write."""
    return now - session.last_seen_at > NOTED_EVERY


def note_activity(session_id: int, *, now: datetime) -> None:
    """Let a session's idle time begin anew."""
    db.session.execute(
        update(LoginSession).where(LoginSession.id == session_id).values(last_seen_at=now)
    )


def log_out(token: str) -> None:
    """End one session; its cookie is worth nothing from here on."""
    db.session.execute(delete(LoginSession).where(LoginSession.token_hash == tokens.digest(token)))


def log_out_elsewhere(user: User, token: str = "") -> None:
    """End every session of a person but the one with this token."""
    db.session.execute(
        delete(LoginSession).where(
            LoginSession.user_id == user.id, LoginSession.token_hash != tokens.digest(token)
        )
    )


def change_password(user: User, current: str, new: str, *, token: str) -> None:
    """Change one's own password and end all other sessions.

    Raises:
        Forbidden: ``current`` is not the password.
        Invalid: the new password is refused; the message says why.
    """
    if not passwords.matches(current, user.password_hash):
        raise Forbidden("This is not your password.")
    _set_password(user, new)
    log_out_elsewhere(user, token)


def reset_password(username: str, new: str) -> User:
    """Set somebody's password, as an administrator at the command line; ends all sessions.

    Raises:
        NotFound: nobody has this name.
        Invalid: the new password is refused; the message says why.
    """
    user = queries.by_name(username)
    if user is None:
        raise NotFound(f"Nobody is called {username}.")
    _set_password(user, new)
    log_out_elsewhere(user)
    return user


def _set_password(user: User, new: str) -> None:
    if sentence := passwords.problem(new, user.username, user.email):
        raise Invalid(sentence)
    user.password_hash = passwords.hash_password(new)

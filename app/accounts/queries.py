"""What is known of people and their sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload

from app.accounts import names
from app.accounts.models import LoginSession, User
from app.platform import tokens
from app.platform.db import db


def by_name(name: str) -> User | None:
    """Return the person of this user name or e-mail address, in any case."""
    return db.session.scalar(
        select(User).where(or_(User.username == names.fold(name), User.email == _address(name)))
    )


def by_username(username: str) -> User | None:
    """Return the person of this user name, in any case."""
    return db.session.scalar(select(User).where(User.username == names.fold(username)))


def by_email(email: str) -> User | None:
    """Return the person of this e-mail address, in any case."""
    return db.session.scalar(select(User).where(User.email == _address(email)))


def by_session(token: str, *, now: datetime) -> User | None:
    """Return who is logged in with this token; nobody once it ended or the account was closed."""
    session = db.session.scalar(
        select(LoginSession)
        .where(LoginSession.token_hash == tokens.digest(token), LoginSession.expires_at > now)
        .options(joinedload(LoginSession.user))
    )
    return session.user if session is not None and session.user.is_active else None


def count_sessions(user_id: int, *, now: datetime) -> int:
    """Return on how many browsers a person is logged in."""
    statement = select(func.count()).where(
        LoginSession.user_id == user_id, LoginSession.expires_at > now
    )
    return db.session.scalar(statement) or 0


def _address(email: str) -> str:
    return email.strip().lower()

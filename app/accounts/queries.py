"""What is known of people and their sessions."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload

from app.accounts import names
from app.accounts.models import LoginSession, User
from app.platform import tokens
from app.platform.configured import settings
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


def session_of(token: str, *, now: datetime) -> LoginSession | None:
    """Return the session of this token with its user.

    None once its life is over, once nothing was done with it for too long, and once the account
    was closed.
    """
    session = db.session.scalar(
        select(LoginSession)
        .where(LoginSession.token_hash == tokens.digest(token), *_alive(now))
        .options(joinedload(LoginSession.user))
    )
    return session if session is not None and session.user.is_active else None


def count_sessions(user_id: int, *, now: datetime) -> int:
    """Return on how many browsers a person is logged in."""
    statement = select(func.count()).where(LoginSession.user_id == user_id, *_alive(now))
    return db.session.scalar(statement) or 0


def _alive(now: datetime) -> tuple[ColumnElement[bool], ...]:
    idle = settings().session_idle_h
    in_time = LoginSession.expires_at > now
    return (
        (in_time, LoginSession.last_seen_at > now - timedelta(hours=idle)) if idle else (in_time,)
    )


def _address(email: str) -> str:
    return email.strip().lower()

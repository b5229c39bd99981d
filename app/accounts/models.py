"""People and their log-in sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.platform.db import Base


class User(Base):
    """A person. Names are compared folded, so ``Olga`` and ``olga`` cannot both exist."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(30), unique=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    """Lower-cased."""
    password_hash: Mapped[str] = mapped_column(String(255))
    display_name: Mapped[str] = mapped_column(String(100), default="")
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]

    @property
    def name(self) -> str:
        """What other people read."""
        return self.display_name or self.username

    @property
    def is_authenticated(self) -> bool:
        """Whether this is somebody; Flask-Login asks its visitor the same question."""
        return True

    def get_id(self) -> str:
        """What Flask-Login calls this person."""
        return str(self.id)


class LoginSession(Base):
    """One log-in on one browser; deleting the row logs it out."""

    __tablename__ = "login_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    """When somebody last did something with it, a few minutes early at most."""

    user: Mapped[User] = relationship(lazy="raise_on_sql")

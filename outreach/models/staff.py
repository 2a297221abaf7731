"""The people who log in, and the installation itself."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from outreach.models.columns import PrimaryKey, Table, words


class Role(StrEnum):
    TEAM = "team"  # writes, submits, approves what others submitted, schedules
    ANALYST = "analyst"  # reads campaigns, leads and reports


class User(Table):
    __tablename__ = "user"

    id: Mapped[PrimaryKey]
    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(words(Role, "user_role"))
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Login(Table):
    """A logged-in browser: the cookie holds the secret, the table only its SHA-256."""

    __tablename__ = "login"

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Attempt(Table):
    """A counted attempt (log-in, form) within a window, keyed by a hash that names nobody."""

    __tablename__ = "attempt"

    id: Mapped[PrimaryKey]
    key: Mapped[bytes] = mapped_column(index=True)
    at: Mapped[datetime]


class Host(Table):
    """A project folder that sends from here: one on SQLite, one per host on PostgreSQL; see outreach/place.py.

    `token` is drawn anew while mail is sent; `instance_id` is the database's when the folder claimed or joined it.
    """

    __tablename__ = "host"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    instance_id: Mapped[str] = mapped_column(String(32))
    token: Mapped[str] = mapped_column(String(32))
    drawn_at: Mapped[datetime]


class Installation(Table):
    """One row: which copy of the database this is, and the canary that proves the suppression key is the right one."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(32))
    server: Mapped[str | None] = mapped_column(String(1000))  # which database this is; a copy is another
    generation: Mapped[int] = mapped_column(default=0, server_default="0")  # one more with each token of a host
    seen_at: Mapped[datetime | None]  # when a sender last said that it is there
    key_canary: Mapped[bytes]
    created_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("id = 1", name="ck_installation_single"),)

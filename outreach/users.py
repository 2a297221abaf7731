"""The people who log in to the staff site, and the browsers in which they did.

A password is kept as argon2id, a browser's secret as SHA-256: who reads the table can log in as nobody.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from outreach.errors import NotFound, Refusal
from outreach.models import Login, Role, User

MIN_PASSWORD = 12
MAX_PASSWORD = 1000  # argon2 hashes any length; nobody types a megabyte
LASTS = timedelta(hours=12)

ADDING = "`outreach user add EMAIL --name NAME --role team`"
_HASHER = PasswordHasher()
_ADDRESS = re.compile(r"[^@\s<>\"']{1,64}@[^@\s<>\"']{1,250}")


@dataclass(frozen=True)
class LoggedIn:
    """Who works in this browser."""

    user_id: int
    email: str
    name: str
    role: Role
    csrf_token: str

    @property
    def is_team(self) -> bool:
        return self.role is Role.TEAM


def add(session: Session, email: str, *, name: str, role: Role, password: str, now: datetime) -> User:
    """Add a user; Refusal for an address that is none or is taken, a name that is empty, a password too short."""
    address = _normalised(email)
    if not _ADDRESS.fullmatch(address):
        raise Refusal(f"{email!r} is no e-mail address: write one such as an@federatie.be")
    if session.scalar(select(User.id).where(User.email == address)) is not None:
        raise Refusal(f"{address} is a user already: change the password with `outreach user password {address}`")
    shown = " ".join(name.split())
    if not shown or len(shown) > 200 or not shown.isprintable():
        raise Refusal(f"{name!r} is no name: give one of 1 to 200 printable characters with --name")
    user = User(email=address, name=shown, role=role, password_hash=_hashed(password), created_at=now)
    session.add(user)
    session.flush()
    return user


def listed(session: Session) -> list[User]:
    """Return all users by address, disabled ones too."""
    return list(session.scalars(select(User).order_by(User.email)))


def team(session: Session) -> list[User]:
    """Return who may act for the team, by address."""
    return [user for user in listed(session) if user.role is Role.TEAM and user.disabled_at is None]


def find(session: Session, email: str) -> User:
    """Return the user with this address; NotFound names those there are."""
    address = _normalised(email)
    user = session.scalar(select(User).where(User.email == address))
    if user is None:
        known = ", ".join(session.scalars(select(User.email).order_by(User.email).limit(20))) or "none yet"
        raise NotFound(f"{address} is no user; users: {known}")
    return user


def acting(session: Session, who: str) -> User:
    """Return the enabled user of the team whom `who` names: an address, or a name or local part that only one has."""
    wanted, known = _normalised(who), team(session)
    found = [user for user in known if user.email == wanted]
    found = found or [user for user in known if wanted in (user.email.partition("@")[0], user.name.casefold())]
    if len(found) == 1:
        return found[0]
    names = ", ".join(user.email for user in found or known) or "none yet"
    if found:
        raise Refusal(f"{who!r} names {len(found)} users: say which by the address: {names}")
    raise NotFound(f"{who!r} is no user of the team; users: {names}. To add one: {ADDING}")


def set_password(session: Session, email: str, password: str) -> None:
    """Give a user another password, let a disabled one in again, and log out all browsers."""
    user = find(session, email)
    user.password_hash = _hashed(password)
    user.disabled_at = None
    session.execute(delete(Login).where(Login.user_id == user.id))


def disable(session: Session, email: str, *, now: datetime) -> bool:
    """Keep a user out from this moment; return whether that changed anything."""
    user = find(session, email)
    session.execute(delete(Login).where(Login.user_id == user.id))
    changed = user.disabled_at is None
    user.disabled_at = user.disabled_at or now
    return changed


def verify(session: Session, email: str, password: str) -> int | None:
    """Return the user's id if the password is right; a stranger takes as long as a wrong password."""
    user = session.scalar(select(User).where(User.email == _normalised(email)[:320], User.disabled_at.is_(None)))
    stored = user.password_hash if user else _nobody()
    try:
        right = len(password) <= MAX_PASSWORD and _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        right = False
    return user.id if user and right else None


def log_in(session: Session, user_id: int, *, now: datetime) -> str:
    """Open a browser's session and return its secret; what has expired is forgotten."""
    session.execute(delete(Login).where(Login.expires_at <= now))
    secret = secrets.token_urlsafe(32)
    token = secrets.token_urlsafe(32)
    login = Login(
        user_id=user_id, secret_hash=_digest(secret), csrf_token=token, created_at=now, expires_at=now + LASTS
    )
    session.add(login)
    session.flush()
    return secret


def logged_in(session: Session, secret: str, *, now: datetime) -> LoggedIn | None:
    """Return who is logged in with this secret, or None."""
    row = session.execute(
        select(User, Login.csrf_token)
        .join(Login, Login.user_id == User.id)
        .where(Login.secret_hash == _digest(secret), Login.expires_at > now, User.disabled_at.is_(None))
    ).first()
    if row is None:
        return None
    user, token = row
    return LoggedIn(user.id, user.email, user.name, user.role, token)


def log_out(session: Session, secret: str) -> None:
    """Close a browser's session."""
    session.execute(delete(Login).where(Login.secret_hash == _digest(secret)))


def _normalised(email: str) -> str:
    return email.strip().casefold()


def check_password(password: str) -> None:
    """Refusal for a password that is too short or too long."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        had = f"{len(password)} character{'' if len(password) == 1 else 's'}"
        raise Refusal(f"the password has {had}: give {MIN_PASSWORD} to {MAX_PASSWORD}")


def _hashed(password: str) -> str:
    check_password(password)
    return _HASHER.hash(password)


@cache
def _nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(16))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

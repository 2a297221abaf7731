"""Counted attempts (log-ins, contact forms): so many within a window, and no address stored.

The key is an HMAC of purpose, day and who tries: the table tells nobody, and the keys of yesterday match nothing today.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from outreach.models import Attempt

KEPT = timedelta(days=1)


def key_of(secret: bytes, purpose: str, who: str, now: datetime) -> bytes:
    """Return the day's key of someone who tries something."""
    return hmac.digest(secret, f"attempt:{now:%Y-%m-%d}:{purpose}:{who}".encode(), "sha256")[:16]


def place_of(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the /64 that one IPv6 customer commands."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)
    return str(parsed)


def one_at_a_time(session: Session, keys: Iterable[bytes]) -> None:
    """Let others who try under one of these keys wait until this transaction ends, so that counting leaves no gap.

    On SQLite a writing transaction is alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        for key in sorted(keys):  # in one order, so that no two wait for each other
            session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(key[:8], signed=True))))


def count(session: Session, key: bytes, *, window: timedelta, now: datetime) -> int:
    """Count the attempts under a key within the window."""
    return session.scalar(select(func.count()).where(Attempt.key == key, Attempt.at > now - window)) or 0


def record(session: Session, key: bytes, *, now: datetime) -> None:
    """Count one attempt, and forget those that no window reaches any more."""
    session.execute(delete(Attempt).where(Attempt.at < now - KEPT))
    session.add(Attempt(key=key, at=now))
    session.flush()


def take_back(session: Session, key: bytes) -> None:
    """Forget the latest attempt under a key: it was no wrong one."""
    latest = select(func.max(Attempt.id)).where(Attempt.key == key).scalar_subquery()
    session.execute(delete(Attempt).where(Attempt.id == latest))


def forget(session: Session, key: bytes) -> None:
    """Forget the attempts under a key: the right password wipes out the wrong ones."""
    session.execute(delete(Attempt).where(Attempt.key == key))

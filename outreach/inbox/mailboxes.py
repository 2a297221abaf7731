"""How far each mailbox is read, and what went wrong the last time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.models import InboxMailbox


@dataclass(frozen=True)
class MailboxView:
    """A mailbox as commands and pages show it."""

    name: str
    read_at: datetime | None
    fault: str | None


def read_up_to(session: Session, name: str, uid_validity: int) -> int:
    """Return the last UID that was taken in; 0 for a folder that is new, or whose UIDs were given out anew."""
    row = session.get(InboxMailbox, name)
    return row.last_uid if row is not None and row.uid_validity == uid_validity else 0


def note_uid(session: Session, name: str, uid_validity: int, uid: int) -> None:
    """Write down how far the mailbox is read, in the transaction that keeps what was read."""
    row = _row(session, name)
    row.uid_validity, row.last_uid = uid_validity, uid


def note_reading(session: Session, name: str, now: datetime, fault: str | None = None) -> None:
    """Write down that the mailbox was read to its end, or why not."""
    row = _row(session, name)
    row.fault = fault[:500] if fault else None
    if fault is None:
        row.read_at = now


def listed(session: Session) -> Sequence[MailboxView]:
    """Return the mailboxes that were read."""
    rows = session.scalars(select(InboxMailbox).order_by(InboxMailbox.name))
    return [MailboxView(row.name, row.read_at, row.fault) for row in rows]


def _row(session: Session, name: str) -> InboxMailbox:
    row = session.get(InboxMailbox, name, with_for_update=True)
    if row is None:
        row = InboxMailbox(name=name, uid_validity=0, last_uid=0)
        session.add(row)
        session.flush()
    return row

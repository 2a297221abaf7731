"""Mail that is no campaign: acknowledgements, notices of leads, test mail.

A mail put here under a key is sent once: asking again with that key changes nothing. It is sent by the same rules as a
campaign's mail (`delivery/claiming.py`), but suppression doesn't govern it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.audience.erasing import NOBODY
from outreach.models import OutboxMail, OutboxStatus


def put(
    session: Session,
    *,
    key: str,
    kind: str,
    recipient: str,
    message: bytes,
    now: datetime,
    address_hash: bytes | None = None,
) -> bool:
    """Put a mail in the outbox; return False, changing nothing, if `key` was used before.

    `address_hash` is the recipient's, by which an erasure finds the mail; without it every recipient is hashed then.
    """
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    statement = (sqlite.insert if on_sqlite else postgresql.insert)(OutboxMail).values(
        key=key,
        kind=kind,
        recipient=recipient,
        address_hash=address_hash,
        message=message,
        status=OutboxStatus.PENDING,
        attempts=0,
        created_at=now,
        status_at=now,
    )
    inserted = statement.on_conflict_do_nothing(index_elements=["key"]).returning(OutboxMail.id)
    return session.scalar(inserted) is not None


def forget(session: Session, keys: Sequence[str], now: datetime) -> int:
    """Empty the mails put under `keys` and stop those still waiting; what is on the wire is left. Return how many."""
    waiting = OutboxMail.status.in_((OutboxStatus.PENDING, OutboxStatus.DEFERRED))
    mine = OutboxMail.key.in_(keys)
    stopped = {"status": OutboxStatus.FAILED, "reason": "expired", "status_at": now, "retry_at": None}
    session.execute(update(OutboxMail).where(mine, waiting).values(stopped))
    emptied = {"recipient": NOBODY, "address_hash": None, "message": b"", "reply": None}
    settled = OutboxMail.status != OutboxStatus.SENDING
    rows = session.scalars(update(OutboxMail).where(mine, settled).values(emptied).returning(OutboxMail.id))
    return len(rows.all())

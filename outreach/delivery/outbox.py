"""Mail that is no campaign: acknowledgements, notices of leads, test mail.

A mail put here under a key is sent once: asking again with that key changes nothing. It is sent by the same rules as a
campaign's mail (`delivery/claiming.py`), but suppression doesn't govern it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

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

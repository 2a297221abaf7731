"""Taking a message in: kept whole, up to a size, before anybody tries to understand it; and kept once.

Every way in (IMAP, Maildir, pipe, webhook) ends here. A message is the same if what its writer wrote is the same: the
lines that mail servers put in front on the way differ, so the fingerprint leaves them out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.audience import bulk
from outreach.models import InboxMessage, InboxState

# These and the body are the writer's; two bounces of one server differ in them at least.
_OWN_LINES = (b"message-id", b"date", b"from", b"to", b"subject", b"content-type", b"auto-submitted")
_FINGERPRINT_BODY = 64 * 1024
_ADDRESS = re.compile(r"[!-~]{1,64}@[!-~]{1,255}")


@dataclass(frozen=True)
class Incoming:
    """A message as it was found: `raw` is its start if it is larger than we keep, `size` its whole length.

    `fault` says why nothing of it could be read.
    """

    raw: bytes = field(repr=False)
    place: str
    size: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Received:
    """The row of a message; `new` is False if it was taken in before."""

    id: int
    new: bool


def receive(
    session: Session, incoming: Incoming, *, source: str, now: datetime, limit: int, recipient: str = ""
) -> Received:
    """Keep a message, once; `recipient` is whom the envelope named, where the way in knows it."""
    raw = incoming.raw[:limit]
    size = max(incoming.size, len(incoming.raw))
    if recipient:
        raw = _delivered_to(recipient) + raw
    values = {
        "fingerprint": fingerprint(raw) if raw else _of_place(source, incoming.place),
        "source": source,
        "place": incoming.place[:400],
        "received_at": now,
        "size": size,
        "truncated": size > len(incoming.raw[:limit]),
        "raw": raw,
        "state": InboxState.WAITING if incoming.fault else InboxState.NEW,
        "note": incoming.fault,
    }
    insert = sqlite.insert if bulk.is_sqlite(session) else postgresql.insert
    added = insert(InboxMessage).values(values).on_conflict_do_nothing(index_elements=["fingerprint"])
    id = session.scalar(added.returning(InboxMessage.id))
    if id is not None:
        return Received(id, True)
    known = select(InboxMessage.id).where(InboxMessage.fingerprint == values["fingerprint"])
    return Received(session.scalars(known).one(), False)


def fingerprint(raw: bytes) -> bytes:
    """Return what tells a message from others, whatever servers wrote above it and however its lines end."""
    head, body = _halves(raw[: 2 * _FINGERPRINT_BODY].replace(b"\r\n", b"\n"))
    lines = re.sub(rb"\n[ \t]+", b" ", head).split(b"\n")
    digest = hashlib.sha256()
    for name in _OWN_LINES:
        own = (b" ".join(line.split()) for line in lines if line.lower().startswith(name + b":"))
        digest.update(next(own, b"") + b"\n")
    digest.update(body[:_FINGERPRINT_BODY].rstrip())
    return digest.digest()[:16]


def _halves(text: bytes) -> tuple[bytes, bytes]:
    head, blank, body = text.partition(b"\n\n")
    return (head, body) if blank else (text, text)


def _of_place(source: str, place: str) -> bytes:
    """Return the fingerprint of a message of which nothing could be read: where it stands."""
    return hashlib.sha256(f"{source}\0{place}".encode()).digest()[:16]


def _delivered_to(recipient: str) -> bytes:
    """Write down the envelope's recipient as mail servers do; it may hold our token, and To may not."""
    return f"Delivered-To: {recipient}\r\n".encode() if _ADDRESS.fullmatch(recipient) else b""


def places_known(session: Session, source: str, places: Sequence[str]) -> set[str]:
    """Return those of `places` that a message was taken in from."""
    columns = (InboxMessage.place,)
    found = bulk.matching(session, columns, InboxMessage.place, list(places), InboxMessage.source == source)
    return {row[0] for row in found}

"""Opting out by the link of a delivery: suppression, one event, one acknowledgement; repeating it changes nothing."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from outreach.audience import suppressing
from outreach.delivery import outbox
from outreach.emails.assembly import Headers, Mailbox, ascii_domain, assemble_plain
from outreach.errors import Refusal
from outreach.links import NOBODY
from outreach.models import Contact, Delivery, Event, EventKind, SuppressionReason
from outreach.settings import Settings

log = logging.getLogger(__name__)

SUBJECT = "U bent uitgeschreven"
TEXT = """\
Goeiedag,

U bent uitgeschreven. U krijgt op {recipient} geen nieuwsbrieven meer van {name}.
Dat geldt vanaf nu en voor al onze nieuwsbrieven.

U hoeft niets meer te doen: dit bericht bevestigt uw uitschrijving, en is het enige dat u daarover krijgt.

{identity}
"""


@dataclass(frozen=True)
class OptedOut:
    """What an opt-out did; `first` is False when the address was suppressed already, `address` None once erased."""

    delivery_id: int
    campaign_id: int
    contact_id: int
    address: str | None
    first: bool


def opt_out(
    session: Session,
    delivery_id: int,
    address_hash: bytes | None = None,
    *,
    via: str,
    settings: Settings,
    now: datetime,
) -> OptedOut | None:
    """Suppress the address of a delivery for all campaigns and acknowledge it once; None if there is no such delivery.

    `via` says how ("one-click", "page") and stands in the event. Of an erased contact nothing is left to suppress:
    erasure did that. `address_hash` is whom the mail went to, as its link says. If the row is gone with a database that
    was put back, or has become another's, that address alone is opted out.
    """
    # Locked, so that a one-click POST that arrives twice at once makes one event and one acknowledgement.
    delivery = session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None or address_hash not in (None, delivery.address_hash):
        if address_hash is not None and delivery_id != NOBODY:
            _opt_out_unknown(session, delivery_id, address_hash, via, settings, now)
        return None
    if delivery.address_hash is None:
        return OptedOut(delivery.id, delivery.campaign_id, delivery.contact_id, None, False)
    contact = session.get_one(Contact, delivery.contact_id)
    # Who changed the address since, and opts out by an older mail, wants no mail at the new one either.
    hashes = {delivery.address_hash: None, contact.address_hash: None}
    source, campaign = f"delivery {delivery.id}, {via}", delivery.campaign_id
    new = [_suppress(session, each, source, now, campaign) for each in hashes if each is not None]
    first = any(new)
    _record_once(session, delivery.id, via, now)
    if contact.address is not None and contact.address_hash is not None:
        _acknowledge(session, contact.address_hash, contact.address, settings, now)
    return OptedOut(delivery.id, delivery.campaign_id, delivery.contact_id, contact.address, first)


def _opt_out_unknown(
    session: Session, delivery_id: int, address_hash: bytes, via: str, settings: Settings, now: datetime
) -> None:
    _suppress(session, address_hash, f"lost delivery {delivery_id}, {via}", now)
    known = select(Contact.address).where(Contact.address_hash == address_hash, Contact.address.is_not(None))
    address = session.scalars(known.limit(1)).first()
    if address is not None:
        _acknowledge(session, address_hash, address, settings, now)


def leave(
    session: Session, address_hash: bytes, address: str | None, source: str, settings: Settings, now: datetime
) -> bool:
    """Opt an address out without a delivery, and acknowledge it once; return whether it was not suppressed before."""
    first = _suppress(session, address_hash, source, now)
    if first and address is not None:
        _acknowledge(session, address_hash, address, settings, now)
    return first


def _suppress(
    session: Session, address_hash: bytes, source: str, now: datetime, campaign_id: int | None = None
) -> bool:
    reason = SuppressionReason.UNSUBSCRIBED
    return suppressing.suppress(
        session, address_hash, reason=reason, source=source, actor="recipient", now=now, campaign_id=campaign_id
    )


def _record_once(session: Session, delivery_id: int, via: str, now: datetime) -> None:
    seen = exists().where(Event.delivery_id == delivery_id, Event.kind == EventKind.UNSUBSCRIBED)
    if not session.scalar(select(seen)):
        session.add(Event(delivery_id=delivery_id, kind=EventKind.UNSUBSCRIBED, at=now, detail=via))


def _acknowledge(session: Session, address_hash: bytes, recipient: str, settings: Settings, now: datetime) -> None:
    suppression = suppressing.live(session, address_hash)
    assert suppression is not None
    try:
        message = _acknowledgement(recipient, settings, now)
    except Refusal as refusal:
        # The opt-out must stand even if the sender's own address is not in order.
        log.warning("opt-out without acknowledgement: %s", refusal)
        return
    # One per suppression: after a new opt-in of the person's own, a second opt-out is acknowledged again.
    key = f"opt-out:{suppression.id}"
    outbox.put(
        session,
        key=key,
        kind="opt_out",
        recipient=recipient,
        message=message,
        now=now,
        address_hash=address_hash,
    )


def _acknowledgement(recipient: str, settings: Settings, now: datetime) -> bytes:
    headers = Headers(
        sender=Mailbox(settings.from_address, settings.from_name),
        recipient=Mailbox(recipient),
        date=now,
        message_id=f"<opt-out.{secrets.token_hex(12)}@{ascii_domain(settings.mail_domain)}>",
        auto_submitted="auto-replied",
    )
    text = TEXT.format(
        recipient=recipient, name=settings.sender.name or settings.from_address, identity=_identity(settings)
    )
    return assemble_plain(headers, SUBJECT, text)


def _identity(settings: Settings) -> str:
    sender = settings.sender
    number = f"Ondernemingsnummer {sender.enterprise_number}" if sender.enterprise_number else ""
    lines = (sender.name, sender.address, number, sender.email or settings.from_address, sender.website)
    return "\n".join(line for line in lines if line)

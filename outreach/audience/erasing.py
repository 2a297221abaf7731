"""Erasure of a person (GDPR art. 17): what says who it was goes, the counts and the suppression stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from outreach.audience import bulk, suppressing
from outreach.audience.contacts import of_address, same_address
from outreach.links import hash_address
from outreach.models import (
    Contact,
    ContactTag,
    ContactTopic,
    Delivery,
    DeliveryStatus,
    Event,
    Lead,
    LegalBasis,
    OutboxMail,
    OutboxStatus,
    SuppressionReason,
)

# `.invalid` reaches nobody (RFC 2606), should a row with it ever be sent again by hand.
NOBODY = "erased@erased.invalid"
_WAITING = (DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)


@dataclass(frozen=True)
class Erased:
    """How many rows an erasure emptied or stopped."""

    contacts: int
    legal_bases: int
    deliveries_cancelled: int
    leads: int
    mails: int


def erase(session: Session, address: str, *, key: bytes, actor: str, now: datetime) -> Erased:
    """Empty every row that says who an address belongs to, cancel what is still to be sent, and suppress it."""
    bulk.hold(session)
    address_hash = hash_address(key, address)
    reason = SuppressionReason.ERASED
    suppressing.suppress(session, address_hash, reason=reason, source="erasure", actor=actor, now=now)
    contacts = of_address(session, address, key)
    ids = [contact.id for contact in contacts]
    cancelled = _cancel_deliveries(session, address_hash, ids, now)
    _scrub_deliveries(session, address, ids)
    bases = _scrub_bases(session, ids, now)
    leads = _scrub_leads(session, address)
    mails = _scrub_outbox(session, address, leads, now)
    for contact in contacts:
        _empty(session, contact, now)
    session.flush()
    return Erased(len(contacts), bases, cancelled, len(leads), mails)


def _empty(session: Session, contact: Contact, now: datetime) -> None:
    contact.address = contact.address_hash = contact.address_domain = None
    contact.first_name = contact.last_name = contact.function = None
    contact.tracking_consent_at = contact.max_per_month = contact.chosen_at = None
    contact.erased_at = contact.updated_at = now
    for table in (ContactTag, ContactTopic):
        session.execute(delete(table).where(table.contact_id == contact.id))


def _cancel_deliveries(session: Session, address_hash: bytes, ids: list[int], now: datetime) -> int:
    waiting = Delivery.status.in_(_WAITING)
    ours = Delivery.contact_id.in_(ids) | (Delivery.address_hash == address_hash)
    values = {"status": DeliveryStatus.CANCELLED, "reason": "erased", "status_at": now, "retry_at": None}
    return len(session.scalars(update(Delivery).where(waiting, ours).values(values).returning(Delivery.id)).all())


def _scrub_deliveries(session: Session, address: str, ids: list[int]) -> None:
    """Cut the link from what was sent to the address, which the suppression knows; what is on the wire keeps it."""
    for delivery in session.scalars(select(Delivery).where(Delivery.contact_id.in_(ids))):
        delivery.reply = _without(address, delivery.reply)
        if delivery.status is not DeliveryStatus.SENDING:
            delivery.address_hash = None
    events = select(Event).join(Delivery, Delivery.id == Event.delivery_id).where(Delivery.contact_id.in_(ids))
    for event in session.scalars(events):
        event.detail = _without(address, event.detail) or ""


def _scrub_bases(session: Session, ids: list[int], now: datetime) -> int:
    """Keep that there was a basis and since when; the source is free text and may name the person."""
    rows = session.scalars(select(LegalBasis).where(LegalBasis.contact_id.in_(ids))).all()
    for row in rows:
        row.source = f"erased {row.id}"  # with the id, since evidence is unique by its source
        row.text_version = None
        row.withdrawn_at = row.withdrawn_at or now
    return len(rows)


def _scrub_leads(session: Session, address: str) -> list[int]:
    leads = session.scalars(select(Lead).where(same_address(Lead.email, address))).all()
    for lead in leads:
        lead.person = lead.email = lead.phone = lead.wanted_when = None
        lead.message = ""
        lead.decision_note = _without(address, lead.decision_note)
    return [lead.id for lead in leads]


def _scrub_outbox(session: Session, address: str, leads: list[int], now: datetime) -> int:
    """Stop and empty mail to the person, and the notices of the person's leads, since their text names the person."""
    keys = [OutboxMail.key.regexp_match(rf"^lead[^0-9]*{lead}([^0-9]|$)") for lead in leads]
    mine = same_address(OutboxMail.recipient, address)
    rows = session.scalars(select(OutboxMail).where(or_(mine, *keys))).all()
    for mail in rows:
        if mail.status in (OutboxStatus.PENDING, OutboxStatus.DEFERRED):
            mail.status, mail.reason, mail.status_at, mail.retry_at = OutboxStatus.FAILED, "erased", now, None
        if mail.status is not OutboxStatus.SENDING:
            mail.message = b""
            mail.reply = _without(address, mail.reply)
        if mail.recipient.lower() == address.lower():
            mail.recipient = NOBODY
    return len(rows)


def _without(address: str, text: str | None) -> str | None:
    """Return a text in which the address no longer stands, in whatever case."""
    return text and re.sub(re.escape(address), "[erased]", text, flags=re.IGNORECASE)

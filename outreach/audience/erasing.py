"""Erasure of a person (GDPR art. 17): what says who it was goes, the counts and the suppression stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, undefer

from outreach.audience import bulk, suppressing
from outreach.audience.addresses import hash_within, parse_address
from outreach.audience.contacts import of_address
from outreach.links import hash_address
from outreach.models import (
    Confirmation,
    Contact,
    ContactTag,
    ContactTopic,
    Delivery,
    DeliveryStatus,
    Event,
    InboxMessage,
    Lead,
    LegalBasis,
    OutboxMail,
    OutboxStatus,
    PreferenceChange,
    SuppressionReason,
)

# `.invalid` reaches nobody (RFC 2606), should a row with it ever be sent again by hand.
NOBODY = "erased@erased.invalid"
_WAITING = (DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"@=]+")


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
    scrub = _Scrub(address, address_hash, key)
    _scrub_deliveries(session, scrub, ids)
    bases = _scrub_bases(session, ids, now)
    _scrub_inbox(session, scrub, ids)
    leads = _scrub_leads(session, scrub)
    mails = _scrub_outbox(session, scrub, leads, now)
    for contact in contacts:
        _empty(session, contact, now)
    mine = (Confirmation.address_hash == address_hash) | (Confirmation.from_hash == address_hash)
    session.execute(delete(Confirmation).where(mine))
    session.flush()
    return Erased(len(contacts), bases, cancelled, len(leads), mails)


def _empty(session: Session, contact: Contact, now: datetime) -> None:
    contact.address = contact.address_hash = contact.address_domain = None
    contact.first_name = contact.last_name = contact.function = None
    contact.tracking_consent_at = contact.frequency = contact.chosen_at = None
    contact.erased_at = contact.updated_at = now
    for table in (ContactTag, ContactTopic, PreferenceChange):
        session.execute(delete(table).where(table.contact_id == contact.id))


def _cancel_deliveries(session: Session, address_hash: bytes, ids: list[int], now: datetime) -> int:
    waiting = Delivery.status.in_(_WAITING)
    ours = Delivery.contact_id.in_(ids) | (Delivery.address_hash == address_hash)
    values = {"status": DeliveryStatus.CANCELLED, "reason": "erased", "status_at": now, "retry_at": None}
    return len(session.scalars(update(Delivery).where(waiting, ours).values(values).returning(Delivery.id)).all())


@dataclass(frozen=True)
class _Scrub:
    """Takes an address out of texts, whatever its spelling: a relay answers with A-labels, people write capitals."""

    address: str
    address_hash: bytes
    key: bytes

    def without(self, text: str | None) -> str | None:
        """Return a text in which the address no longer stands."""
        if not text:
            return text
        text = _ADDRESS.sub(lambda found: "[erased]" if self.is_mine(found[0].rstrip(".")) else found[0], text)
        parsed = parse_address(self.address)
        for spelling in (self.address, f"{parsed.local}@{parsed.domain}"):
            text = re.sub(re.escape(spelling), "[erased]", text, flags=re.IGNORECASE)
        return text

    def is_mine(self, text: str) -> bool:
        """Tell whether a text is the address, in whatever spelling."""
        return hash_within(self.key, text) == self.address_hash


def _scrub_deliveries(session: Session, scrub: _Scrub, ids: list[int]) -> None:
    """Cut the link from what was sent to the address, which the suppression knows; what is on the wire keeps it."""
    ours = Delivery.contact_id.in_(ids) | (Delivery.address_hash == scrub.address_hash)
    deliveries = session.scalars(select(Delivery).where(ours)).all()
    for delivery in deliveries:
        delivery.reply = scrub.without(delivery.reply)
        if delivery.status is not DeliveryStatus.SENDING:
            delivery.address_hash = None
    for event in session.scalars(select(Event).where(Event.delivery_id.in_([each.id for each in deliveries]))):
        event.detail = scrub.without(event.detail) or ""


def _scrub_bases(session: Session, ids: list[int], now: datetime) -> int:
    """Keep that there was a basis and since when; the source is free text and may name the person."""
    rows = session.scalars(select(LegalBasis).where(LegalBasis.contact_id.in_(ids))).all()
    for row in rows:
        row.source = f"erased {row.id}"  # with the id, since evidence is unique by its source
        row.text_version = None
        row.withdrawn_at = row.withdrawn_at or now
    return len(rows)


def _scrub_inbox(session: Session, scrub: _Scrub, ids: list[int]) -> None:
    """Take away the words of what the person wrote to us, and of what came back about the person's mails."""
    mine = select(Delivery.id).where(Delivery.contact_id.in_(ids))
    # What waits for a person is not known to be about anybody yet, so its words are looked through.
    waiting = InboxMessage.raw.is_not(None)
    about = (InboxMessage.address_hash == scrub.address_hash) | InboxMessage.delivery_id.in_(mine)
    for message in session.scalars(select(InboxMessage).where(about | waiting).options(undefer(InboxMessage.raw))):
        text = (message.raw or b"").decode("utf-8", "replace") + (message.body or "")
        own = message.address_hash == scrub.address_hash or message.delivery_id is not None
        if own or scrub.without(text) != text:
            message.raw = message.sender = message.address_hash = None
            message.subject = message.body = message.new_address = None
            message.note = scrub.without(message.note) or ""


def _scrub_leads(session: Session, scrub: _Scrub) -> list[int]:
    leads = session.scalars(select(Lead).where(Lead.address_hash == scrub.address_hash)).all()
    for lead in leads:
        lead.person = lead.email = lead.address_hash = lead.phone = lead.wanted_when = None
        lead.message = ""
        lead.decision_note = scrub.without(lead.decision_note)
    return [lead.id for lead in leads]


def _scrub_outbox(session: Session, scrub: _Scrub, leads: list[int], now: datetime) -> int:
    """Stop and empty mail to the person, and the notices of the person's leads, since their text names the person."""
    keys = [OutboxMail.key.regexp_match(rf"^lead[^0-9]*{lead}([^0-9]|$)") for lead in leads]
    unhashed = OutboxMail.address_hash.is_(None)
    others = session.scalars(select(OutboxMail.recipient).where(unhashed).distinct())
    mine = OutboxMail.recipient.in_([each for each in others if scrub.is_mine(each)]) & unhashed
    hashed = OutboxMail.address_hash == scrub.address_hash
    rows = session.scalars(select(OutboxMail).where(or_(hashed, mine, *keys))).all()
    for mail in rows:
        if mail.status in (OutboxStatus.PENDING, OutboxStatus.DEFERRED):
            mail.status, mail.reason, mail.status_at, mail.retry_at = OutboxStatus.FAILED, "erased", now, None
        if mail.status is not OutboxStatus.SENDING:
            mail.message = b""
            mail.reply = scrub.without(mail.reply)
        if scrub.is_mine(mail.recipient):
            mail.recipient, mail.address_hash = NOBODY, None
    return len(rows)

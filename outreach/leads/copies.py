"""The confirmation that a company gets of what it asked on the form; and why nobody can bomb a stranger with it.

The address is whatever somebody typed, so this mail holds not one word of what was typed: the service and the
enterprise are the catalogue's. An address gets at most `COPIES_A_DAY` of them a day, all addresses together
`leads.copies_per_hour` an hour, and one that complained, bounced or was erased gets none. Whoever reads it without
having asked is told that nothing happens, and where to say so.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta

from babel.dates import format_datetime
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.audience import suppressing
from outreach.belgium.calendar import BRUSSELS
from outreach.delivery import outbox
from outreach.emails.assembly import Headers, Mailbox, ascii_address, ascii_domain, assemble_plain
from outreach.emails.model import fold
from outreach.errors import Refusal
from outreach.leads.cards import LeadCard, find
from outreach.leads.notices import templates
from outreach.links import Links
from outreach.models import Enterprise, Lead, OutboxMail, SuppressionReason
from outreach.settings import Settings

log = logging.getLogger(__name__)

KIND = "lead_copy"
COPIES_A_DAY = 2
# An opt-out governs campaigns; these say that the mailbox is gone, or that its owner wants no contact at all.
_SILENT = frozenset({SuppressionReason.COMPLAINT, SuppressionReason.HARD_BOUNCE, SuppressionReason.ERASED})


def confirm(session: Session, lead: Lead, *, settings: Settings, links: Links, now: datetime) -> bool:
    """Put the confirmation of a lead into the outbox, once; False if the address gets none."""
    if not lead.email or lead.address_hash is None or not _may_go(session, lead.address_hash, settings, now):
        return False
    card = find(session, lead.id)
    phone = session.get_one(Enterprise, lead.enterprise_id).phone
    try:
        recipient = ascii_address(lead.email)
        message = _message(card, recipient, phone, settings, links, now)
    except Refusal as refusal:
        log.warning("lead %s without confirmation to the company: %s", lead.id, refusal)
        return False
    return outbox.put(
        session,
        key=f"lead:{lead.id}:copy",
        kind=KIND,
        recipient=recipient,
        message=message,
        now=now,
        address_hash=lead.address_hash,
    )


def _may_go(session: Session, address_hash: bytes, settings: Settings, now: datetime) -> bool:
    suppression = suppressing.live(session, address_hash)
    if suppression is not None and suppression.reason in _SILENT:
        return False
    copies = select(func.count()).where(OutboxMail.kind == KIND)
    to_address = copies.where(OutboxMail.address_hash == address_hash, OutboxMail.created_at > now - timedelta(days=1))
    if (session.scalar(to_address) or 0) >= COPIES_A_DAY:
        return False
    lately = session.scalar(copies.where(OutboxMail.created_at > now - timedelta(hours=1))) or 0
    if lately >= settings.leads.copies_per_hour:
        log.warning("%s confirmations of contact forms within an hour: no more until fewer are asked for", lately)
        return False
    return True


def _message(
    card: LeadCard, recipient: str, phone: str | None, settings: Settings, links: Links, now: datetime
) -> bytes:
    headers = Headers(
        sender=Mailbox(settings.from_address, settings.from_name),
        recipient=Mailbox(recipient),
        date=now,
        message_id=f"<copy.{secrets.token_hex(12)}@{ascii_domain(settings.mail_domain)}>",
        auto_submitted="auto-replied",
    )
    sender = settings.sender
    page = links.service(card.service_slug) if card.service_slug else f"{links.base}/bedrijven/{card.enterprise_slug}"
    values = {
        "service": card.service or card.enterprise,
        "enterprise": card.enterprise,
        "when": format_datetime(card.happened_at.astimezone(BRUSSELS), "d MMMM y 'om' HH:mm", locale="nl"),
        "phone": fold(phone or ""),
        "page": page,
        "privacy": links.privacy(),
        "brand": fold(settings.site.name),
        "sender": fold(", ".join(part for part in (sender.name, sender.address, sender.enterprise_number) if part)),
        "email": sender.email or settings.from_address,
        "simulated": card.simulated,
    }
    subject = f"Uw vraag aan {fold(card.enterprise)} is aangekomen"
    if card.simulated:
        subject = f"[simulatie] {subject}"
    text = templates().get_template("copy.txt").render(values)
    return assemble_plain(headers, subject, text, templates().get_template("copy.html").render(values))

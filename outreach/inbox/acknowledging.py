"""The one mail that tells a company its answer arrived (RFC 3834): configured, once, and never to a machine.

It holds not one word of what was written, so nobody can have us mail his words to a stranger; and nothing at all goes
to an address that complained, is dead or was erased.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from datetime import datetime, timedelta
from email.message import Message
from email.parser import BytesHeaderParser

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.audience import suppressing
from outreach.delivery import outbox
from outreach.emails.assembly import Headers, Mailbox, ascii_address, ascii_domain, assemble_plain
from outreach.errors import Refusal
from outreach.inbox.kinds import Kind, Report
from outreach.models import Enterprise, InboxMessage, Lead, OutboxMail, SuppressionReason
from outreach.subscriptions.asking import Ours

log = logging.getLogger(__name__)

KIND = "answer"
A_DAY = 2
_SILENT = frozenset({SuppressionReason.COMPLAINT, SuppressionReason.HARD_BOUNCE, SuppressionReason.ERASED})
_MACHINES = ("mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply", "bounce", "root")
SUBJECT = "Uw antwoord is aangekomen"
TEXT = """\
Goeiedag,

Uw antwoord op onze nieuwsbrief is goed aangekomen. We gaven het door aan {enterprise}, die contact met u opneemt.

U hoeft niets meer te doen. Dit bericht is automatisch verstuurd, en is het enige dat u daarover krijgt.

{identity}
"""


def acknowledge(session: Session, message: InboxMessage, report: Report, lead: Lead, ours: Ours, now: datetime) -> bool:
    """Put the acknowledgement of an answer into the outbox; False if none is wanted or allowed."""
    settings = ours.settings
    if not settings.inbox.acknowledge or report.kind is not Kind.ANSWER or message.via is None:
        return False
    if message.sender is None or message.address_hash is None or is_automatic(message.raw or b"", message.sender):
        return False
    if not _may_go(session, message.address_hash, now):
        return False
    enterprise = session.get_one(Enterprise, lead.enterprise_id)
    try:
        recipient = ascii_address(message.sender)
        mail = assemble_plain(_headers(recipient, report, ours, now), SUBJECT, _text(enterprise.name, ours))
    except Refusal as refusal:
        log.warning("answer %s without acknowledgement: %s", message.id, refusal)
        return False
    # Not the suppression's hash itself: this key outlives an erasure.
    once = hmac.digest(ours.links.key, b"answer:" + message.address_hash, "sha256")[:16].hex()
    return outbox.put(
        session,
        key=f"answer:{message.campaign_id}:{once}",
        kind=KIND,
        recipient=recipient,
        message=mail,
        now=now,
        address_hash=message.address_hash,
    )


def is_automatic(raw: bytes, sender: str) -> bool:
    """Tell whether a message is a machine's or a list's, by its headers (RFC 3834, section 2) or its sender."""
    headers: Message = BytesHeaderParser().parsebytes(raw[: 64 * 1024])
    submitted = str(headers.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    precedence = str(headers.get("Precedence", "")).strip().lower()
    listed = any(name in headers for name in ("List-Id", "List-Unsubscribe", "X-Auto-Response-Suppress", "X-Autoreply"))
    null_sender = str(headers.get("Return-Path", "<x>")).strip() == "<>"
    machine = sender.partition("@")[0].lower().startswith(_MACHINES)
    return submitted != "no" or precedence in ("bulk", "list", "junk") or listed or null_sender or machine


def _may_go(session: Session, address_hash: bytes, now: datetime) -> bool:
    suppression = suppressing.live(session, address_hash)
    if suppression is not None and suppression.reason in _SILENT:
        return False
    lately = select(func.count()).where(
        OutboxMail.kind == KIND,
        OutboxMail.address_hash == address_hash,
        OutboxMail.created_at > now - timedelta(days=1),
    )
    return (session.scalar(lately) or 0) < A_DAY


def _headers(recipient: str, report: Report, ours: Ours, now: datetime) -> Headers:
    settings = ours.settings
    answered = report.message_id if report.message_id and report.message_id.count("@") == 1 else None
    return Headers(
        sender=Mailbox(settings.from_address, settings.from_name),
        recipient=Mailbox(recipient),
        date=now,
        message_id=f"<answer.{secrets.token_hex(12)}@{ascii_domain(settings.mail_domain)}>",
        auto_submitted="auto-replied",
        in_reply_to=_plain(answered),
    )


def _plain(message_id: str | None) -> str | None:
    """Return a Message-ID that may stand in a header of ours, else nothing: a stranger wrote it."""
    plain = message_id is not None and all("!" <= mark <= "~" and mark not in "<>" for mark in message_id)
    return message_id if plain and message_id is not None and len(message_id) <= 250 else None


def _text(enterprise: str, ours: Ours) -> str:
    sender = ours.settings.sender
    number = f"Ondernemingsnummer {sender.enterprise_number}" if sender.enterprise_number else ""
    lines = (sender.name, sender.address, number, sender.email or ours.settings.from_address, sender.website)
    return TEXT.format(enterprise=enterprise, identity="\n".join(line for line in lines if line))

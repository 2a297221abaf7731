"""The mail that tells an enterprise of a lead, with the signed page on which it answers; and the reminders.

Everything that a stranger typed stands in these mails: it is escaped in HTML, kept on one line in headers by
`emails.assembly`, and only a checked address becomes Reply-To.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import quote

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.numbers import format_enterprise_number
from outreach.delivery import outbox
from outreach.emails.assembly import Headers, Mailbox, ascii_address, ascii_domain, assemble_plain
from outreach.emails.model import clean, fold
from outreach.errors import Refusal
from outreach.leads.cards import LeadCard, find
from outreach.links import Links
from outreach.models import Channel, Enterprise, Lead, LeadStage
from outreach.settings import Settings

log = logging.getLogger(__name__)

KIND = "lead"
_SUBJECT_NAMES = 60
_HOW = {
    Channel.FORM: "via het contactformulier",
    Channel.REPLY: "als antwoord op een nieuwsbrief",
    Channel.CALL: "telefonisch",
    Channel.FAIR: "op een beurs",
    Channel.IMPORT: "volgens onze lijst",
}


def notify(
    session: Session, lead: Lead, *, follows: int | None = None, settings: Settings, links: Links, now: datetime
) -> bool:
    """Put the notice of a lead into the outbox, once; `follows` is the lead it was merged into and is answered with."""
    session.flush()
    card = find(session, lead.id)
    answered = follows or lead.id
    try:
        message = _message(session, card, answered, None, settings, links, now)
        recipient = _enterprise_address(session, lead.enterprise_id)
    except Refusal as refusal:
        # What the company wrote must be kept even if the sender's own address is not in order.
        log.warning("lead %s without notice: %s", lead.id, refusal)
        return False
    put = outbox.put(session, key=f"lead:{lead.id}:notice", kind=KIND, recipient=recipient, message=message, now=now)
    lead.notified_at = lead.notified_at or now
    return put


def remind_due(session: Session, *, settings: Settings, links: Links, now: datetime) -> int:
    """Remind enterprises of new leads, once per day of `leads.reminder_days`; return how many mails were put out.

    After a standstill only the latest reminder that is due goes, not all of them at once.
    """
    days = sorted(set(settings.leads.reminder_days))
    if not days:
        return 0
    waiting = session.execute(
        select(Lead.id, Lead.notified_at, Lead.reminders)
        .where(
            Lead.stage == LeadStage.NEW,
            Lead.reminders < len(days),
            Lead.notified_at <= now - timedelta(days=days[0]),
        )
        .order_by(Lead.id)
    ).all()
    sent = 0
    for lead_id, notified_at, reminders in waiting:
        assert notified_at is not None
        due = sum(notified_at + timedelta(days=day) <= now for day in days)
        if due > reminders and _claim(session, lead_id, reminders, due):
            sent += _remind(session, lead_id, due, settings, links, now)
    return sent


def _claim(session: Session, lead_id: int, before: int, after: int) -> bool:
    result = session.execute(
        update(Lead)
        .where(Lead.id == lead_id, Lead.stage == LeadStage.NEW, Lead.reminders == before)
        .values(reminders=after)
        .execution_options(synchronize_session="fetch")
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _remind(session: Session, lead_id: int, number: int, settings: Settings, links: Links, now: datetime) -> bool:
    card = find(session, lead_id)
    try:
        message = _message(session, card, lead_id, number, settings, links, now)
        recipient = _enterprise_address(session, card.enterprise_id)
    except Refusal as refusal:
        log.warning("lead %s without reminder: %s", lead_id, refusal)
        return False
    key = f"lead:{lead_id}:reminder:{number}"
    return outbox.put(session, key=key, kind=KIND, recipient=recipient, message=message, now=now)


def _enterprise_address(session: Session, enterprise_id: int) -> str:
    return ascii_address(session.get_one(Enterprise, enterprise_id).email)


def _message(
    session: Session,
    card: LeadCard,
    answered: int,
    reminder: int | None,
    settings: Settings,
    links: Links,
    now: datetime,
) -> bytes:
    reply_to = _reply_to(card)
    headers = Headers(
        sender=Mailbox(settings.from_address, settings.from_name),
        recipient=Mailbox(_enterprise_address(session, card.enterprise_id), card.enterprise),
        date=now,
        message_id=f"<lead.{secrets.token_hex(12)}@{ascii_domain(settings.mail_domain)}>",
        reply_to=reply_to,
        auto_submitted="auto-generated",
    )
    heading = _heading(card, reminder, follows=answered != card.id)
    values = {
        "heading": heading,
        "opening": _opening(card, reminder, follows=answered != card.id),
        "facts": _facts(card),
        "message": clean(card.message).strip(),
        "quoted": "\n".join(f"> {line}" for line in clean(card.message).strip().split("\n")),
        "page": links.lead(answered, session.scalars(select(Lead.secret).where(Lead.id == answered)).one()),
        "who": fold(card.person or card.company_name),
        "can_reply": reply_to is not None,
        "brand": fold(settings.site.name),
        "sender": fold(", ".join(part for part in (settings.sender.name, settings.sender.address) if part)),
        "simulated": card.simulated,
    }
    found = templates()
    subject = f"[simulatie] {heading}" if card.simulated else heading
    text = found.get_template("notice.txt").render(values)
    return assemble_plain(headers, subject, text, found.get_template("notice.html").render(values))


def _reply_to(card: LeadCard) -> Mailbox | None:
    if not card.email:
        return None
    try:
        ascii_address(card.email)
    except Refusal:
        return None  # it stands in the mail itself, to be copied
    return Mailbox(card.email, card.person or card.company_name)


def _heading(card: LeadCard, reminder: int | None, *, follows: bool) -> str:
    what = "Herinnering: contact" if reminder else "Aanvulling bij contact" if follows else "Nieuw contact"
    about = f" over {_short(card.service)}" if card.service else ""
    return f"{what} van {_short(card.company_name)}{about}"


def _opening(card: LeadCard, reminder: int | None, *, follows: bool) -> str:
    day = format_date(card.happened_at.astimezone(BRUSSELS), "d MMMM y", locale="nl")
    company, how = fold(card.company_name), _HOW[card.channel]
    if reminder:
        return f"Op {day} nam {company} {how} contact met u op. U liet nog niet weten of dat klopt."
    if follows:
        return f"{company} nam op {day} {how} nog eens contact met u op. We voegden dit bij het eerdere contact."
    return f"{company} nam op {day} {how} contact met u op."


def _facts(card: LeadCard) -> list[tuple[str, str, str]]:
    """Return label, value and where a click on the value leads."""
    number = format_enterprise_number(card.enterprise_number) if card.enterprise_number else ""
    email, phone = fold(card.email or ""), fold(card.phone or "")
    facts = [
        ("Bedrijf", fold(card.company_name), ""),
        ("Ondernemingsnummer", number, ""),
        ("Postcode", fold(card.postcode or ""), ""),
        ("Contactpersoon", fold(card.person or ""), ""),
        ("E-mail", email, f"mailto:{quote(email, safe='@')}" if _reply_to(card) else ""),
        ("Telefoon", phone, "tel:" + "".join(mark for mark in phone if mark.isdigit() or mark == "+")),
        ("Dienst", fold(card.service or ""), ""),
        ("Wanneer", fold(card.wanted_when or ""), ""),
    ]
    return [fact for fact in facts if fact[1]]


def _short(name: str | None) -> str:
    folded = fold(name or "")
    return folded if len(folded) <= _SUBJECT_NAMES else folded[: _SUBJECT_NAMES - 1].rstrip() + "…"


@cache
def templates() -> Environment:
    """Return the mails about leads."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )

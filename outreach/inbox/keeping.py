"""How long words are kept: those of an answer, and of a message that a person settled, for `inbox.answer_days`.

Then they go everywhere: from the inbox, from the lead, and from the notice that told the enterprise, as far as we have
it. That there was an answer, when, from which company and what became of it, stays.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from outreach.delivery import outbox
from outreach.models import Channel, InboxMessage, InboxState, Lead, OutboxMail
from outreach.settings import InboxSettings

WORDLESS = {"raw": None, "sender": None, "address_hash": None, "subject": None, "body": None, "new_address": None}


def forget(session: Session, settings: InboxSettings, now: datetime) -> int:
    """Erase the words that were kept long enough; return of how many messages and leads."""
    before = now - timedelta(days=settings.answer_days)
    done = InboxMessage.state.in_((InboxState.UNDERSTOOD, InboxState.SETTLED))
    has_words = or_(*(getattr(InboxMessage, name).is_not(None) for name in WORDLESS))
    old = update(InboxMessage).where(done, has_words, InboxMessage.done_at < before)
    messages = session.scalars(old.values(WORDLESS).returning(InboxMessage.id)).all()
    answers = (Lead.channel == Channel.REPLY, Lead.created_at < before, Lead.message != "")
    leads = session.scalars(update(Lead).where(*answers).values(message="").returning(Lead.id)).all()
    if leads:
        _empty_notices(session, list(leads), now)
    return len(messages) + len(leads)


def _empty_notices(session: Session, leads: list[int], now: datetime) -> None:
    starts = or_(*(OutboxMail.key.startswith(f"lead:{lead}:") for lead in leads))
    outbox.forget(session, session.scalars(select(OutboxMail.key).where(starts)).all(), now)

"""What a person asked and chose, for the person's own file and the team: choices, open questions, mails about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.models import Confirmation, ConsentText, InboxMessage, OutboxMail, PreferenceChange


@dataclass(frozen=True)
class ChangeView:
    """One choice of a contact: what, the value, how it came, and the text agreed to if there was one."""

    at: datetime
    what: str
    value: str
    via: str
    text: str | None


@dataclass(frozen=True)
class QuestionView:
    """Something asked in the address's name that waits for confirmation, or was confirmed lately."""

    kind: str
    asked_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    company: str | None
    source: str


@dataclass(frozen=True)
class MailView:
    """A mail that is no campaign: confirmation, acknowledgement, personal link."""

    kind: str
    status: str
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True)
class LetterView:
    """Something that was written to us from the address; its words are None once they were erased."""

    received_at: datetime
    kind: str | None
    subject: str | None
    body: str | None


def letters(session: Session, address_hash: bytes) -> tuple[LetterView, ...]:
    rows = session.scalars(
        select(InboxMessage).where(InboxMessage.address_hash == address_hash).order_by(InboxMessage.id)
    )
    return tuple(LetterView(row.received_at, row.kind, row.subject, row.body) for row in rows)


def changes(session: Session, contact_id: int) -> tuple[ChangeView, ...]:
    rows = session.execute(
        select(PreferenceChange, ConsentText.text)
        .join(ConsentText, ConsentText.digest == PreferenceChange.text_hash, isouter=True)
        .where(PreferenceChange.contact_id == contact_id)
        .order_by(PreferenceChange.at, PreferenceChange.id)
    )
    return tuple(ChangeView(row.at, row.what, row.value, row.via, text) for row, text in rows)


def questions(session: Session, address_hash: bytes) -> tuple[QuestionView, ...]:
    rows = session.scalars(
        select(Confirmation).where(Confirmation.address_hash == address_hash).order_by(Confirmation.asked_at)
    )
    return tuple(
        QuestionView(row.kind.value, row.asked_at, row.expires_at, row.confirmed_at, row.company_name, row.source)
        for row in rows
    )


def mails(session: Session, address_hash: bytes) -> tuple[MailView, ...]:
    rows = session.scalars(select(OutboxMail).where(OutboxMail.address_hash == address_hash).order_by(OutboxMail.id))
    return tuple(MailView(row.kind, row.status.value, row.created_at, row.sent_at) for row in rows)

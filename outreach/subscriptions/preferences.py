"""What a person chose for an address: topics, frequency, tracking; each choice a row that says when and how it came.

An address is one person's, at however many companies, so a choice counts for all its contacts. No import touches them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.audience import suppressing
from outreach.links import Addressed
from outreach.models import (
    Company,
    Confirmation,
    ConfirmationKind,
    Contact,
    ContactTopic,
    Delivery,
    Frequency,
    PreferenceChange,
    SuppressionReason,
)
from outreach.settings import Settings
from outreach.subscriptions import texts

NEWSLETTER_LINK, MAILED_LINK = "link in a newsletter", "link mailed on request"


@dataclass(frozen=True)
class Reader:
    """Whose preferences a link opens. `fresh`: the link was mailed to the address within a day, so it opens all."""

    address_hash: bytes
    address: str | None
    fresh: bool
    contacts: tuple[Contact, ...] = field(repr=False)
    companies: tuple[str, ...]
    suppressed: SuppressionReason | None
    topics: Mapping[str, bool]  # what was said about each; a topic that isn't here was never spoken of
    frequency: Frequency | None
    tracking_since: datetime | None

    @property
    def via(self) -> str:
        return MAILED_LINK if self.fresh else NEWSLETTER_LINK

    @property
    def masked(self) -> str:
        """The address so that its owner knows it, and whom the mail was forwarded to doesn't learn it."""
        local, _, domain = (self.address or "").rpartition("@")
        return f"{local[:1]}{'•' * 5}@{domain}" if local else ""


@dataclass(frozen=True)
class Choice:
    """What the preferences page sends; `tracking` None leaves it as it is."""

    topics: Mapping[str, bool]
    frequency: Frequency | None
    tracking: bool | None = None


def of_mail(session: Session, addressed: Addressed) -> Reader | None:
    """Return the reader a mail was sent to, also one whose delivery was lost with a database; None once erased."""
    delivery = session.get(Delivery, addressed.delivery_id)
    if delivery is not None and delivery.address_hash is None:
        return None
    return _reader(session, addressed.address_hash, None, fresh=False)


def of_link(session: Session, confirmation_id: int, now: datetime) -> Reader | None:
    """Return the reader who had a link mailed; None once it has lapsed."""
    row = session.get(Confirmation, confirmation_id)
    if row is None or row.kind is not ConfirmationKind.LINK or row.expires_at <= now:
        return None
    return _reader(session, row.address_hash, row.address, fresh=True)


def shown_topics(reader: Reader, settings: Settings) -> dict[str, tuple[str, bool]]:
    """Return the topics to choose from: code → label and whether it is followed; one never left counts as followed."""
    labels = {**{code: code for code in reader.topics}, **settings.subscribing.topics}
    order = [
        *settings.subscribing.topics,
        *(code for code in sorted(labels) if code not in settings.subscribing.topics),
    ]
    return {code: (labels[code], reader.topics.get(code, True)) for code in order}


def save(session: Session, reader: Reader, choice: Choice, settings: Settings, now: datetime) -> None:
    """Keep what a reader chose. Tracking is switched on by a fresh link only: a forwarded mail must not consent."""
    choose_topics(session, reader.address_hash, choice.topics, reader.via, now)
    choose_frequency(session, reader.address_hash, choice.frequency, reader.via, now)
    if choice.tracking is False or (choice.tracking and reader.fresh):
        choose_tracking(session, reader.address_hash, choice.tracking, reader.via, settings, now)


def choose_topics(session: Session, address_hash: bytes, topics: Mapping[str, bool], via: str, now: datetime) -> None:
    """Follow or leave topics; the person's own choice, which no import overrides."""
    for contact in _contacts(session, address_hash):
        mine = select(ContactTopic).where(ContactTopic.contact_id == contact.id)
        rows = {row.topic: row for row in session.scalars(mine)}
        for topic, follows in topics.items():
            row = rows.get(topic)
            if row is None:
                session.add(ContactTopic(topic=topic, contact_id=contact.id, follows=follows, chosen=True, at=now))
            elif row.follows != follows or not row.chosen:
                row.follows, row.chosen, row.at = follows, True, now
            else:
                continue
            log(session, contact.id, f"topic {topic}", "follows" if follows else "left", via, now)
        contact.chosen_at = now
    session.flush()


def choose_frequency(
    session: Session, address_hash: bytes, frequency: Frequency | None, via: str, now: datetime
) -> None:
    """Limit how often the address is mailed; None takes the limit away."""
    for contact in _contacts(session, address_hash):
        if contact.frequency != frequency:
            contact.frequency = frequency
            log(session, contact.id, "frequency", frequency.value if frequency else "any", via, now)
        contact.chosen_at = now
    session.flush()


def choose_tracking(
    session: Session, address_hash: bytes, on: bool, via: str, settings: Settings, now: datetime
) -> None:
    """Allow or end personal links, with the text that was agreed to."""
    text = texts.keep(session, texts.tracking(settings), now) if on else None
    for contact in _contacts(session, address_hash):
        if (contact.tracking_consent_at is not None) != on:
            contact.tracking_consent_at = now if on else None
            log(session, contact.id, "tracking", "allowed" if on else "ended", via, now, text)
    session.flush()


def log(
    session: Session, contact_id: int, what: str, value: str, via: str, now: datetime, text_hash: str | None = None
) -> None:
    """Keep that a choice was made."""
    session.add(
        PreferenceChange(contact_id=contact_id, at=now, what=what[:80], value=value, via=via, text_hash=text_hash)
    )


def _contacts(session: Session, address_hash: bytes) -> Sequence[Contact]:
    mine = select(Contact).where(Contact.address_hash == address_hash).order_by(Contact.id)
    return session.scalars(mine.with_for_update()).all()


def _reader(session: Session, address_hash: bytes, address: str | None, *, fresh: bool) -> Reader:
    mine = Contact.address_hash == address_hash
    contacts = tuple(session.scalars(select(Contact).where(mine).order_by(Contact.id)))
    companies = session.scalars(
        select(Company.name).where(Company.id.in_([contact.company_id for contact in contacts])).order_by(Company.name)
    )
    topics: dict[str, bool] = {}
    for topic, follows in session.execute(select(ContactTopic.topic, ContactTopic.follows).join(Contact).where(mine)):
        topics[topic] = topics.get(topic, True) and follows
    held = suppressing.live(session, address_hash)
    frequencies = [contact.frequency for contact in contacts if contact.frequency]
    tracked = [contact.tracking_consent_at for contact in contacts if contact.tracking_consent_at]
    return Reader(
        address_hash=address_hash,
        address=address or (contacts[0].address if contacts else None),
        fresh=fresh,
        contacts=contacts,
        companies=tuple(companies),
        suppressed=held.reason if held else None,
        topics=topics,
        frequency=max(frequencies, key=list(Frequency).index, default=None),
        tracking_since=min(tracked, default=None),
    )

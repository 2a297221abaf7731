"""A question that its mailbox confirms: the one moment at which something asked becomes a contact with evidence.

One conditional UPDATE takes the question, so that two clicks at once confirm once and the second sees it done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from outreach.audience import bulk, suppressing
from outreach.audience.addresses import parse_address
from outreach.audience.cells import CellError
from outreach.audience.companies import name_key
from outreach.audience.importing_cells import spot
from outreach.belgium.calendar import BRUSSELS
from outreach.errors import Refusal
from outreach.models import (
    AddressKind,
    Basis,
    Company,
    Confirmation,
    ConfirmationKind,
    Contact,
    LegalBasis,
    SuppressionReason,
)
from outreach.settings import Settings
from outreach.subscriptions import letters, preferences, texts

ACTOR = "recipient"
VIA = "confirmed opt-in"


class State(StrEnum):
    """Whether a question can still be confirmed."""

    OPEN = "open"
    DONE = "done"
    GONE = "gone"


@dataclass(frozen=True)
class Question:
    """What a confirmation page shows."""

    id: int
    kind: ConfirmationKind
    state: State
    address: str
    company: str | None
    topics: tuple[str, ...]
    often: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What became of it; `blocked` means that a complaint or dead address keeps it from being mailed all the same."""

    state: State
    kind: ConfirmationKind | None = None
    blocked: bool = False


def owner(session: Session, id: int) -> bytes | None:
    """Return the hash of the address that a question is about: its links are bound to it."""
    return session.scalar(select(Confirmation.address_hash).where(Confirmation.id == id))


def find(session: Session, id: int, settings: Settings, now: datetime) -> Question | None:
    """Return a question, None if it is no more."""
    row = session.get(Confirmation, id)
    if row is None or row.kind is ConfirmationKind.LINK:
        return None
    company = session.get(Company, row.company_id) if row.company_id else None
    text = texts.find(session, row.text_hash)
    labels = settings.subscribing.topics
    return Question(
        id=row.id,
        kind=row.kind,
        state=_state(row, now),
        address=row.address,
        company=company.name if company else row.company_name,
        topics=tuple(labels.get(code, code) for code in row.topics),
        often=letters.OFTEN[row.frequency],
        text=text.text if text else "",
    )


def confirm(session: Session, id: int, settings: Settings, now: datetime) -> Outcome:
    """Confirm a question; repeating it changes nothing and says that it is done."""
    bulk.hold(session)
    taken = session.scalar(
        update(Confirmation)
        .where(
            Confirmation.id == id,
            Confirmation.kind != ConfirmationKind.LINK,
            Confirmation.confirmed_at.is_(None),
            Confirmation.expires_at > now,
        )
        .values(confirmed_at=now)
        .returning(Confirmation.id)
    )
    row = session.get(Confirmation, id, populate_existing=True)
    if row is None or row.kind is ConfirmationKind.LINK:
        return Outcome(State.GONE)
    if taken is None:
        grave = suppressing.grave_reason(session, row.address_hash)
        return Outcome(_state(row, now), row.kind, blocked=grave is not None)
    if row.kind is ConfirmationKind.MOVE:
        return _move(session, row, settings, now)
    return Outcome(State.DONE, row.kind, blocked=not _sign_up(session, row, settings, now))


def _state(row: Confirmation, now: datetime) -> State:
    if row.confirmed_at is not None:
        return State.DONE
    return State.OPEN if row.expires_at > now else State.GONE


def _sign_up(session: Session, row: Confirmation, settings: Settings, now: datetime) -> bool:
    """Make the contact with its evidence and lift its own opt-out; False if something graver stands in the way."""
    company = session.get_one(Company, row.company_id) if row.company_id else _company(session, row, now)
    contact = _contact(session, company, row, now)
    if row.first_name or row.last_name:
        contact.first_name, contact.last_name = row.first_name, row.last_name
    _record_consent(session, contact, row, now)
    preferences.log(session, contact.id, "newsletter", "on", VIA, now, row.text_hash)
    if row.topics:
        chosen = {code: code in row.topics for code in settings.subscribing.topics}
        preferences.choose_topics(session, row.address_hash, chosen, VIA, now)
    if row.frequency is not None:
        preferences.choose_frequency(session, row.address_hash, row.frequency, VIA, now)
    return _lift(session, row, now)


def _lift(session: Session, row: Confirmation, now: datetime) -> bool:
    try:
        why = f"opt-in confirmed on {now:%Y-%m-%d}"
        suppressing.lift(session, row.address_hash, by=ACTOR, reason=why, now=now, opted_in=True)
    except Refusal:
        return False
    return True


def _company(session: Session, row: Confirmation, now: datetime) -> Company:
    """Return the company of a sign-up, by number, else by name and postcode; what we know of it is left as it is."""
    name = row.company_name or row.address.rpartition("@")[2]
    key = name_key(name)
    known = select(Company)
    if row.enterprise_number:
        found = session.scalars(known.where(Company.enterprise_number == row.enterprise_number)).first()
    else:
        same = known.where(Company.name_key == key, Company.postcode == row.postcode).order_by(
            Company.enterprise_number.is_(None), Company.id
        )
        found = session.scalars(same).first()
    if found is not None:
        return found
    place = _place(row.postcode)
    company = Company(
        enterprise_number=row.enterprise_number,
        name=name,
        name_key=key,
        postcode=place[0],
        municipality_nis=place[1],
        province_nis=place[2],
        created_at=now,
        updated_at=now,
    )
    session.add(company)
    session.flush()
    return company


def _place(postcode: str | None) -> tuple[str | None, str | None, str | None]:
    try:
        return spot(postcode) if postcode else (None, None, None)
    except CellError:
        return postcode, None, None


def _contact(session: Session, company: Company, row: Confirmation, now: datetime) -> Contact:
    same = (Contact.company_id == company.id, Contact.address_hash == row.address_hash)
    contact = session.scalars(select(Contact).where(*same)).first()
    if contact is None:
        parsed = parse_address(row.address)
        contact = Contact(
            company_id=company.id,
            address=parsed.address,
            address_hash=row.address_hash,
            address_domain=parsed.domain,
            kind=AddressKind(parsed.kind),
            created_at=now,
        )
        session.add(contact)
    contact.updated_at = now
    session.flush()
    return contact


def _record_consent(session: Session, contact: Contact, row: Confirmation, now: datetime) -> None:
    """Keep the evidence: which text, asked and confirmed when, on which page."""
    day = now.astimezone(BRUSSELS).date()
    same = (LegalBasis.contact_id == contact.id, LegalBasis.obtained_on == day, LegalBasis.basis == Basis.CONSENT)
    taken = session.scalar(select(LegalBasis.id).where(*same, LegalBasis.source == row.source))
    text = texts.find(session, row.text_hash)
    session.add(
        LegalBasis(
            contact_id=contact.id,
            basis=Basis.CONSENT,
            # Evidence is unique by its source: a second opt-in on one day says its time.
            source=row.source if taken is None else f"{row.source[:280]}, {now:%H:%M:%S} UTC",
            obtained_on=day,
            text_version=text.version if text else None,
            text_hash=row.text_hash,
            asked_at=row.asked_at,
            confirmed_at=now,
            actor=ACTOR,
            recorded_at=now,
        )
    )
    session.flush()


def _move(session: Session, row: Confirmation, settings: Settings, now: datetime) -> Outcome:
    """Give the contacts of an address the confirmed new one; what kept the old one from being mailed goes along."""
    old_hash = row.from_hash
    assert old_hash is not None
    contacts = session.scalars(select(Contact).where(Contact.address_hash == old_hash).order_by(Contact.id)).all()
    if not contacts:
        return Outcome(State.GONE, row.kind)
    old, held = contacts[0].address, suppressing.live(session, old_hash)
    assert old is not None
    moved = [contact for contact in contacts if _move_one(session, contact, row, now)]
    if held is not None:
        source = "came along from an earlier address"
        suppressing.suppress(session, row.address_hash, reason=held.reason, source=source, actor=ACTOR, now=now)
    else:
        for contact in moved:
            _record_consent(session, contact, row, now)
    reason = SuppressionReason.UNSUBSCRIBED
    suppressing.suppress(session, old_hash, reason=reason, source="changed to another address", actor=ACTOR, now=now)
    letters.moved(session, row.id, old, old_hash, settings, now)
    return Outcome(State.DONE, row.kind, blocked=suppressing.is_suppressed(session, row.address_hash))


def _move_one(session: Session, contact: Contact, row: Confirmation, now: datetime) -> bool:
    """Change one contact's address; False if its company has the new one already, which then stays beside it."""
    there = (Contact.company_id == contact.company_id, Contact.address_hash == row.address_hash)
    if session.scalar(select(Contact.id).where(*there)) is not None:
        return False
    parsed = parse_address(row.address)
    contact.address, contact.address_hash, contact.address_domain = parsed.address, row.address_hash, parsed.domain
    contact.kind = AddressKind(parsed.kind)
    contact.updated_at = now
    preferences.log(session, contact.id, "address", "changed", VIA, now)
    session.flush()
    return True

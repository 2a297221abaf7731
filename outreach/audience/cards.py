"""Everything that we hold about one contact or one address, for the team and for the person (GDPR art. 15 and 20)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from outreach.audience import choices
from outreach.audience.choices import ChangeView, LetterView, MailView, QuestionView
from outreach.audience.contacts import of_address
from outreach.belgium.numbers import format_enterprise_number
from outreach.belgium.places import PROVINCES, place_of
from outreach.errors import NotFound
from outreach.links import hash_address
from outreach.models import (
    Campaign,
    Company,
    ConsentText,
    Contact,
    ContactTag,
    ContactTopic,
    Delivery,
    Enterprise,
    Event,
    Lead,
    LegalBasis,
    Placement,
    Suppression,
)


@dataclass(frozen=True)
class CompanyView:
    id: int
    name: str
    enterprise_number: str | None
    legal_form: str | None
    legal_person: bool | None
    legal_person_source: str | None
    postcode: str | None
    municipality: str | None
    province: str | None
    nace_2008: str | None
    nace_2025: str | None
    status: str
    status_reason: str | None
    register: RegisterView | None


@dataclass(frozen=True)
class RegisterView:
    """When the company's number was looked up in the register, and what people typed of it where that differs."""

    snapshot_date: date | None
    found: bool
    typed: dict[str, str]


@dataclass(frozen=True)
class BasisView:
    basis: str
    source: str
    obtained_on: date
    text_version: str | None
    actor: str
    recorded_at: datetime
    withdrawn_at: datetime | None
    asked_at: datetime | None
    confirmed_at: datetime | None
    text_hash: str | None
    text: str | None


@dataclass(frozen=True)
class SuppressionView:
    reason: str
    source: str
    at: datetime
    actor: str
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_reason: str | None


@dataclass(frozen=True)
class TopicView:
    topic: str
    follows: bool
    chosen: bool
    at: datetime


@dataclass(frozen=True)
class EventView:
    """What happened to a mail; `klass`, `reason` and `detail` are the evidence of what came back."""

    kind: str
    at: datetime
    klass: str | None = None
    reason: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class DeliveryView:
    campaign: str
    status: str
    reason: str | None
    sent_at: datetime | None
    status_at: datetime
    events: tuple[EventView, ...]


@dataclass(frozen=True)
class LeadView:
    id: int
    enterprise: str
    company: str
    person: str | None
    email: str | None
    phone: str | None
    message: str
    channel: str
    stage: str
    happened_at: datetime


@dataclass(frozen=True)
class ContactCard:
    """Everything that we hold about one contact."""

    id: int
    address: str | None
    kind: str
    first_name: str | None
    last_name: str | None
    function: str | None
    tracking_consent_at: datetime | None
    frequency: str | None
    chosen_at: datetime | None
    erased_at: datetime | None
    created_at: datetime
    updated_at: datetime
    company: CompanyView
    bases: tuple[BasisView, ...]
    suppressed: bool
    suppressions: tuple[SuppressionView, ...]
    tags: tuple[str, ...]
    topics: tuple[TopicView, ...]
    changes: tuple[ChangeView, ...]
    deliveries: tuple[DeliveryView, ...]
    leads: tuple[LeadView, ...]


@dataclass(frozen=True)
class AddressFile:
    """Everything that we hold about one address: its contacts, what was written to us from it, its suppression."""

    address: str
    contacts: tuple[ContactCard, ...]
    leads: tuple[LeadView, ...]
    suppressions: tuple[SuppressionView, ...]
    questions: tuple[QuestionView, ...] = ()
    mails: tuple[MailView, ...] = ()
    letters: tuple[LetterView, ...] = ()


def show(session: Session, contact_id: int) -> ContactCard:
    """Return everything that we hold about a contact; NotFound."""
    contact = session.get(Contact, contact_id, options=[joinedload(Contact.company)])
    if contact is None:
        raise NotFound(f"no contact {contact_id}: `outreach contact find TEXT` looks for one")
    suppressions = _suppressions(session, contact.address_hash)
    return ContactCard(
        id=contact.id,
        address=contact.address,
        kind=contact.kind.value,
        first_name=contact.first_name,
        last_name=contact.last_name,
        function=contact.function,
        tracking_consent_at=contact.tracking_consent_at,
        frequency=contact.frequency.value if contact.frequency else None,
        chosen_at=contact.chosen_at,
        erased_at=contact.erased_at,
        created_at=contact.created_at,
        updated_at=contact.updated_at,
        company=_company(session, contact.company),
        bases=_bases(session, contact.id),
        suppressed=any(row.lifted_at is None for row in suppressions),
        suppressions=suppressions,
        tags=tuple(session.scalars(select(ContactTag.tag).where(ContactTag.contact_id == contact.id).order_by("tag"))),
        topics=_topics(session, contact.id),
        changes=choices.changes(session, contact.id),
        deliveries=_deliveries(session, contact.id),
        leads=_leads(session, contact.address_hash),
    )


def export(session: Session, address: str, key: bytes) -> AddressFile:
    """Return everything that we hold about an address, for the person it belongs to; NotFound if that is nothing."""
    contacts = tuple(show(session, contact.id) for contact in of_address(session, address, key))
    address_hash = hash_address(key, address)
    suppressions = _suppressions(session, address_hash)
    leads = _leads(session, address_hash)
    asked, mails = choices.questions(session, address_hash), choices.mails(session, address_hash)
    wrote = choices.letters(session, address_hash)
    if not (contacts or suppressions or leads or wrote or any(row.kind != "link" for row in asked)):
        raise NotFound(f"{address}: we hold nothing about this address")
    return AddressFile(address, contacts, leads, suppressions, asked, mails, wrote)


def _company(session: Session, company: Company) -> CompanyView:
    place = place_of(company.postcode) if company.postcode else None
    number = company.enterprise_number
    return CompanyView(
        id=company.id,
        name=company.name,
        enterprise_number=format_enterprise_number(number) if number else None,
        legal_form=company.legal_form,
        legal_person=company.legal_person,
        legal_person_source=company.legal_person_source,
        postcode=company.postcode,
        municipality=place.municipality if place else None,
        province=PROVINCES[company.province_nis].name_nl if company.province_nis in PROVINCES else None,
        nace_2008=company.nace_2008,
        nace_2025=company.nace_2025,
        status=company.status.value,
        status_reason=company.status_reason,
        register=_register(company, session.get(Placement, company.id)),
    )


_TYPED = ("legal_form", "postcode", "nace_2025", "nace_2008", "section_2025", "status", "status_reason")


def _register(company: Company, placed: Placement | None) -> RegisterView | None:
    if placed is None or placed.snapshot_date is None:
        return None
    typed = {name: getattr(placed, f"typed_{name}") for name in _TYPED}
    other = {name: str(value) for name, value in typed.items() if value and value != getattr(company, name)}
    return RegisterView(placed.snapshot_date, placed.found, other)


def _bases(session: Session, contact_id: int) -> tuple[BasisView, ...]:
    rows = session.execute(
        select(LegalBasis, ConsentText.text)
        .join(ConsentText, ConsentText.digest == LegalBasis.text_hash, isouter=True)
        .where(LegalBasis.contact_id == contact_id)
        .order_by(LegalBasis.obtained_on, LegalBasis.id)
    )
    return tuple(
        BasisView(
            row.basis.value,
            row.source,
            row.obtained_on,
            row.text_version,
            row.actor,
            row.recorded_at,
            row.withdrawn_at,
            row.asked_at,
            row.confirmed_at,
            row.text_hash,
            text,
        )
        for row, text in rows
    )


def _suppressions(session: Session, address_hash: bytes | None) -> tuple[SuppressionView, ...]:
    if address_hash is None:
        return ()
    rows = session.scalars(
        select(Suppression).where(Suppression.address_hash == address_hash).order_by(Suppression.at, Suppression.id)
    )
    return tuple(
        SuppressionView(
            row.reason.value, row.source, row.at, row.actor, row.lifted_at, row.lifted_by, row.lifted_reason
        )
        for row in rows
    )


def _topics(session: Session, contact_id: int) -> tuple[TopicView, ...]:
    rows = session.scalars(select(ContactTopic).where(ContactTopic.contact_id == contact_id).order_by("topic"))
    return tuple(TopicView(row.topic, row.follows, row.chosen, row.at) for row in rows)


def _deliveries(session: Session, contact_id: int) -> tuple[DeliveryView, ...]:
    rows = session.execute(
        select(Delivery, Campaign.name)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(Delivery.contact_id == contact_id)
        .order_by(Delivery.id)
    ).all()
    events = _events(session, [delivery.id for delivery, _ in rows])
    return tuple(
        DeliveryView(
            name,
            delivery.status.value,
            delivery.reason,
            delivery.sent_at,
            delivery.status_at,
            tuple(_event(event) for event in events if event.delivery_id == delivery.id),
        )
        for delivery, name in rows
    )


def _event(event: Event) -> EventView:
    return EventView(event.kind.value, event.at, event.klass, event.reason, event.detail)


def _events(session: Session, delivery_ids: Sequence[int]) -> list[Event]:
    return list(session.scalars(select(Event).where(Event.delivery_id.in_(delivery_ids)).order_by(Event.at, Event.id)))


def _leads(session: Session, address_hash: bytes | None) -> tuple[LeadView, ...]:
    if address_hash is None:
        return ()
    rows = session.execute(
        select(Lead, Enterprise.name)
        .join(Enterprise, Enterprise.id == Lead.enterprise_id)
        .where(Lead.address_hash == address_hash)
        .order_by(Lead.id)
    )
    return tuple(
        LeadView(
            lead.id,
            enterprise,
            lead.company_name,
            lead.person,
            lead.email,
            lead.phone,
            lead.message,
            lead.channel.value,
            lead.stage.value,
            lead.happened_at,
        )
        for lead, enterprise in rows
    )

"""What came back, as commands and pages show it; most of all what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from outreach.errors import NotFound
from outreach.inbox import answering
from outreach.inbox.believing import Belief
from outreach.models import Campaign, Company, Contact, Delivery, Enterprise, InboxMessage, InboxState, Service, Via


@dataclass(frozen=True)
class MessageCard:
    """A message with the names of what it is about; its words are None once they were erased."""

    id: int
    state: InboxState
    kind: str | None
    received_at: datetime
    source: str
    size: int
    truncated: bool
    via: Via | None
    campaign: str | None
    delivery_id: int | None
    contact_id: int | None
    company: str | None
    sender: str | None
    subject: str | None
    body: str | None
    new_address: str | None
    note: str
    lead_id: int | None
    done_at: datetime | None
    settled_by: str | None


@dataclass(frozen=True)
class OfferCard:
    """A service that an answer may be about."""

    slug: str
    service: str
    enterprise: str


def find(session: Session, message_id: int) -> MessageCard:
    """Return one message; NotFound."""
    row = session.execute(_query().where(InboxMessage.id == message_id)).first()
    if row is None:
        raise NotFound(f"{message_id} is no message that came back: `outreach inbox list --all` shows them")
    return _card(*row)


def listed(
    session: Session, *, state: InboxState | None = InboxState.WAITING, kind: str | None = None, limit: int = 200
) -> list[MessageCard]:
    """Return messages, the newest first; by default those that wait for a person, None = all."""
    query = _query().order_by(InboxMessage.id.desc()).limit(limit)
    if state is not None:
        query = query.where(InboxMessage.state == state)
    if kind is not None:
        query = query.where(InboxMessage.kind == kind)
    return [_card(*row) for row in session.execute(query)]


def waiting(session: Session, kind: str | None = None) -> int:
    """Return how many messages wait for a person, all or those of a kind."""
    query = select(func.count()).where(InboxMessage.state == InboxState.WAITING)
    return session.scalar(query if kind is None else query.where(InboxMessage.kind == kind)) or 0


def offers(session: Session, card: MessageCard) -> Sequence[OfferCard]:
    """Return the services that an answer may be about, as far as its mail tells."""
    message = session.get_one(InboxMessage, card.id)
    if message.campaign_id is None or message.via is None:
        return ()
    delivery = session.get(Delivery, message.delivery_id) if message.delivery_id else None
    ids = [
        offer.service_id for offer in answering.offers_of(session, Belief(message.via, message.campaign_id, delivery))
    ]
    return [OfferCard(*row) for row in session.execute(_services().where(Service.id.in_(ids)))]


def every_service(session: Session) -> Sequence[OfferCard]:
    """Return all services that may be chosen for an answer."""
    return [OfferCard(*row) for row in session.execute(_services())]


def _services() -> Select[str, str, str]:
    columns = select(Service.slug, Service.name, Enterprise.name)
    return columns.join(Enterprise, Enterprise.id == Service.enterprise_id).order_by(Enterprise.name, Service.name)


def _query() -> Select[InboxMessage, str | None, int | None, str | None]:
    return (
        select(InboxMessage, Campaign.name, Contact.id, Company.name)
        .outerjoin(Campaign, Campaign.id == InboxMessage.campaign_id)
        .outerjoin(Delivery, Delivery.id == InboxMessage.delivery_id)
        .outerjoin(Contact, Contact.id == Delivery.contact_id)
        .outerjoin(Company, Company.id == Delivery.company_id)
    )


def _card(message: InboxMessage, campaign: str | None, contact_id: int | None, company: str | None) -> MessageCard:
    return MessageCard(
        id=message.id,
        state=message.state,
        kind=message.kind,
        received_at=message.received_at,
        source=message.source,
        size=message.size,
        truncated=message.truncated,
        via=message.via,
        campaign=campaign,
        delivery_id=message.delivery_id,
        contact_id=contact_id,
        company=company,
        sender=message.sender,
        subject=message.subject,
        body=message.body,
        new_address=message.new_address,
        note=message.note,
        lead_id=message.lead_id,
        done_at=message.done_at,
        settled_by=message.settled_by,
    )

"""Leads as pages, commands and mails show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from outreach.errors import NotFound
from outreach.models import Campaign, Channel, Enterprise, Evidence, Lead, LeadStage, Service


@dataclass(frozen=True)
class LeadCard:
    """A lead with the names of what it points at."""

    id: int
    stage: LeadStage
    company_id: int | None
    company_name: str
    enterprise_number: str | None
    postcode: str | None
    enterprise_id: int
    enterprise: str
    enterprise_slug: str
    service_id: int | None
    service: str | None
    service_slug: str | None
    channel: Channel
    evidence: Evidence
    campaign_id: int | None
    campaign: str | None
    person: str | None
    email: str | None
    phone: str | None
    message: str
    wanted_when: str | None
    happened_at: datetime
    created_at: datetime
    created_by: str
    notified_at: datetime | None
    reminders: int
    decided_at: datetime | None
    decided_by: str | None
    decision_note: str | None
    merged_into: int | None
    simulated: bool


Columns = tuple[Lead, str, str, str | None, str | None, str | None]


def find(session: Session, lead_id: int) -> LeadCard:
    """Return one lead; NotFound."""
    row = session.execute(_query().where(Lead.id == lead_id)).first()
    if row is None:
        raise NotFound(f"{lead_id} is no lead: `outreach lead list` shows them all")
    return _card(*row)


def listed(
    session: Session,
    *,
    stage: LeadStage | None = None,
    campaign: str | None = None,
    enterprise_id: int | None = None,
    limit: int | None = None,
) -> list[LeadCard]:
    """Return leads, the newest first."""
    query = _query().order_by(Lead.happened_at.desc(), Lead.id.desc())
    if stage is not None:
        query = query.where(Lead.stage == stage)
    if campaign is not None:
        query = query.where(Campaign.name == campaign)
    if enterprise_id is not None:
        query = query.where(Lead.enterprise_id == enterprise_id)
    return [_card(*row) for row in session.execute(query.limit(limit))]


def by_id(session: Session, ids: Iterable[int]) -> list[LeadCard]:
    """Return the leads with these ids, the oldest first."""
    return [_card(*row) for row in session.execute(_query().where(Lead.id.in_(list(ids))).order_by(Lead.id))]


def doubles_of(session: Session, lead_id: int) -> list[LeadCard]:
    """Return the leads that were merged into a lead, the oldest first; each keeps its own evidence."""
    return [_card(*row) for row in session.execute(_query().where(Lead.merged_into == lead_id).order_by(Lead.id))]


def _query() -> Select[Lead, str, str, str | None, str | None, str | None]:
    return (
        select(Lead, Enterprise.name, Enterprise.slug, Service.name, Service.slug, Campaign.name)
        .join(Enterprise, Enterprise.id == Lead.enterprise_id)
        .outerjoin(Service, Service.id == Lead.service_id)
        .outerjoin(Campaign, Campaign.id == Lead.campaign_id)
    )


def _card(
    lead: Lead,
    enterprise: str,
    enterprise_slug: str,
    service: str | None,
    service_slug: str | None,
    campaign: str | None,
) -> LeadCard:
    return LeadCard(
        id=lead.id,
        stage=lead.stage,
        company_id=lead.company_id,
        company_name=lead.company_name,
        enterprise_number=lead.enterprise_number,
        postcode=lead.postcode,
        enterprise_id=lead.enterprise_id,
        enterprise=enterprise,
        enterprise_slug=enterprise_slug,
        service_id=lead.service_id,
        service=service,
        service_slug=service_slug,
        channel=lead.channel,
        evidence=lead.evidence,
        campaign_id=lead.campaign_id,
        campaign=campaign,
        person=lead.person,
        email=lead.email,
        phone=lead.phone,
        message=lead.message,
        wanted_when=lead.wanted_when,
        happened_at=lead.happened_at,
        created_at=lead.created_at,
        created_by=lead.created_by,
        notified_at=lead.notified_at,
        reminders=lead.reminders,
        decided_at=lead.decided_at,
        decided_by=lead.decided_by,
        decision_note=lead.decision_note,
        merged_into=lead.merged_into,
        simulated=lead.simulated,
    )


def secret(session: Session, lead_id: int) -> bytes | None:
    """Return what the enterprise's link to a lead is bound to beside its number; None if there is no such lead."""
    return session.scalar(select(Lead.secret).where(Lead.id == lead_id))

"""What ties a lead to a campaign, strongest first: code, answer, declared, shown, none.

The campaign of a lead follows from its evidence and is never written by hand. `shown` means: within the window before
the lead, a mail that showed this service (or, for a lead about no service in particular, a service of this enterprise)
was sent to a contact of this company.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.belgium.calendar import BRUSSELS
from outreach.errors import NotFound, Refusal
from outreach.models import Campaign, Delivery, DeliveryStatus, Evidence, Exposure, Lead, Link, Service

# Strongest first, as the enum lists them.
_NAMED = 20
STRENGTH = {evidence: place for place, evidence in enumerate(Evidence)}


@dataclass(frozen=True)
class Proof:
    """Evidence with the campaign and link it points at."""

    evidence: Evidence
    campaign_id: int | None = None
    link_id: int | None = None

    def beats(self, other: Evidence) -> bool:
        """Tell whether this is stronger evidence."""
        return STRENGTH[self.evidence] < STRENGTH[other]


@dataclass(frozen=True)
class Touch:
    """A campaign that showed the service of a lead to its company, and when the company's first mail of it left."""

    campaign_id: int
    campaign: str
    at: datetime


NOTHING = Proof(Evidence.NONE)


def by_code(session: Session, code: str | None) -> Proof:
    """Return what the code of a link proves; nothing for a code that no campaign has."""
    link = session.scalar(select(Link).where(Link.code == code)) if code else None
    return Proof(Evidence.CODE, link.campaign_id, link.id) if link else NOTHING


def by_declaration(session: Session, campaign: str | None, happened_at: datetime) -> Proof:
    """Return what the company or the enterprise says; refuses a campaign that was not sent before the contact."""
    if not campaign:
        return NOTHING
    rows = session.execute(select(Campaign.name, Campaign.frozen_at).order_by(Campaign.frozen_at.desc()))
    sent = {name: at for name, at in rows}  # noqa: C416 - rows are no pairs to the type checker
    if campaign not in sent:
        names = [name for name, at in sent.items() if at is not None]
        there_are = f"sent were: {', '.join(names[:_NAMED])}" if names else "none was sent yet"
        more = " …; `outreach campaign list` shows them all" if len(names) > _NAMED else ""
        raise NotFound(f"{campaign!r} is no campaign; {there_are}{more}")
    frozen_at = sent[campaign]
    if frozen_at is None or frozen_at > happened_at:
        when = f"was sent on {_day(frozen_at)}" if frozen_at else "was not sent yet"
        raise Refusal(f"campaign {campaign!r} {when}, so no contact of {_day(happened_at)} can come from it")
    return Proof(Evidence.DECLARED, session.scalar(select(Campaign.id).where(Campaign.name == campaign)))


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(BRUSSELS):%Y-%m-%d}"


def by_showing(
    session: Session,
    *,
    company_id: int | None,
    enterprise_id: int,
    service_id: int | None,
    happened_at: datetime,
    window: timedelta,
) -> Proof:
    """Return the last campaign that showed the company the service within the window, if any."""
    found = touches(
        session,
        company_id=company_id,
        enterprise_id=enterprise_id,
        service_id=service_id,
        happened_at=happened_at,
        window=window,
    )
    return Proof(Evidence.SHOWN, found[-1].campaign_id) if found else NOTHING


def touches(
    session: Session,
    *,
    company_id: int | None,
    enterprise_id: int,
    service_id: int | None,
    happened_at: datetime,
    window: timedelta,
) -> list[Touch]:
    """Return the campaigns that showed the service to the company within the window, first touch first."""
    if company_id is None:
        return []
    query = (
        select(Campaign.id, Campaign.name, Delivery.sent_at)
        .join(Delivery, Delivery.campaign_id == Campaign.id)
        .join(Exposure, Exposure.cohort_id == Delivery.cohort_id)
        .where(
            Delivery.company_id == company_id,
            Delivery.status == DeliveryStatus.SENT,
            Delivery.sent_at.between(happened_at - window, happened_at),
        )
        .order_by(Delivery.sent_at, Campaign.id)
    )
    if service_id is not None:
        query = query.where(Exposure.service_id == service_id)
    else:
        query = query.where(Exposure.service_id.in_(select(Service.id).where(Service.enterprise_id == enterprise_id)))
    first: dict[int, Touch] = {}
    for campaign_id, name, at in session.execute(query):
        if at is not None:
            first.setdefault(campaign_id, Touch(campaign_id, name, at))
    return list(first.values())


def touches_of(session: Session, lead: Lead, window: timedelta) -> list[Touch]:
    """Return the touches of a lead: the first is what first-touch attribution names, the last what last-touch does."""
    return touches(
        session,
        company_id=lead.company_id,
        enterprise_id=lead.enterprise_id,
        service_id=lead.service_id,
        happened_at=lead.happened_at,
        window=window,
    )

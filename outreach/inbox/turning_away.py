"""Bounces that are about us: policy, reputation, authentication, content. They blame no address; many of them pause.

One strange server must not stop a campaign, and a campaign that everybody turns away must not go on. So it pauses once
such bounces came from `inbox.policy_domains` different recipient domains, and are `inbox.policy_share` of the mails
that went since a person last resumed it: who resumes it has read the reason, and what came before no longer counts.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.delivery.lanes import pause_sending
from outreach.inbox.kinds import ABOUT_US, Class
from outreach.models import Campaign, Contact, Delivery, DeliveryStatus, Event, EventKind, PauseKind
from outreach.settings import InboxSettings


def pause_if_many(session: Session, campaign_id: int, settings: InboxSettings, now: datetime) -> bool:
    """Pause a campaign that is being sent if too many turn us away; return whether it was paused now."""
    since = session.scalar(select(Campaign.resumed_at).where(Campaign.id == campaign_id))
    bounces, domains = _turned_away(session, campaign_id, since)
    if domains < settings.policy_domains or bounces < settings.policy_share * _sent(session, campaign_id, since):
        return False
    last = _words(session, campaign_id)
    reason = f"{bounces} mails came back from {domains} domains for what they think of us, the last with: {last}"
    return pause_sending(session, campaign_id, reason, PauseKind.POLICY, now)


def _turned_away(session: Session, campaign_id: int, since: datetime | None) -> tuple[int, int]:
    query = (
        select(func.count(Event.delivery_id.distinct()), func.count(Contact.address_domain.distinct()))
        .join(Delivery, Delivery.id == Event.delivery_id)
        .join(Contact, Contact.id == Delivery.contact_id)
        .where(
            Delivery.campaign_id == campaign_id,
            Event.kind == EventKind.BOUNCED,
            Event.klass == Class.SOFT,
            Event.reason.in_(ABOUT_US),
        )
    )
    if since is not None:
        query = query.where(Delivery.sent_at >= since)
    bounces, domains = session.execute(query).one()
    return int(bounces), int(domains)


def _sent(session: Session, campaign_id: int, since: datetime | None) -> int:
    query = select(func.count()).where(Delivery.campaign_id == campaign_id, Delivery.status == DeliveryStatus.SENT)
    if since is not None:
        query = query.where(Delivery.sent_at >= since)
    return session.scalar(query) or 0


def _words(session: Session, campaign_id: int) -> str:
    """Return what the last of them said."""
    last = (
        select(Event.reason, Event.detail)
        .join(Delivery, Delivery.id == Event.delivery_id)
        .where(Delivery.campaign_id == campaign_id, Event.kind == EventKind.BOUNCED, Event.reason.in_(ABOUT_US))
        .order_by(Event.id.desc())
        .limit(1)
    )
    reason, detail = session.execute(last).one()
    return f"{reason}, {detail}"[:300]

"""What the relay refused while a campaign was sent counts like a bounce: it says the same of the address, only sooner.

The engine takes refusals back as long as they come in a row without a mail taken, since that is more likely us than all
those addresses. So a refusal is judged once its campaign took a mail since, or was sent to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from outreach.audience import suppressing
from outreach.inbox import counting, reasons
from outreach.inbox.kinds import ABOUT_US, Class, Reason
from outreach.models import Campaign, CampaignStatus, Delivery, DeliveryStatus, Event, EventKind, SuppressionReason
from outreach.settings import InboxSettings

_AT_A_TIME = 500


def judge(session: Session, settings: InboxSettings, now: datetime) -> int:
    """Judge what was refused and isn't judged yet; return how many addresses were suppressed for it."""
    suppressed = 0
    for row in _unjudged(session):
        event_id, delivery_id, detail = row[0], row[1], row[2]
        reason = reason_of(detail)
        klass = reasons.class_of(reason)
        ours = update(Event).where(Event.id == event_id, Event.klass.is_(None)).values(klass=klass, reason=reason)
        if session.scalars(ours.returning(Event.id)).first() is not None:
            suppressed += _act(session, session.get_one(Delivery, delivery_id), klass, reason, settings, now)
    return suppressed


def reason_of(said: str) -> Reason:
    """Return why a relay refused, read from its words by the same tables as a bounce."""
    codes = reasons.ENHANCED.findall(said)[:1]
    return reasons.of_reply(said, codes) or reasons.of_codes(said, codes) or Reason.UNDEFINED


def _unjudged(session: Session) -> Sequence[Row[int, int, str]]:
    later = aliased(Delivery)
    took_one = exists().where(
        later.campaign_id == Delivery.campaign_id,
        later.status == DeliveryStatus.SENT,
        later.sent_at > Event.at,
    )
    over = Campaign.status.in_((CampaignStatus.SENT, CampaignStatus.CANCELLED))
    query = (
        select(Event.id, Event.delivery_id, Event.detail)
        .join(Delivery, Delivery.id == Event.delivery_id)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(
            Event.kind == EventKind.REJECTED,
            Event.klass.is_(None),
            Delivery.status == DeliveryStatus.REJECTED,
            or_(over, took_one),
        )
        .order_by(Event.id)
    )
    return session.execute(query.limit(_AT_A_TIME)).all()


def _act(
    session: Session, delivery: Delivery, klass: Class, reason: Reason, settings: InboxSettings, now: datetime
) -> bool:
    if delivery.address_hash is None or reason in ABOUT_US:
        return False
    if klass is Class.HARD:
        return suppressing.suppress(
            session,
            delivery.address_hash,
            reason=SuppressionReason.HARD_BOUNCE,
            source=f"delivery {delivery.id}, refused: {reason}",
            actor="inbox",
            now=now,
            campaign_id=delivery.campaign_id,
        )
    return bool(counting.suppress_if_often(session, delivery, settings, now))

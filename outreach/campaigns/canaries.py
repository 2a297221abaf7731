"""The canary: a few mails go first, and the others wait for what comes of them.

Its rows are chosen when the audience is frozen, in the same transaction. So however many workers there are, exactly
these go first, and a restart changes nothing. Who judges it is `delivery/watching.py`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from outreach.campaigns.spec import CampaignSpec
from outreach.models import CampaignWatch, Canary, Delivery, DeliveryStatus
from outreach.settings import LimitSettings

_WAITING = (DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)


def choose(session: Session, campaign_id: int, mailable: int, spec: CampaignSpec, limits: LimitSettings) -> int:
    """Choose who goes first, as the campaign file or the settings say; return how many, 0 where all would."""
    size = limits.canary if spec.canary is None else spec.canary
    size = size if size < mailable else 0
    minutes = spec.canary_minutes or limits.canary_minutes
    session.add(CampaignWatch(campaign_id=campaign_id, canary=size, canary_minutes=minutes))
    session.flush()
    if size:
        _insert(session, campaign_id, size)
    return size


def _insert(session: Session, campaign_id: int, size: int) -> None:
    """Take of each cell (cohort and provider) its part, and of each provider one at least.

    The order within a cell is that of a keyed hash of the address: nobody's choice, and the same again.
    """
    cell = (Delivery.cohort_id, Delivery.provider)
    place = func.row_number().over(partition_by=cell, order_by=Delivery.address_hash)
    part = (place - literal(0.5)) / func.count().over(partition_by=cell)
    of_provider = func.row_number().over(partition_by=Delivery.provider, order_by=Delivery.address_hash)
    ranked = (
        select(
            Delivery.id,
            part.label("part"),
            case((of_provider == 1, 0), else_=1).label("later"),
        )
        .where(Delivery.campaign_id == campaign_id, Delivery.status == DeliveryStatus.PENDING)
        .subquery()
    )
    first = select(ranked.c.id, literal(campaign_id)).order_by(ranked.c.later, ranked.c.part, ranked.c.id).limit(size)
    chosen = insert(Canary).from_select(["delivery_id", "campaign_id"], first, include_defaults=False)
    session.connection().execute(chosen)


def is_out(session: Session, campaign_id: int) -> bool:
    """Tell whether a campaign's canary isn't judged yet, so that only its rows may go."""
    unjudged = (CampaignWatch.canary > 0, CampaignWatch.canary_passed_at.is_(None))
    return bool(session.scalar(select(exists().where(CampaignWatch.campaign_id == campaign_id, *unjudged))))


def free(session: Session, campaign_id: int, now: datetime, limit: int, provider: str | None = None) -> list[int]:
    """Return rows of the canary that may be claimed now."""
    due = (Delivery.status == DeliveryStatus.PENDING) & Delivery.retry_at.is_(None)
    due |= Delivery.status.in_(_WAITING) & (Delivery.retry_at <= now)
    query = (
        select(Canary.delivery_id)
        .join(Delivery, Delivery.id == Canary.delivery_id)
        .where(Canary.campaign_id == campaign_id, Delivery.worker_id.is_(None), due)
    )
    if provider is not None:
        query = query.where(Delivery.provider == provider)
    return list(session.scalars(query.limit(limit)))


def note_out(session: Session, campaign_id: int, now: datetime) -> bool:
    """Note when the last of the canary was tried, from which its time counts; a retry that is due later counts not."""
    waits = exists().where(
        Canary.campaign_id == campaign_id,
        Delivery.id == Canary.delivery_id,
        Delivery.status.in_((DeliveryStatus.PENDING, DeliveryStatus.SENDING)),
    )
    if session.scalar(select(waits)):
        return False
    out = update(CampaignWatch).where(
        CampaignWatch.campaign_id == campaign_id, CampaignWatch.canary > 0, CampaignWatch.canary_out_at.is_(None)
    )
    return session.connection().execute(out.values(canary_out_at=now)).rowcount == 1

"""Soft bounces over campaigns: so many in a row, and the address is taken for dead; a mail that arrives forgives them.

A row of campaigns is read from the newest back. A mail that came back soft, or that the relay refused so, counts one.
A mail that went and didn't come back ends the row: it is the success that forgives. Since mail systems try for days
before they give up, a mail of the last week that didn't come back yet says nothing; a delivery notice says it at once.
Refusals that are about us (policy, reputation, content) and delays are no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.audience import suppressing
from outreach.inbox.kinds import ABOUT_US, Class
from outreach.models import Delivery, DeliveryStatus, Event, EventKind, SuppressionReason
from outreach.settings import InboxSettings

UNKNOWN_FOR = timedelta(days=7)
_WENT = (DeliveryStatus.SENT, DeliveryStatus.REJECTED)
_ARRIVED = (EventKind.DELIVERED, EventKind.ANSWERED)


def suppress_if_often(session: Session, delivery: Delivery, settings: InboxSettings, now: datetime) -> str:
    """Suppress the address of a delivery that came back soft once too often; return what was done, nothing if not."""
    if delivery.address_hash is None:
        return ""
    often = in_a_row(session, delivery.address_hash, settings, now)
    if often < settings.soft_limit:
        return ""
    suppressing.suppress(
        session,
        delivery.address_hash,
        reason=SuppressionReason.HARD_BOUNCE,
        source=f"delivery {delivery.id}, bounced soft in {often} campaigns in a row",
        actor="inbox",
        now=now,
        campaign_id=delivery.campaign_id,
    )
    return f"{often} campaigns in a row: the address is suppressed"


def in_a_row(session: Session, address_hash: bytes, settings: InboxSettings, now: datetime) -> int:
    """Return how many of the last campaigns came back soft from an address, without a success in between."""
    row = 0
    for went_at, soft, arrived in _history(session, address_hash, now - timedelta(days=settings.soft_days)):
        if arrived:
            break
        if soft:
            row += 1
        elif soft is None and went_at < now - UNKNOWN_FOR:
            break
    return row


def _history(session: Session, address_hash: bytes, since: datetime) -> Iterator[tuple[datetime, bool | None, bool]]:
    """Yield of each mail to an address, newest first: when it went, whether it came back soft, whether it arrived.

    None = it didn't come back at all; False = it did, and that says nothing about the address.
    """
    went_at = func.coalesce(Delivery.sent_at, Delivery.status_at)
    deliveries = session.execute(
        select(Delivery.id, went_at)
        .where(Delivery.address_hash == address_hash, Delivery.status.in_(_WENT), went_at >= since)
        .order_by(went_at.desc(), Delivery.id.desc())
    ).all()
    events: dict[int, list[Event]] = {}
    for event in session.scalars(select(Event).where(Event.delivery_id.in_([id for id, _ in deliveries]))):
        events.setdefault(event.delivery_id, []).append(event)
    for id, at in deliveries:
        told = events.get(id, [])
        failures = [one for one in told if one.kind in (EventKind.BOUNCED, EventKind.REJECTED)]
        soft = any(one.klass == Class.SOFT and one.reason not in ABOUT_US for one in failures)
        yield at, (soft if failures else None), any(one.kind in _ARRIVED for one in told) and not soft

"""From a message that was taken in to what it led to: classified, believed or not, acted upon; its words then go.

One that can't be understood, isn't believed, or asks for a decision waits for a person with its text. An answer keeps
its text for `inbox.answer_days`; of everything else only what it led to is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from outreach.audience.addresses import hash_within
from outreach.emails.model import clean, fold
from outreach.inbox import acting, answering, believing
from outreach.inbox.acting import Outcome
from outreach.inbox.believing import Belief
from outreach.inbox.kinds import Kind, Report
from outreach.models import Campaign, Delivery, DeliveryStatus, Event, EventKind, InboxMessage, InboxState
from outreach.subscriptions.asking import Ours

# What a person reads of a message that waits; the raw message is kept beside it.
SHOWN = 20_000
_PROOFS = (
    EventKind.BOUNCED,
    EventKind.COMPLAINED,
    EventKind.AUTORESPONDED,
    EventKind.DELIVERED,
    EventKind.ANSWERED,
)


def pending(session: Session, limit: int) -> Sequence[tuple[int, bytes]]:
    """Return messages that nobody tried to understand yet, oldest first."""
    query = select(InboxMessage.id, InboxMessage.raw).where(InboxMessage.state == InboxState.NEW)
    rows = session.execute(query.order_by(InboxMessage.id).limit(limit)).all()
    return [(id, raw or b"") for id, raw in rows]


def understand(session: Session, message_id: int, report: Report, ours: Ours, now: datetime) -> bool:
    """Do what a message says; `report` is what it was classified as. False if another process did it meanwhile."""
    query = select(InboxMessage).where(InboxMessage.id == message_id, InboxMessage.state == InboxState.NEW)
    message = session.scalars(query.options(undefer(InboxMessage.raw)).with_for_update()).one_or_none()
    if message is None:
        return False
    belief = believing.believe(session, report, message.raw or b"", links=ours.links, key=ours.key, now=now)
    _note_what_it_is(message, report, belief if isinstance(belief, Belief) else None, ours)
    session.flush()
    if report.kind is Kind.ANSWER:
        outcome = answering.answered(session, message, report, belief, ours, now)
    else:
        outcome = acting.act(session, message, report, belief, ours, now)
    _finish(message, report, outcome, now)
    session.flush()
    return True


def give_up(session: Session, message_id: int, why: str, now: datetime) -> None:
    """Leave a message to a person: trying to understand it failed."""
    waits = {"state": InboxState.WAITING, "note": f"could not be handled: {why}"[:500], "done_at": now}
    mine = (InboxMessage.id == message_id, InboxMessage.state == InboxState.NEW)
    session.execute(update(InboxMessage).where(*mine).values(waits))


def _note_what_it_is(message: InboxMessage, report: Report, belief: Belief | None, ours: Ours) -> None:
    message.kind = report.kind.value
    message.sender = fold(report.sender or "")[:320] or None
    message.address_hash = hash_within(ours.key, report.sender)
    message.subject = fold(report.subject)[:300] or None
    message.body = clean(report.text).strip()[:SHOWN] or None
    message.new_address = report.new_address[:320] if report.new_address else None
    if belief is not None:
        message.via, message.campaign_id, message.service_id = belief.via, belief.campaign_id, belief.service_id
        message.delivery_id = belief.delivery.id if belief.delivery is not None else None


def _finish(message: InboxMessage, report: Report, outcome: Outcome, now: datetime) -> None:
    message.note, message.done_at = outcome.note[:500], now
    message.state = InboxState.WAITING if outcome.waits else InboxState.UNDERSTOOD
    if outcome.waits:
        return
    message.raw = None
    if report.kind is not Kind.ANSWER:
        message.sender = message.address_hash = message.subject = message.body = message.new_address = None


def settle_proven(session: Session, now: datetime) -> int:
    """Make uncertain deliveries `sent` of which something came back before they were uncertain; return how many."""
    proof = select(Event.id).where(Event.delivery_id == Delivery.id, Event.kind.in_(_PROOFS)).exists()
    query = select(Delivery).where(
        # By campaign, so that the index of their statuses finds them.
        Delivery.campaign_id.in_(select(Campaign.id)),
        Delivery.status == DeliveryStatus.UNCERTAIN,
        proof,
    )
    found = session.scalars(query.with_for_update(skip_locked=True)).all()
    return sum(acting.settle_uncertain(session, each, "by what came back", now) for each in found)

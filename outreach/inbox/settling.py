"""What a person decides about a message that waits: one of these, once, by a conditional UPDATE.

Nothing here believes a message: the person does, and the record says who.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from outreach.audience.addresses import AddressError, parse_address
from outreach.delivery import opting_out
from outreach.errors import NotFound, Refusal
from outreach.inbox import answering
from outreach.leads import files
from outreach.models import Delivery, InboxMessage, InboxState, Lead
from outreach.subscriptions import asking
from outreach.subscriptions.asking import Ours


def settle(session: Session, message_id: int, *, by: str, note: str, now: datetime) -> None:
    """Say that a message was dealt with elsewhere, or needs nothing."""
    _claim(session, message_id, by, note.strip() or "needs nothing", now)


def opt_out(session: Session, message_id: int, *, by: str, ours: Ours, now: datetime) -> None:
    """Suppress whoever wrote, since a person read that he wants no more mail; he is told once."""
    message = _claim(session, message_id, by, "asked to get no more: suppressed", now)
    delivery = session.get(Delivery, message.delivery_id) if message.delivery_id else None
    if delivery is not None and delivery.address_hash is not None:
        hash, via = delivery.address_hash, f"asked by mail, read by {by}"
        opting_out.opt_out(session, delivery.id, hash, via=via, settings=ours.settings, now=now)
    elif message.address_hash is None or message.sender is None:
        raise Refusal(f"message {message_id} has no sender: suppress the address with `outreach contact suppress`")
    if message.address_hash is not None:
        source = f"asked by mail (inbox {message_id}), read by {by}"
        opting_out.leave(session, message.address_hash, message.sender, source, ours.settings, now)


def move(session: Session, message_id: int, *, address: str | None, by: str, ours: Ours, now: datetime) -> str:
    """Ask a new address to confirm that it takes the old one's place; return it. Nothing changes until it does."""
    message = _claim(session, message_id, by, "the new address was asked to confirm", now)
    delivery = session.get(Delivery, message.delivery_id) if message.delivery_id else None
    if delivery is None or delivery.address_hash is None:
        raise Refusal(f"message {message_id} is about no contact that is known: nothing to change the address of")
    if not (address or message.new_address):
        raise Refusal(f"message {message_id} names no new address: give it")
    try:
        new = parse_address(address or message.new_address or "").address
    except AddressError as error:
        raise Refusal(str(error)) from error
    asking.move(session, delivery.address_hash, new, ours, now)
    return new


def assign(
    session: Session,
    message_id: int,
    *,
    service: str | None,
    enterprise: str | None,
    by: str,
    ours: Ours,
    now: datetime,
) -> Lead:
    """Say which service or enterprise an answer is about: it becomes a lead, and the enterprise is told."""
    enterprise_id, service_id = files.offered(session, enterprise, service)
    message = _claim(session, message_id, by, "an answer", now)
    lead = answering.make_lead(
        session, message, enterprise_id=enterprise_id, service_id=service_id, actor=by, ours=ours, now=now
    )
    message.note = f"an answer: lead {lead.id}"
    session.flush()
    return lead


def again(session: Session, message_id: int) -> bool:
    """Let a message that waits be understood once more, by the rules of this version; its words must be there."""
    mine = (InboxMessage.id == message_id, InboxMessage.state == InboxState.WAITING, InboxMessage.raw.is_not(None))
    fresh = update(InboxMessage).where(*mine).values(state=InboxState.NEW, note="")
    return session.scalars(fresh.returning(InboxMessage.id)).first() is not None


def waiting_ids(session: Session) -> list[int]:
    """Return the messages that wait for a person."""
    query = select(InboxMessage.id).where(InboxMessage.state == InboxState.WAITING)
    return list(session.scalars(query.order_by(InboxMessage.id)))


def _claim(session: Session, message_id: int, by: str, note: str, now: datetime) -> InboxMessage:
    settled = {"state": InboxState.SETTLED, "settled_by": by[:200], "note": note[:500], "done_at": now}
    waits = (InboxMessage.id == message_id, InboxMessage.state == InboxState.WAITING)
    done = session.scalars(update(InboxMessage).where(*waits).values(settled).returning(InboxMessage.id)).first()
    message = session.get(InboxMessage, message_id, populate_existing=True)
    if message is None:
        raise NotFound(f"{message_id} is no message that came back: `outreach inbox list --all` shows them")
    if done is None:
        by_whom = f" by {message.settled_by}" if message.settled_by else ""
        raise Refusal(f"message {message_id} is {message.state.value}{by_whom}: only one that waits can be settled")
    return message

"""Ways out by the person's own page: opt out, leave the place to a colleague, be erased."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from outreach.audience import erasing
from outreach.delivery import opting_out
from outreach.errors import Refusal
from outreach.subscriptions import asking
from outreach.subscriptions.asking import Ours
from outreach.subscriptions.preferences import Reader


def leave(session: Session, reader: Reader, ours: Ours, now: datetime) -> bool:
    """Opt a reader out; return whether he was not out before."""
    source = f"preferences page, {reader.via}"
    return opting_out.leave(session, reader.address_hash, reader.address, source, ours.settings, now)


def hand_over(session: Session, reader: Reader, colleague: str, ours: Ours, now: datetime) -> bool:
    """End a reader's own mail and invite one colleague at the same domain; False if that was done before.

    Only who still gets the newsletter has a place to leave, so one link invites one person, and a forwarded one
    can't be used to mail strangers.
    """
    if reader.suppressed is not None or not reader.contacts:
        return False
    proposer = reader.contacts[0]
    assert proposer.address is not None
    if domain_of(colleague) != domain_of(proposer.address):
        raise Refusal(f"{colleague}: not at the domain of the address that is left")
    leave(session, reader, ours, now)
    asking.invite(session, proposer, colleague, ours, now)
    return True


def erase(session: Session, reader: Reader, ours: Ours, now: datetime) -> None:
    """Erase a reader who came by a fresh link; the suppression stays, as a hash."""
    if not reader.fresh or reader.address is None:
        raise Refusal("erasing takes a link that was mailed to the address within a day")
    erasing.erase(session, reader.address, key=ours.key, actor="recipient", now=now)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()

"""What is asked in an address's name: nothing counts until the mailbox itself confirms it.

Whoever asks learns nothing: an address that is known, unknown, subscribed or suppressed gives the same answer, and the
mailbox gets the mail that fits. So nobody can find out with our form who reads us, or have a stranger mailed for long:
a day has so many mails for one address, the database counts them, and what stays unconfirmed is erased.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.audience import bulk, cards, suppressing
from outreach.delivery import outbox
from outreach.errors import NotFound
from outreach.links import Links, hash_address
from outreach.models import (
    Basis,
    Company,
    Confirmation,
    ConfirmationKind,
    Contact,
    Frequency,
    LegalBasis,
)
from outreach.settings import Settings
from outreach.subscriptions import letters, texts

# A link that opens everything about a person is believed for a day: long enough for slow mail and a weekday.
LINK_LIFE = timedelta(hours=24)


@dataclass(frozen=True)
class SignUp:
    """A sign-up form, checked; `text_hash` is the consent text that stood on it, `source` where the form stood."""

    address: str
    source: str
    text_hash: str
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    enterprise_number: str | None = None
    postcode: str | None = None
    topics: tuple[str, ...] = ()
    frequency: Frequency | None = None


@dataclass(frozen=True)
class Ours:
    """What every question needs of the project."""

    settings: Settings
    links: Links
    key: bytes  # of the suppressions


def is_flooded(session: Session, settings: Settings, now: datetime) -> bool:
    """Tell whether more is asked within the hour than people ask: then a machine does."""
    recent = select(func.count()).select_from(Confirmation).where(Confirmation.asked_at > now - timedelta(hours=1))
    return (session.scalar(recent) or 0) >= settings.subscribing.per_hour


def sign_up(session: Session, form: SignUp, ours: Ours, now: datetime) -> None:
    """Mail the address a link that confirms; one that is subscribed already, the way to its preferences."""
    address_hash = hash_address(ours.key, form.address)
    if suppressing.grave_reason(session, address_hash):
        letters.blocked(session, form.address, address_hash, ours.settings, now)
        return
    if is_subscribed(session, address_hash):
        row = _open_link(session, form.address, address_hash, ours, now)
        if row is not None:
            letters.already(session, row, ours.settings, ours.links, now)
        return
    columns: dict[str, Any] = {
        "first_name": form.first_name or None,
        "last_name": form.last_name or None,
        "company_name": form.company_name or None,
        "enterprise_number": form.enterprise_number,
        "postcode": form.postcode,
        "topics": list(form.topics),
        "frequency": form.frequency,
        "text_hash": form.text_hash,
        "source": form.source[:300],
    }
    row = _open(session, ConfirmationKind.SIGN_UP, form.address, address_hash, ours.settings, now, **columns)
    if row is not None:
        text = texts.find(session, form.text_hash)
        assert text is not None
        letters.confirm_sign_up(session, row, text.text, ours.settings, ours.links, now)


def link(session: Session, address: str, ours: Ours, now: datetime) -> None:
    """Mail the address the link to its own page, or that we hold nothing about it."""
    address_hash = hash_address(ours.key, address)
    row = _open_link(session, address, address_hash, ours, now)
    if row is None:
        return
    if _holds_anything(session, address, ours.key):
        letters.personal_link(session, row, ours.settings, ours.links, now)
    else:
        row.expires_at = now
        letters.nothing_held(session, row, ours.settings, ours.links, now)


def sign_up_again(session: Session, contact: Contact, ours: Ours, source: str, now: datetime) -> None:
    """Mail a contact that opted out a link that confirms a new opt-in."""
    assert contact.address is not None
    company = session.get_one(Company, contact.company_id)
    text = texts.keep(session, texts.newsletter(ours.settings), now)
    form = SignUp(
        contact.address,
        source,
        text,
        company_name=company.name,
        enterprise_number=company.enterprise_number,
        postcode=company.postcode,
    )
    sign_up(session, form, ours, now)


def move(session: Session, old_hash: bytes, address: str, ours: Ours, now: datetime) -> None:
    """Mail a new address a link that confirms that it takes the old one's place."""
    address_hash = hash_address(ours.key, address)
    if suppressing.grave_reason(session, address_hash):
        letters.blocked(session, address, address_hash, ours.settings, now)
        return
    text = texts.newsletter(ours.settings)
    row = _open(
        session,
        ConfirmationKind.MOVE,
        address,
        address_hash,
        ours.settings,
        now,
        from_hash=old_hash,
        text_hash=texts.keep(session, text, now),
        source="adreswijziging door uzelf",
    )
    if row is not None:
        letters.confirm_move(session, row, text.text, ours.settings, ours.links, now)


def invite(session: Session, proposer: Contact, address: str, ours: Ours, now: datetime) -> None:
    """Invite a colleague, once ever; nobody who has a suppression or a consent here already."""
    assert proposer.address is not None
    assert proposer.address_hash is not None
    address_hash = hash_address(ours.key, address)
    if suppressing.is_suppressed(session, address_hash) or is_subscribed(session, address_hash):
        return
    text = texts.newsletter(ours.settings)
    row = _open(
        session,
        ConfirmationKind.COLLEAGUE,
        address,
        address_hash,
        ours.settings,
        now,
        from_hash=proposer.address_hash,
        company_id=proposer.company_id,
        text_hash=texts.keep(session, text, now),
        source="voorgesteld door een collega, en zelf bevestigd",
    )
    if row is not None:
        # Not the suppression's hash itself: the outbox forgets addresses, and this key outlives the invitation.
        once = hmac.digest(ours.links.key, b"colleague:" + address_hash, "sha256")[:16].hex()
        letters.invite(session, row, once, proposer.address, text.text, ours.settings, ours.links, now)


def is_subscribed(session: Session, address_hash: bytes) -> bool:
    """Tell whether the address gets the newsletter by its own consent."""
    consent = (
        select(LegalBasis.id)
        .join(Contact, Contact.id == LegalBasis.contact_id)
        .where(
            Contact.address_hash == address_hash,
            LegalBasis.basis == Basis.CONSENT,
            LegalBasis.withdrawn_at.is_(None),
        )
        .limit(1)
    )
    return not suppressing.is_suppressed(session, address_hash) and session.scalar(consent) is not None


def forget(session: Session, settings: Settings, now: datetime) -> int:
    """Erase what nobody confirmed in time, and what was confirmed and is elsewhere by now; return how many."""
    before = now - timedelta(days=settings.subscribing.keep_days)
    ids = session.scalars(delete(Confirmation).where(Confirmation.asked_at < before).returning(Confirmation.id)).all()
    outbox.forget(session, [letters.key_of(id) for id in ids], now)
    return len(ids)


def _open_link(session: Session, address: str, address_hash: bytes, ours: Ours, now: datetime) -> Confirmation | None:
    kind = ConfirmationKind.LINK
    return _open(session, kind, address, address_hash, ours.settings, now, LINK_LIFE, source="own page")


def _open(
    session: Session,
    kind: ConfirmationKind,
    address: str,
    address_hash: bytes,
    settings: Settings,
    now: datetime,
    life: timedelta | None = None,
    **columns: Any,
) -> Confirmation | None:
    """Add a question under the day's next number; None if the day's are used up, or another took this one just now."""
    today = (Confirmation.address_hash == address_hash, Confirmation.asked_on == now.date())
    number = (session.scalar(select(func.max(Confirmation.number)).where(*today)) or 0) + 1
    if number > settings.subscribing.per_address:
        return None
    values = {
        # Random, since signed links name it: after a restore, counting on would give an old link a new owner.
        "id": secrets.randbits(59),
        "kind": kind,
        "address": address,
        "address_hash": address_hash,
        "asked_on": now.date(),
        "number": number,
        "asked_at": now,
        "expires_at": now + (life or timedelta(days=settings.subscribing.link_days)),
        "topics": [],
        **columns,
    }
    insert = sqlite.insert if bulk.is_sqlite(session) else postgresql.insert
    added = insert(Confirmation).values(values).on_conflict_do_nothing().returning(Confirmation.id)
    id = session.scalar(added)
    return session.get_one(Confirmation, id) if id is not None else None


def _holds_anything(session: Session, address: str, key: bytes) -> bool:
    try:
        cards.export(session, address, key)
    except NotFound:
        return False
    return True

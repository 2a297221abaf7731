"""Two rows that turn out to be one company: everything at the one goes to the other, and nothing that happened is lost.

Deliveries are never removed, since those of a campaign add up to its audience. So where both companies list an address
and both got a row of one campaign, the contact that is given up stays as an empty row, as erasure leaves one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Executable, and_, delete, exists, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from outreach.audience import bulk
from outreach.errors import Refusal
from outreach.models import (
    Collaboration,
    Company,
    CompanyAlias,
    Confirmation,
    Contact,
    ContactTag,
    ContactTopic,
    Delivery,
    DeliveryStatus,
    Establishment,
    Lead,
    LegalBasis,
    PreferenceChange,
)

_LIVE = (DeliveryStatus.PENDING, DeliveryStatus.SENDING, DeliveryStatus.DEFERRED)
_SOURCE_LENGTH = 300


@dataclass(frozen=True)
class Merged:
    """What went from one company to the other; `contacts_joined` were at both under the same address."""

    contacts: int
    contacts_joined: int
    deliveries: int
    leads: int
    collaborations: int


def merge(session: Session, gone: Company, kept: Company, *, now: datetime) -> Merged:
    """Give everything of `gone` to `kept` and remove it; Refusal if both are the same row or both have a number."""
    if gone.id == kept.id:
        raise Refusal(f"company {gone.id} cannot be merged with itself")
    if gone.enterprise_number is not None:
        raise Refusal(f"company {gone.id} has an enterprise number of its own: only one without can be merged")
    bulk.hold(session)
    _establishments(session, gone.id, kept.id)
    joined = _contacts(session, gone.id, kept.id, now)
    done = Merged(
        contacts=_move(session, Contact.company_id, gone.id, kept.id),
        contacts_joined=joined,
        deliveries=_move(session, Delivery.company_id, gone.id, kept.id),
        leads=_move(session, Lead.company_id, gone.id, kept.id),
        collaborations=_collaborations(session, gone.id, kept.id),
    )
    _move(session, Confirmation.company_id, gone.id, kept.id)
    _remember(session, gone, kept.id)
    session.flush()
    _changed(session, delete(Company).where(Company.id == gone.id))
    session.expire_all()
    return done


def _changed(session: Session, statement: Executable) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def _move(session: Session, column: InstrumentedAttribute[Any], gone: int, kept: int) -> int:
    return _changed(session, update(column.class_).where(column == gone).values({column: kept}))


def _establishments(session: Session, gone: int, kept: int) -> None:
    """Move the establishments; of two without number at one postcode the kept company's stays."""
    same = aliased(Establishment)
    pairs = session.execute(
        select(Establishment.id, same.id)
        .join(same, and_(same.company_id == kept, same.postcode == Establishment.postcode))
        .where(
            Establishment.company_id == gone,
            Establishment.establishment_number.is_(None),
            same.establishment_number.is_(None),
        )
    ).all()
    for old, new in pairs:
        _move(session, Contact.establishment_id, old, new)
        _changed(session, delete(Establishment).where(Establishment.id == old))
    _changed(session, delete(Establishment).where(Establishment.company_id == gone, Establishment.from_register))
    _move(session, Establishment.company_id, gone, kept)


def _contacts(session: Session, gone: int, kept: int, now: datetime) -> int:
    """Join the contacts that both companies have under one address; return how many."""
    other = aliased(Contact)
    pairs = session.execute(
        select(Contact.id, other.id)
        .join(other, and_(other.company_id == kept, other.address_hash == Contact.address_hash))
        .where(Contact.company_id == gone, Contact.address_hash.is_not(None))
    ).all()
    for one, two in pairs:
        stays, goes = (one, two) if _weight(session, one) > _weight(session, two) else (two, one)
        _join(session, goes, stays, now)
    return len(pairs)


def _weight(session: Session, contact: int) -> tuple[int, int]:
    """Return what speaks for keeping a contact's row: mails that are still to go, then mails that went."""
    live = func.count().filter(Delivery.status.in_(_LIVE))
    sent = func.count().filter(Delivery.status == DeliveryStatus.SENT)
    row = session.execute(select(live, sent).where(Delivery.contact_id == contact)).one()
    return int(row[0]), int(row[1])


def _join(session: Session, goes: int, stays: int, now: datetime) -> None:
    for column, unique in (
        (LegalBasis.contact_id, (LegalBasis.basis, LegalBasis.obtained_on, LegalBasis.source)),
        (ContactTag.contact_id, (ContactTag.tag,)),
        (ContactTopic.contact_id, (ContactTopic.topic,)),
        (Delivery.contact_id, (Delivery.campaign_id,)),
        (PreferenceChange.contact_id, ()),
    ):
        _keep_refusals(session, column, goes, stays)
        _move_unless_there(session, column, unique, goes, stays)
    _wishes(session, goes, stays)
    if session.scalar(select(Delivery.id).where(Delivery.contact_id == goes).limit(1)) is None:
        _changed(session, delete(Contact).where(Contact.id == goes))
        return
    empty = {
        "address": None, "address_hash": None, "address_domain": None, "first_name": None, "last_name": None,
        "function": None, "frequency": None, "chosen_at": None, "tracking_consent_at": None, "erased_at": now,
    }  # fmt: skip
    _changed(session, update(Contact).where(Contact.id == goes).values(**empty, updated_at=now))


def _keep_refusals(session: Session, column: InstrumentedAttribute[Any], goes: int, stays: int) -> None:
    """Where both rows say something of the same thing, a withdrawal and a topic left count."""
    if column.class_ is LegalBasis:
        other = aliased(LegalBasis)
        same = and_(
            other.contact_id == goes, other.basis == LegalBasis.basis, other.obtained_on == LegalBasis.obtained_on,
            other.source == LegalBasis.source, other.withdrawn_at.is_not(None),
        )  # fmt: skip
        value = select(func.min(other.withdrawn_at)).where(same).correlate(LegalBasis).scalar_subquery()
        mine = and_(LegalBasis.contact_id == stays, LegalBasis.withdrawn_at.is_(None), exists().where(same))
        _changed(session, update(LegalBasis).where(mine).values(withdrawn_at=value))
    if column.class_ is ContactTopic:
        left = select(ContactTopic.topic).where(ContactTopic.contact_id == goes, ContactTopic.follows.is_(False))
        mine = and_(ContactTopic.contact_id == stays, ContactTopic.topic.in_(list(session.scalars(left))))
        _changed(session, update(ContactTopic).where(mine).values(follows=False))


def _move_unless_there(
    session: Session,
    column: InstrumentedAttribute[Any],
    unique: tuple[InstrumentedAttribute[Any], ...],
    goes: int,
    stays: int,
) -> None:
    table = column.class_
    statement = update(table).where(column == goes).values({column: stays})
    if unique:
        there = aliased(table)
        same = (getattr(there, each.key) == each for each in unique)
        twin = exists().where(getattr(there, column.key) == stays, *same).correlate(table)
        statement = statement.where(~twin)
    _changed(session, statement)


def _wishes(session: Session, goes: int, stays: int) -> None:
    """Keep the newer choice of frequency, and of names and functions those that the kept row lacks."""
    old, new = session.get(Contact, goes), session.get(Contact, stays)
    assert old is not None
    assert new is not None
    if old.chosen_at and (new.chosen_at is None or old.chosen_at > new.chosen_at):
        new.frequency, new.chosen_at = old.frequency, old.chosen_at
    new.first_name, new.last_name = new.first_name or old.first_name, new.last_name or old.last_name
    new.function = new.function or old.function
    session.flush()


def _collaborations(session: Session, gone: int, kept: int) -> int:
    """Move the collaborations; of two of one year one stays, open or with the later end, and both sources."""
    there = {
        (row.enterprise_id, row.kind, row.from_year): row
        for row in session.scalars(select(Collaboration).where(Collaboration.company_id == kept))
    }
    moved = list(session.scalars(select(Collaboration).where(Collaboration.company_id == gone)))
    for row in moved:
        twin = there.get((row.enterprise_id, row.kind, row.from_year))
        if twin is None:
            row.company_id = kept
            continue
        ends = (twin.to_year, row.to_year)
        twin.to_year = None if None in ends else max(end for end in ends if end is not None)
        if row.source not in twin.source:
            twin.source = f"{twin.source}; {row.source}"[:_SOURCE_LENGTH]
        session.delete(row)
    session.flush()
    return len(moved)


def _remember(session: Session, gone: Company, kept: int) -> None:
    """Let the next list that has the old name and postcode find the kept company."""
    _move(session, CompanyAlias.company_id, gone.id, kept)
    if gone.postcode and session.get(CompanyAlias, (gone.name_key, gone.postcode)) is None:
        session.add(CompanyAlias(name_key=gone.name_key, postcode=gone.postcode, company_id=kept))

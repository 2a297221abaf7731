"""Who gets the mails of a campaign, and what a mail says of each: address, names, legal basis and personal links."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from outreach.audience.legal_basis import ALLOWED, STRENGTH
from outreach.emails.model import MergeFields, greeting_for, why_for
from outreach.links import NO_ADDRESS, Links
from outreach.models import (
    AddressKind,
    Approval,
    Basis,
    Company,
    Contact,
    Delivery,
    LegalBasis,
    given,
)
from outreach.models.prepared import Prepared
from outreach.settings import SenderType


class Recipient(NamedTuple):
    """Who gets one mail, and what it says of him or her."""

    delivery_id: int
    contact_id: int
    cohort_id: int | None
    address: str
    address_hash: bytes
    first_name: str
    last_name: str
    kind: AddressKind
    company: str
    basis: Basis
    basis_source: str
    obtained_on: date


def recipients(session: Session, delivery_ids: Iterable[int], bases: frozenset[Basis] | None = None) -> list[Recipient]:
    """Return the recipients of deliveries; one that lost its address or its legal basis meanwhile is left out.

    `bases` are those open to the sender; without them they are looked up in what was approved.
    """
    ids = given.as_parameter([id] for id in delivery_ids)
    rows = [_Row(*row) for row in _RECIPIENTS.run(session, ids=ids)]
    allowed = {id: _bases(session, id) if bases is None else bases for id in {row.campaign_id for row in rows}}
    evidence: dict[int, list[_Basis]] = {}
    for found in _EVIDENCE.run(session, ids=ids):
        one = _Basis(*found)
        evidence.setdefault(one.contact_id, []).append(one)
    made = []
    for row in rows:
        usable = [one for one in evidence.get(row.contact_id, ()) if one.basis in allowed[row.campaign_id]]
        if usable:
            basis = max(usable, key=_weight) if len(usable) > 1 else usable[0]
            made.append(
                Recipient(
                    delivery_id=row.delivery_id,
                    contact_id=row.contact_id,
                    cohort_id=row.cohort_id,
                    address=row.address,
                    address_hash=row.address_hash or NO_ADDRESS,
                    first_name=row.first_name or "",
                    last_name=row.last_name or "",
                    kind=row.kind,
                    company=row.company,
                    basis=basis.basis,
                    basis_source=basis.source,
                    obtained_on=basis.obtained_on,
                )
            )
    return made


class _Row(NamedTuple):
    """A row of `_RECIPIENTS`."""

    delivery_id: int
    campaign_id: int
    contact_id: int
    cohort_id: int | None
    address_hash: bytes | None
    address: str
    first_name: str | None
    last_name: str | None
    kind: AddressKind
    company: str


class _Basis(NamedTuple):
    """A row of `_EVIDENCE`."""

    id: int
    contact_id: int
    basis: Basis
    source: str
    obtained_on: date


def _recipients(dialect: str) -> Select[*tuple[Any, ...]]:
    # Columns and no objects: of every mail each is read once, and an object costs ten times as much.
    of_delivery = (Delivery.id, Delivery.campaign_id, Delivery.contact_id, Delivery.cohort_id, Delivery.address_hash)
    of_contact = (Contact.address, Contact.first_name, Contact.last_name, Contact.kind)
    return (
        select(*of_delivery, *of_contact, Company.name.label("company"))
        .join(Contact, Contact.id == Delivery.contact_id)
        .join(Company, Company.id == Delivery.company_id)
        .where(Delivery.id.in_(given.ids(dialect)), Contact.address.is_not(None))
        .order_by(Delivery.id)
    )


def _evidence(dialect: str) -> Select[*tuple[Any, ...]]:
    theirs = select(Delivery.contact_id).where(Delivery.id.in_(given.ids(dialect)))
    columns = (LegalBasis.id, LegalBasis.contact_id, LegalBasis.basis, LegalBasis.source, LegalBasis.obtained_on)
    return select(*columns).where(LegalBasis.contact_id.in_(theirs), LegalBasis.withdrawn_at.is_(None))


_RECIPIENTS, _EVIDENCE = Prepared(_recipients), Prepared(_evidence)


def recipient_of(
    delivery_id: int,
    cohort_id: int | None,
    contact: Contact,
    company: str,
    evidence: LegalBasis,
    address_hash: bytes = NO_ADDRESS,
) -> Recipient:
    """Return what a mail says of a contact; its opt-out is for `address_hash`."""
    return Recipient(
        delivery_id=delivery_id,
        contact_id=contact.id,
        cohort_id=cohort_id,
        address=contact.address or "",
        address_hash=address_hash,
        first_name=contact.first_name or "",
        last_name=contact.last_name or "",
        kind=contact.kind,
        company=company,
        basis=evidence.basis,
        basis_source=evidence.source,
        obtained_on=evidence.obtained_on,
    )


def evidence_of(session: Session, contact_ids: Collection[int]) -> dict[int, list[LegalBasis]]:
    """Return the live evidence of contacts."""
    query = select(LegalBasis).where(LegalBasis.contact_id.in_(contact_ids), LegalBasis.withdrawn_at.is_(None))
    found: dict[int, list[LegalBasis]] = {}
    for row in session.scalars(query):
        found.setdefault(row.contact_id, []).append(row)
    return found


def latest(evidence: Iterable[LegalBasis]) -> LegalBasis:
    """Return the evidence that counts: the latest, and of one date the strongest."""
    return max(evidence, key=_weight)


def _weight(one: LegalBasis | _Basis) -> tuple[date, int, int]:
    return one.obtained_on, -STRENGTH.index(one.basis), one.id


def fields_for(recipient: Recipient, language: str, links: Links) -> MergeFields:
    """Return the values that depend on the recipient."""
    return MergeFields(
        greeting=greeting_for(recipient.first_name, recipient.last_name, recipient.kind, language),
        first_name=recipient.first_name,
        last_name=recipient.last_name,
        company=recipient.company,
        why=why_for(recipient.basis, recipient.basis_source, recipient.obtained_on, language),
        unsubscribe_url=links.opt_out(recipient.delivery_id, recipient.address_hash),
        preferences_url=links.preferences(recipient.delivery_id, recipient.address_hash),
    )


def _bases(session: Session, campaign_id: int) -> frozenset[Basis]:
    """Return the legal bases open to the sender that was approved, without reading the whole frozen copy."""
    kind = Approval.frozen["sender"]["type"].as_string()
    query = select(kind).where(Approval.campaign_id == campaign_id, Approval.voided_at.is_(None))
    found = session.scalar(query)
    return ALLOWED[SenderType(found)] if found else frozenset()

"""The audience of a campaign: every contact of its segment, with the reason why it isn't mailed.

One query, for the count that a person is shown, for the preview and for the freeze: the number shown is the number
sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, Subquery, case, distinct, exists, func, select
from sqlalchemy.orm import Session

from outreach.audience.eligibility import Policy, refusal
from outreach.audience.segments import Segment, contact_ids
from outreach.models import Basis, Company, Contact, Establishment, LegalBasis, SkipReason


@dataclass(frozen=True)
class AudienceCount:
    """How many contacts a segment holds, how many of them will be mailed, and why the others aren't."""

    contacts: int
    mailable: int
    companies: int
    by_reason: dict[str, int] = field(default_factory=dict)


def audience(segment: Segment, policy: Policy) -> Subquery:
    """Return the audience: contact_id, company_id, address_hash, province_nis, section_2025, reason (NULL: mailed).

    Of several contacts with one address the one with consent is mailed, then the one we have longest.
    """
    consent = exists().where(
        LegalBasis.contact_id == Contact.id, LegalBasis.basis == Basis.CONSENT, LegalBasis.withdrawn_at.is_(None)
    )
    judged = (
        select(
            Contact.id.label("contact_id"),
            Contact.company_id,
            Contact.address_hash,
            # The place where the contact works, if we know it, says more than the company's seat.
            func.coalesce(Establishment.province_nis, Company.province_nis).label("province_nis"),
            Company.section_2025,
            refusal(policy).label("refusal"),
            case((consent.correlate(Contact), 0), else_=1).label("rank"),
        )
        .join(Company, Company.id == Contact.company_id)
        .outerjoin(Establishment, Establishment.id == Contact.establishment_id)
        .where(Contact.id.in_(contact_ids(segment, policy.now)))
        .correlate(None)
        .subquery()
    )
    place = func.row_number().over(
        partition_by=(judged.c.address_hash, judged.c.refusal.is_(None)), order_by=(judged.c.rank, judged.c.contact_id)
    )
    reason = case(
        (judged.c.refusal.is_not(None), judged.c.refusal),
        (place > 1, SkipReason.DUPLICATE_ADDRESS.value),
    )
    kept = (judged.c[name] for name in ("contact_id", "company_id", "address_hash", "province_nis", "section_2025"))
    return select(*kept, reason.label("reason")).subquery()


def count(session: Session, segment: Segment, policy: Policy) -> AudienceCount:
    """Count the audience by the same rule that freezes it."""
    rows = audience(segment, policy)
    by_reason = select(rows.c.reason, func.count(), func.count(distinct(rows.c.company_id))).group_by(rows.c.reason)
    found = {reason: (contacts, companies) for reason, contacts, companies in session.execute(by_reason)}
    mailable, companies = found.pop(None, (0, 0))
    reasons = {reason.value: found[reason][0] for reason in SkipReason if reason in found}
    return AudienceCount(mailable + sum(reasons.values()), mailable, companies, reasons)


def mailed(rows: Subquery) -> Select[Any]:
    """Return the cells of those who are mailed: company_id, province_nis, section_2025."""
    return select(rows.c.company_id, rows.c.province_nis, rows.c.section_2025).where(rows.c.reason.is_(None))

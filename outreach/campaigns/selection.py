"""The audience of a campaign: every contact of its segment, with the reason why it isn't mailed.

One query, for the count that a person is shown, for the preview and for the freeze: the number shown is the number
sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import (
    Column,
    FromClause,
    MetaData,
    Select,
    String,
    Subquery,
    Table,
    case,
    distinct,
    exists,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Session
from sqlalchemy.schema import DropTable

from outreach.audience.eligibility import Policy, refusal
from outreach.audience.segments import Segment, contact_ids
from outreach.models import Basis, Company, Contact, Establishment, LegalBasis, SkipReason
from outreach.models.columns import BigId

COLUMNS = ("contact_id", "company_id", "address_hash", "address_domain", "province_nis", "section_2025", "reason")
_GATHERED = ("company_id", "province_nis", "section_2025", "reason")


@dataclass(frozen=True)
class AudienceCount:
    """How many contacts a segment holds, how many of them will be mailed, and why the others aren't."""

    contacts: int
    mailable: int
    companies: int
    by_reason: dict[str, int] = field(default_factory=dict)


def audience(segment: Segment, policy: Policy) -> Subquery:
    """Return the audience, with `COLUMNS`; a row without a reason is mailed.

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
            Contact.address_domain,
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
    return select(*(judged.c[name] for name in COLUMNS[:-1]), reason.label("reason")).subquery()


@contextmanager
def gathered(session: Session, segment: Segment, policy: Policy) -> Iterator[FromClause]:
    """Hold the audience in a temporary table: judging it once is cheaper than for each of several counts."""
    table = Table(
        "audience_now",
        MetaData(),
        Column("company_id", BigId),
        Column("province_nis", String(5)),
        Column("section_2025", String(1)),
        Column("reason", String(40)),
        prefixes=["TEMPORARY"],
    )
    connection = session.connection()
    # One that an error left behind lives as long as its transaction.
    connection.execute(DropTable(table, if_exists=True))
    table.create(connection, checkfirst=False)
    rows = audience(segment, policy)
    connection.execute(insert(table).from_select(list(_GATHERED), select(*(rows.c[name] for name in _GATHERED))))
    yield table
    table.drop(connection, checkfirst=False)


def count(session: Session, rows: FromClause) -> AudienceCount:
    """Count an audience."""
    query = select(rows.c.reason, func.count(), func.count(distinct(rows.c.company_id))).group_by(rows.c.reason)
    found = {reason: (contacts, companies) for reason, contacts, companies in session.execute(query)}
    mailable, companies = found.pop(None, (0, 0))
    reasons = {reason.value: found[reason][0] for reason in SkipReason if reason in found}
    return AudienceCount(mailable + sum(reasons.values()), mailable, companies, reasons)


def mailed(rows: FromClause) -> Select[int, str | None, str | None]:
    """Return the cells of those who are mailed: company_id, province_nis, section_2025."""
    return select(rows.c.company_id, rows.c.province_nis, rows.c.section_2025).where(rows.c.reason.is_(None))

"""How many contacts a segment has, who they are, and step by step why the others are not mailed.

What is counted here is what the freeze makes: the same query of ids, the same rule of eligibility, one mail for each
address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, select
from sqlalchemy.orm import Session

from outreach.audience.eligibility import Policy, refusal
from outreach.audience.segments.compiling import PRESENT, asks_company, condition, contact_ids, part
from outreach.audience.segments.files import Segment
from outreach.audience.segments.naming import check_names
from outreach.audience.segments.rules import Part, Rule
from outreach.models import AddressKind, Company, Contact, SkipReason


@dataclass(frozen=True)
class SegmentCount:
    """contacts = mailable + the sum of `by_reason`, which has every SkipReason in order."""

    contacts: int
    companies: int
    mailable: int
    by_reason: Mapping[str, int]


@dataclass(frozen=True)
class Step:
    """What remains after one more rule; `dropped` contacts were left out by it."""

    rule: str
    contacts: int
    companies: int
    dropped: int


@dataclass(frozen=True)
class Explanation:
    """The rules one after the other, and then what drops out of the contacts that remain."""

    steps: tuple[Step, ...]
    count: SegmentCount


@dataclass(frozen=True)
class Sampled:
    contact_id: int
    address: str | None
    kind: AddressKind
    company: str
    enterprise_number: str | None
    postcode: str | None
    province_nis: str | None
    section_2025: str | None
    nace_2025: str | None
    reason: str | None


def size(session: Session, segment: Segment, now: datetime) -> int:
    """Return the number of contacts in the segment, mailable or not."""
    return session.execute(select(func.count()).select_from(contact_ids(segment, now).subquery())).scalar_one()


def count(session: Session, segment: Segment, policy: Policy) -> SegmentCount:
    """Count the segment's contacts, those that would be mailed now, and the others by their reason."""
    check_names(session, segment)
    return counted(session, segment, policy)


def counted(session: Session, segment: Segment, policy: Policy) -> SegmentCount:
    """Count as `count` does, for a segment whose names were looked up before."""
    judged = _judged(segment, policy).subquery()
    groups = session.execute(
        select(judged.c.reason, func.count(), func.count(judged.c.address_hash.distinct())).group_by(judged.c.reason)
    ).all()
    by_reason = {reason.value: 0 for reason in SkipReason}
    mailable = 0
    for reason, contacts, addresses in groups:
        if reason is None:
            mailable, by_reason[SkipReason.DUPLICATE_ADDRESS.value] = addresses, contacts - addresses
        else:
            by_reason[reason] = contacts
    found = contact_ids(segment, policy.now).add_columns(Contact.company_id).subquery()
    companies = session.execute(select(func.count(found.c.company_id.distinct()))).scalar_one()
    return SegmentCount(mailable + sum(by_reason.values()), companies, mailable, by_reason)


def explain(session: Session, segment: Segment, policy: Policy) -> Explanation:
    """Return what remains after each rule of the file, in its order, and what then drops out for which reason."""
    totals = count(session, segment, policy)
    rules = steps(segment, policy.now)
    depth: ColumnElement[int] = literal_column(str(len(rules)))
    for place in range(len(rules) - 1, -1, -1):
        depth = case((rules[place][1], depth), else_=literal_column(str(place)))
    rows = select(Contact.company_id.label("company_id"), depth.label("depth")).where(PRESENT)
    if asks_company(segment.rule):
        rows = rows.join(Company, Company.id == Contact.company_id)
    contacts = _remaining(session, rows, len(rules))
    found = rows.subquery()
    deepest = select(found.c.company_id, func.max(found.c.depth).label("depth")).group_by(found.c.company_id)
    companies = _remaining(session, deepest, len(rules))
    names = ["all contacts", *(name for name, _ in rules)]
    dropped = [0, *(before - after for before, after in pairwise(contacts))]
    return Explanation(tuple(map(Step, names, contacts, companies, dropped)), totals)


def _remaining(session: Session, rows: Select[int, int], last: int) -> list[int]:
    """Return how many rows got at least as deep as each depth."""
    found = rows.subquery()
    by_depth = session.execute(select(found.c.depth, func.count()).group_by(found.c.depth)).all()
    return [sum(rows for depth, rows in by_depth if depth >= least) for least in range(last + 1)]


def sample(session: Session, segment: Segment, policy: Policy, size: int = 10) -> Sequence[Sampled]:
    """Return up to `size` contacts of the segment, drawn at random, with the reason why one would not be mailed."""
    check_names(session, segment)
    drawn = contact_ids(segment, policy.now).order_by(func.random()).limit(size).subquery()
    rows = session.execute(
        select(Contact, Company, refusal(policy).label("reason"))
        .join(drawn, drawn.c.id == Contact.id)
        .join(Company, Company.id == Contact.company_id)
        .order_by(Company.name, Contact.id)
    )
    return [_sampled(contact, company, reason) for contact, company, reason in rows]


def _sampled(contact: Contact, company: Company, reason: str | None) -> Sampled:
    return Sampled(
        contact_id=contact.id,
        address=contact.address,
        kind=contact.kind,
        company=company.name,
        enterprise_number=company.enterprise_number,
        postcode=company.postcode,
        province_nis=company.province_nis,
        section_2025=company.section_2025,
        nace_2025=company.nace_2025,
        reason=reason,
    )


def steps(segment: Segment, now: datetime) -> list[tuple[str, ColumnElement[bool]]]:
    """Return the rules of the file in its order, each with its condition; those of `all` are steps of their own."""
    found: list[tuple[int, str, ColumnElement[bool]]] = []
    for key, value in segment.rule.items():
        if key == "all":
            for index, rule in enumerate(value):
                line = segment.lines.get((key, index), 0)
                found.append((line, f"all: {described(rule)}", condition(rule, now)))
        else:
            found.append((segment.lines.get((key,), 0), f"{key}: {described(value)}", part(key, value, now)))
    return [(name, asked) for _, name, asked in sorted(found, key=lambda step: step[0])]


def described(value: object) -> str:
    """Write a value of a rule on one line, as a file would have it."""
    if isinstance(value, Rule):
        return "; ".join(f"{key}: {described(inner)}" for key, inner in value.items())
    if isinstance(value, Part):
        given = {name: getattr(value, name) for name in type(value).model_fields if name in value.model_fields_set}
        if len(given) == 1:
            return described(next(iter(given.values())))
        return ", ".join(f"{name} {described(inner)}" for name, inner in given.items())
    if isinstance(value, tuple):
        between = " | " if value and isinstance(value[0], Rule) else ", "
        return between.join(f"({described(item)})" if isinstance(item, Rule) else str(item) for item in value)
    return str(value)


def _judged(segment: Segment, policy: Policy) -> Select[str | None, int, bytes | None]:
    query = select(refusal(policy).label("reason"), Contact.company_id, Contact.address_hash)
    query = query.join(Company, Company.id == Contact.company_id)
    return query.where(and_(PRESENT, condition(segment.rule, policy.now)))

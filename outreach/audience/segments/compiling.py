"""A segment's rule as one SQL statement over contact and company.

Rules about companies become sets of company ids, rules about mails sets of addresses or of company ids, so that each
is worked out once and not per contact. A missing value (no sector known, no province) makes no rule true, and its
negation always true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, not_, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, aliased

from outreach.audience.eligibility import ONE, mailed_since
from outreach.audience.segments import values
from outreach.audience.segments.among import Among, AmongSorted
from outreach.audience.segments.files import Segment
from outreach.audience.segments.rules import Collaborating, NotMailed, Rule, Sectors, Shown, To
from outreach.belgium.sectors import NaceCode
from outreach.models import (
    Collaboration,
    Company,
    CompanyStatus,
    Contact,
    ContactTag,
    ContactTopic,
    Delivery,
    Enterprise,
    Establishment,
    Exposure,
    Service,
)

Condition = ColumnElement[bool]
Column = InstrumentedAttribute[str | None]

# An erased contact is in no segment. Not erased_at: only this is answered from the indexes (checked to be the same).
PRESENT: Condition = Contact.address_hash.is_not(None)


def contact_ids(segment: Segment, now: datetime) -> Select[int]:
    """Return the query of the ids of all contacts in the segment, mailable or not."""
    joined = asks_company(segment.rule)
    query = select(Contact.id).where(PRESENT, condition(segment.rule, now, joined=joined))
    return query.join(Company, Company.id == Contact.company_id) if joined else query


def asks_company(rule: Rule) -> bool:
    """Tell whether `condition` names columns of Company, which must then be joined."""
    for key, value in rule.items():
        if key in COMPANY_KEYS or (key == "not" and asks_company(value)):
            return True
        if key in ("all", "any") and any(asks_company(part) for part in value):
            return True
    return False


def condition(rule: Rule, now: datetime, *, negated: bool = False, joined: bool = False) -> Condition:
    """Return the rule over Contact (and Company, if `asks_company`), or its exact opposite; `joined` = it is joined."""
    parts = [part(key, value, now, negated=negated, joined=joined) for key, value in rule.items()]
    return or_(false(), *parts) if negated else and_(true(), *parts)


def part(key: str, value: Any, now: datetime, *, negated: bool = False, joined: bool = False) -> Condition:
    """Return what one key of a rule asks, or its exact opposite: negations move inward to where plans can use them."""
    if key == "not":
        return condition(value, now, negated=not negated, joined=joined)
    if key in ("all", "any"):
        parts = [condition(rule, now, negated=negated, joined=joined) for rule in value]
        return and_(*parts) if (key == "all") != negated else or_(*parts)
    if key.startswith(("no_", "not_")):
        negated = not negated
    asked = _QUESTIONS[key](value, now)
    if joined and negated and isinstance(asked, Among) and key == "no_collaboration":
        asked = asked.by(Company.id)  # asked once per company, before its contacts are looked up (measured)
    if not negated:
        return asked
    return not_(asked) if key in _NEVER_NULL else asked.is_not(True)


def _anywhere(value: tuple[str, ...], test: Callable[[Column, tuple[str, ...]], Condition], column: str) -> Condition:
    """Seat or any establishment."""
    seats = select(Company.id).where(test(getattr(Company, column), value))
    places = select(Establishment.company_id).where(test(getattr(Establishment, column), value))
    return Among(Contact.company_id, seats, places)


def _in_provinces(column: Column, value: tuple[str, ...]) -> Condition:
    return column.in_(sorted({nis for text in value for nis in values.provinces(text)}))


def _in_municipalities(column: Column, value: tuple[str, ...]) -> Condition:
    return column.in_(sorted({values.municipality(text) for text in value}))


def _in_postcodes(column: Column, value: tuple[str, ...]) -> Condition:
    ranges = sorted({values.postcodes(text) for text in value})
    single = [first for first, last in ranges if first == last]
    wide = [column.between(first, last) for first, last in ranges if first != last]
    return or_(*([column.in_(single)] if single else []), *wide)


def _establishment_province(value: tuple[str, ...], _now: datetime) -> Condition:
    places = select(Establishment.company_id).where(_in_provinces(Establishment.province_nis, value))
    return Among(Contact.company_id, places)


def _sector(value: Sectors, _now: datetime) -> Condition:
    version = int(value.version)
    entries = sorted({values.sector(code, version) for code in value.codes}, key=lambda entry: entry.code)
    section: Column = getattr(Company, f"section_{version}")
    code: Column = getattr(Company, f"nace_{version}")
    letters = [entry.code for entry in entries if entry.level == 1]
    under = [_under(code, entry) for entry in entries if entry.level > 1]
    return or_(*([section.in_(letters)] if letters else []), *under)


def _under(column: Column, entry: NaceCode) -> Condition:
    # A range, since LIKE uses no index on PostgreSQL under most collations; ':' follows '9'.
    after = entry.code[:-1] + chr(ord(entry.code[-1]) + 1)
    return and_(column >= entry.code, column < after)


def _tag(value: tuple[str, ...], _now: datetime) -> Condition:
    # One by one, so that each comes from the index in the order of the ids.
    return AmongSorted(
        Contact.id, *(select(ContactTag.contact_id).where(ContactTag.tag == tag) for tag in sorted(set(value)))
    )


def _topic(value: tuple[str, ...], _now: datetime) -> Condition:
    follows = select(ContactTopic.contact_id).where(ContactTopic.topic.in_(value), ContactTopic.follows.is_(True))
    return Among(Contact.id, follows)


def _mailed(value: NotMailed, now: datetime) -> Condition:
    got = mailed_since(now - values.period(value.period))
    same = Delivery.address_hash == Contact.address_hash
    if value.to is To.COMPANY:
        same = Delivery.company_id == Contact.company_id
    # Per row, not as a set: all that was mailed lately would be in it.
    return exists(ONE).where(same, got).correlate(Contact)


def _shown(value: Shown, now: datetime) -> Condition:
    services = select(Service.id).where(Service.slug.in_(value.service))
    cohorts = select(Exposure.cohort_id).where(Exposure.service_id.in_(services))
    got = mailed_since(now - values.period(value.within) if value.within else None)
    if value.to is To.COMPANY:
        return Among(Contact.company_id, select(Delivery.company_id).where(Delivery.cohort_id.in_(cohorts), got))
    # The few who were shown it become ids, since looking up numbers is quicker than looking up hashes.
    same = aliased(Contact)
    shown = select(same.id).join(Delivery, Delivery.address_hash == same.address_hash)
    return Among(Contact.id, shown.where(Delivery.cohort_id.in_(cohorts), got))


def _collaboration(value: Collaborating, _now: datetime) -> Condition:
    query = select(Collaboration.company_id)
    if "any" not in value.enterprise:
        named = select(Enterprise.id).where(Enterprise.slug.in_(value.enterprise))
        query = query.where(Collaboration.enterprise_id.in_(named))
    if value.kind:
        query = query.where(Collaboration.kind.in_(value.kind))
    if value.year:
        open_end = Collaboration.to_year.is_(None)
        going_on = [and_(Collaboration.from_year <= y, or_(open_end, Collaboration.to_year >= y)) for y in value.year]
        query = query.where(or_(*going_on))
    return Among(Contact.company_id, query)


_QUESTIONS: Mapping[str, Callable[[Any, datetime], Condition]] = {
    "province": lambda value, _: _anywhere(value, _in_provinces, "province_nis"),
    "seat_province": lambda value, _: _in_provinces(Company.province_nis, value),
    "establishment_province": _establishment_province,
    "postcode": lambda value, _: _anywhere(value, _in_postcodes, "postcode"),
    "municipality": lambda value, _: _anywhere(value, _in_municipalities, "municipality_nis"),
    "sector": _sector,
    "legal_form": lambda value, _: Company.legal_form.in_(sorted({values.form(text) for text in value})),
    "company_status": lambda value, _: Company.status.in_([CompanyStatus(status) for status in value]),
    "kind": lambda value, _: Contact.kind.in_(value),
    "tag": _tag,
    "topic": _topic,
    "not_mailed_within": _mailed,
    "shown": _shown,
    "not_shown": _shown,
    "collaboration": _collaboration,
    "no_collaboration": _collaboration,
}
COMPANY_KEYS = frozenset({"seat_province", "sector", "legal_form", "company_status"})
_NEVER_NULL = frozenset(_QUESTIONS) - {"seat_province", "sector", "legal_form"}

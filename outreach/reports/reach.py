"""Reach: how many regular companies there are per province and sector, how many we may mail, and how many we did.

The regular companies are those of the register: its active legal persons without public bodies, associations of
co-owners, maatwerkbedrijven, and who is insolvent or winding up. Ours are those of them that we have, so that
ours ≤ register and mailable, mailed ≤ ours hold in every cell. Companies of ours that aren't among them (sole traders,
companies without a number) are counted apart, in `outside`.

By seat, a company counts in the province of its seat. By establishment it counts once in every province where it has
its seat or an establishment, so provinces don't add up; totals always count a company once.

These figures say what we did, and what a public register holds. They say nothing of what a company did, and of no
relation between a company and a maatwerkbedrijf; so no cell of them is hidden.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal_column, null, select
from sqlalchemy.orm import Session

from outreach.audience.eligibility import ONE, Policy, mailed_since, refusal
from outreach.belgium.places import PROVINCES
from outreach.belgium.sectors import MAATWERK_CODES, section_2025_of_2008, sections
from outreach.models import Company, CompanyStatus, Contact, Delivery, Enterprise, RegisterEntry
from outreach.register import entries, standing
from outreach.register.entries import Source


class By(StrEnum):
    """Where a company counts: in the province of its seat, or wherever it has its seat or an establishment."""

    SEAT = "seat"
    ESTABLISHMENT = "establishment"


@dataclass(frozen=True)
class Counts:
    """Regular companies: in the register, ours of them, ours that may be mailed now, and that were mailed."""

    register: int = 0
    ours: int = 0
    mailable: int = 0
    mailed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.register + other.register,
            self.ours + other.ours,
            self.mailable + other.mailable,
            self.mailed + other.mailed,
        )


@dataclass(frozen=True)
class Row(Counts):
    """Counts of a province and section of 2025; None is unknown, or a seat abroad."""

    province_nis: str | None = None
    section: str | None = None


@dataclass(frozen=True)
class Reach:
    """Cells in the order of provinces and sections, their totals, and companies of ours outside the register's."""

    by: By
    since: datetime | None
    at: datetime
    source: Source
    cells: tuple[Row, ...]
    provinces: tuple[Row, ...]
    sections: tuple[Row, ...]
    total: Counts
    outside: Counts


@dataclass(frozen=True)
class _Group:
    """Companies of one seat's province, one set of provinces and one section."""

    seat: str | None
    provinces: frozenset[str]
    section: str | None
    counts: Counts

    def counted_in(self, by: By) -> Iterable[str | None]:
        if by is By.SEAT:
            return (self.seat,)
        return self.provinces or (None,)


def reach(session: Session, policy: Policy, *, by: By, since: datetime | None = None) -> Reach:
    """Return the reach at the policy's `now`, mails counted from `since` on (None: all); Refusal without a register."""
    source = entries.source(session)
    regular = _regular(session)
    groups = list(_in_register(session, regular, by))
    ours, outside = _ours(session, regular, policy, by, since)
    groups += ours
    cells, provinces, letters = (defaultdict[Any, Counts](Counts) for _ in range(3))
    for group in groups:
        letters[group.section] += group.counts
        for province in group.counted_in(by):
            cells[province, group.section] += group.counts
            provinces[province] += group.counts
    return Reach(
        by=by,
        since=since,
        at=policy.now,
        source=source,
        cells=tuple(_rows(cells)),
        provinces=tuple(_rows({(province, None): counts for province, counts in provinces.items()})),
        sections=tuple(_rows({(None, section): counts for section, counts in letters.items()})),
        total=sum((group.counts for group in groups), Counts()),
        outside=outside,
    )


def _rows(counts: dict[tuple[str | None, str | None], Counts]) -> Iterator[Row]:
    """Yield rows in the order of provinces, the Flemish ones first, and of sections; the unknown comes last."""
    order = {nis: place for place, nis in enumerate((*PROVINCES, None))}
    letters = {letter: place for place, letter in enumerate((*(entry.code for entry in sections(2025)), None))}
    for province, section in sorted(counts, key=lambda key: (order[key[0]], letters[key[1]])):
        found = counts[province, section]
        yield Row(found.register, found.ours, found.mailable, found.mailed, province, section)


def _regular(session: Session) -> ColumnElement[bool]:
    """Return whether an entry of the register is a regular company, by the rules that place our own companies."""
    entry = RegisterEntry
    barred = [code for code, told in standing.forms(session).items() if told.status is not CompanyStatus.ACTIVE]
    ended = [code for code, told in standing.situations(session).items() if told.status is not CompanyStatus.ACTIVE]
    form = func.coalesce(entry.juridical_form_cac, entry.juridical_form, "")
    return and_(
        form.not_in(barred),
        func.coalesce(entry.juridical_situation, "").not_in(ended),
        func.coalesce(entry.nace_2025, "").not_in(MAATWERK_CODES[2025]),
        func.coalesce(entry.nace_2008, "").not_in(MAATWERK_CODES[2008]),
        entry.enterprise_number.not_in(select(Enterprise.enterprise_number)),
    )


def _place(by: By) -> tuple[ColumnElement[Any], ...]:
    """Return what companies are grouped by: seat, provinces, section of 2025, and the division of 2008 without one.

    The provinces only where they count: sorting a million rows by them takes half the time.
    """
    entry = RegisterEntry
    provinces = entry.establishment_provinces if by is By.ESTABLISHMENT else null()
    division = case((entry.section_2025.is_(None), func.substr(entry.nace_2008, 1, 2)))
    return (
        entry.province_nis.label("seat"),
        provinces.label("provinces"),
        entry.section_2025.label("section"),
        division.label("division"),
    )


def _in_register(session: Session, regular: ColumnElement[bool], by: By) -> Iterator[_Group]:
    """Yield the regular companies of the register, a million rows in a few thousand groups."""
    place = _place(by)
    query: Select[Any] = select(*place, func.count()).select_from(RegisterEntry).where(regular)
    for *found, count in session.execute(query.group_by(*_named(place))):
        yield _group(found, Counts(register=count))


def _named(columns: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Return the names of result columns: PostgreSQL takes no constant in GROUP BY, and no parameter twice."""
    return [literal_column(column.key or "") for column in columns]


def _ours(
    session: Session, regular: ColumnElement[bool], policy: Policy, by: By, since: datetime | None
) -> tuple[list[_Group], Counts]:
    """Return our companies among the regular ones of the register, and the counts of the others."""
    entry = RegisterEntry
    place = (entry.enterprise_number.is_not(None).label("found"), *_place(by))
    query: Select[Any] = (
        select(*place, *_own(policy, since))
        .select_from(Company)
        .outerjoin(entry, and_(entry.enterprise_number == Company.enterprise_number, regular))
        .where(Company.status == CompanyStatus.ACTIVE)
    )
    groups, outside = [], Counts()
    for is_found, *found, ours, mailable, mailed in session.execute(query.group_by(*_named(place))):
        counts = Counts(0, ours, int(mailable), int(mailed))
        if is_found:
            groups.append(_group(found, counts))
        else:
            outside += counts
    return groups, outside


def _own(policy: Policy, since: datetime | None) -> tuple[ColumnElement[Any], ...]:
    may = exists(ONE).where(Contact.company_id == Company.id, refusal(policy).is_(None)).correlate(Company)
    was = exists(ONE).where(Delivery.company_id == Company.id, mailed_since(since)).correlate(Company)
    return func.count(), func.sum(case((may, 1), else_=0)), func.sum(case((was, 1), else_=0))


def _group(place: list[str | None], counts: Counts) -> _Group:
    seat, working, section, division = place
    if section is None and division:
        section = section_2025_of_2008(division)[0]
    provinces = frozenset((working or "").split()) | (frozenset((seat,)) if seat else frozenset())
    return _Group(seat, provinces, section, counts)

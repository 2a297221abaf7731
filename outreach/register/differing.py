"""Where what people typed and what the register says differ: one row for each company and fact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, func, literal, or_, select, union_all
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from outreach.belgium.places import PROVINCES
from outreach.models import Company, Establishment, Placement
from outreach.models.columns import BigId


class Fact(StrEnum):
    """What can differ; `number` is an enterprise number that the register doesn't hold."""

    NUMBER = "number"
    STATUS = "status"
    PROVINCE = "province"
    POSTCODE = "postcode"
    ESTABLISHMENT = "establishment"
    SECTOR = "sector"
    LEGAL_FORM = "legal_form"
    LEGAL_PERSON = "legal_person"


@dataclass(frozen=True)
class Difference:
    """One fact of one company, as typed and as the register has it."""

    company_id: int
    enterprise_number: str
    company: str
    fact: Fact
    typed: str
    register: str | None


def count(session: Session) -> dict[str, int]:
    """Return how many companies differ, by fact; every fact is there."""
    rows = _all().subquery()
    query = select(rows.c.fact, func.count()).group_by(rows.c.fact)
    counts = {fact: int(found) for fact, found in session.execute(query)}
    return {fact.value: counts.get(fact.value, 0) for fact in Fact}


def listed(session: Session, facts: tuple[Fact, ...] = (), limit: int | None = None) -> Iterator[Difference]:
    """Yield the differences, those of one company together."""
    rows = _all().subquery()
    query = select(rows).order_by(rows.c.company, rows.c.company_id, rows.c.fact).limit(limit)
    if facts:
        query = query.where(rows.c.fact.in_([fact.value for fact in facts]))
    for row in session.execute(query.execution_options(yield_per=1_000)):
        yield _difference(row)


def _difference(row: Any) -> Difference:
    fact = Fact(row.fact)
    typed, register = row.typed, row.register
    if fact in (Fact.PROVINCE, Fact.ESTABLISHMENT):
        typed, register = _province(typed), _province(register)
    return Difference(row.company_id, row.number, row.company, fact, typed, register)


def _province(nis: Any) -> Any:
    return PROVINCES[nis].name_nl if nis in PROVINCES else nis


def _all() -> Any:
    typed, now, found = Placement, Company, Placement.found.is_(True)
    code, was = func.coalesce(now.nace_2025, now.nace_2008), func.coalesce(typed.typed_nace_2025, typed.typed_nace_2008)
    same_code = or_(
        was.is_(None),
        now.nace_2025.startswith(typed.typed_nace_2025),
        and_(typed.typed_nace_2025.is_(None), now.nace_2008.startswith(typed.typed_nace_2008)),
    )
    section = and_(typed.typed_section_2025.is_not(None), typed.typed_section_2025.is_distinct_from(now.section_2025))
    sector = or_(section, and_(was.is_not(None), code.is_not(None), ~func.coalesce(same_code, False)))
    status = sql_cast(typed.typed_status, String(24)) != sql_cast(now.status, String(24))
    return union_all(
        _rows(Fact.NUMBER, now.enterprise_number, literal(None, String), Placement.found.is_(False)),
        _rows(
            Fact.STATUS, _with(sql_cast(typed.typed_status, String(24)), typed.typed_status_reason),
            _with(sql_cast(now.status, String(24)), now.status_reason), status,
        ),
        _rows(Fact.PROVINCE, *_pair("province_nis"), _differ("province_nis"), found),
        _rows(Fact.POSTCODE, *_pair("postcode"), _differ("postcode"), found),
        _rows(
            Fact.SECTOR, _with(typed.typed_section_2025, was), _with(now.section_2025, code), sector, found,
        ),
        _rows(Fact.LEGAL_FORM, *_pair("legal_form"), _differ("legal_form"), found),
        _rows(
            Fact.LEGAL_PERSON, _yes(typed.typed_legal_person), _yes(now.legal_person), _differ("legal_person"), found,
        ),
        _establishments(found),
    )  # fmt: skip


def _rows(fact: Fact, typed: Any, register: Any, *conditions: ColumnElement[bool]) -> Any:
    columns = (
        sql_cast(Company.id, BigId).label("company_id"),
        Company.enterprise_number.label("number"),
        Company.name.label("company"),
        literal(fact.value).label("fact"),
        sql_cast(typed, String(260)).label("typed"),
        sql_cast(register, String(260)).label("register"),
    )
    return select(*columns).join(Placement, Placement.company_id == Company.id).where(*conditions)


def _establishments(found: ColumnElement[bool]) -> Any:
    rows = _rows(
        Fact.ESTABLISHMENT, Establishment.typed_province_nis, literal(None, String),
        Establishment.typed_province_nis.is_not(None), found,
    )  # fmt: skip
    return rows.join(Establishment, Establishment.company_id == Company.id)


def _pair(name: str) -> tuple[Any, Any]:
    return getattr(Placement, f"typed_{name}"), getattr(Company, name)


def _differ(name: str) -> ColumnElement[bool]:
    typed, now = _pair(name)
    return and_(typed.is_not(None), typed.is_distinct_from(now))


def _with(word: Any, more: Any) -> ColumnElement[Any]:
    return func.trim(func.coalesce(word, "") + case((more.is_not(None), literal(" ") + more), else_=""))


def _yes(flag: Any) -> ColumnElement[Any]:
    return case((flag.is_(True), "yes"), (flag.is_(False), "no"))

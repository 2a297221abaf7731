"""Companies of our contacts take their facts from the register: place, sector, legal form, legal person, and status.

What people typed is put in the company's `Placement` the first time and stays there; a contact list that comes later
changes what stands there, and not what the register says. All of it is a handful of statements over a temporary table,
however many companies there are, and doing it again changes nothing.

A number that the register doesn't hold says little by itself, since natural persons aren't kept: only a company that
was there before, or that a list calls a legal person since before the extract, has stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    CursorResult,
    Executable,
    FromClause,
    MetaData,
    Select,
    String,
    Table,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.schema import DropTable

from outreach.audience import bulk
from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.places import PROVINCES
from outreach.belgium.sectors import MAATWERK_CODES, section_2025_of_2008
from outreach.belgium.sectors import nace as nace_entry
from outreach.models import Company, CompanyStatus, Enterprise, Establishment, Placement, RegisterEntry
from outreach.models.columns import BigId
from outreach.register import entries, standing
from outreach.register.entries import Source

ATTESTED = "KBO/BCE Open Data"
GONE = "no longer among the active legal persons of the register"
NEVER = "a legal person according to a list, but not among the active ones of the register"
CATALOGUE = "is a maatwerkbedrijf of the catalogue"

# The columns of a company that the register fills; each stands as `typed_…` in the placement.
FACTS = (
    "legal_form", "legal_person", "legal_person_source", "postcode", "municipality_nis", "province_nis",
    "nace_2008", "nace_2025", "section_2008", "section_2025", "sector_rule", "status", "status_reason",
)  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """What applying the register came to; `changed` companies got other facts, `turned` by their new status.

    `unlisted` counts companies in a juridical situation that our list doesn't name, by code.
    """

    companies: int
    found: int
    not_found: int
    changed: int
    turned: dict[str, int]
    statuses: dict[str, int]
    unlisted: dict[str, int]
    source: Source


def apply(
    session: Session, *, now: datetime, since: datetime | None = None, ids: Sequence[int] | None = None
) -> Placed:
    """Give companies with a number their facts from the register: all, those changed at or after `since`, or `ids`.

    Refusal if no extract was imported yet.
    """
    source = entries.source(session)
    bulk.hold(session)
    wanted: list[ColumnElement[bool]] = [Company.enterprise_number.is_not(None)]
    wanted += [] if since is None else [Company.updated_at >= since]
    wanted += [] if ids is None else [Company.id.in_(ids)]
    _keep_typed(session, and_(*wanted))
    with _codes(session) as codes, _gathered(session, and_(*wanted), codes, source) as now_placed:
        turned = _turned(session, now_placed)
        changed = _update_companies(session, now_placed, now)
        _update_placements(session, now_placed, source)
        changed += _update_establishments(session, now_placed)
        found, total = _found(session, now_placed)
        statuses = _by(session, now_placed.c.status, now_placed)
        unlisted = _by(session, now_placed.c.unlisted, now_placed)
    session.expire_all()
    return Placed(total, found, total - found, changed, turned, statuses, unlisted, source)


def apply_if_there(session: Session, *, now: datetime, since: datetime | None = None) -> Placed | None:
    """Do as `apply` does, and nothing where no extract was imported yet."""
    return None if entries.current(session) is None else apply(session, now=now, since=since)


def _keep_typed(session: Session, wanted: ColumnElement[bool]) -> None:
    """Put what people typed beside the companies that weren't looked up before."""
    names = ["company_id", "found", "ever_found", *(f"typed_{name}" for name in FACTS)]
    rows = select(Company.id, false(), false(), *(getattr(Company, name) for name in FACTS)).where(
        wanted, ~exists().where(Placement.company_id == Company.id)
    )
    session.execute(insert(Placement).from_select(names, rows))


@contextmanager
def _temporary(session: Session, name: str, *columns: Column[Any]) -> Iterator[Table]:
    """Hold a temporary table; one that an error left behind lives as long as its transaction."""
    connection = session.connection()
    table = Table(name, MetaData(), *columns, prefixes=["TEMPORARY"])
    connection.execute(DropTable(table, if_exists=True))
    table.create(connection, checkfirst=False)
    yield table
    table.drop(connection, checkfirst=False)


@contextmanager
def _codes(session: Session) -> Iterator[Table]:
    """Hold what each code of the register means to us: kind `form`, `situation`, or `division` of 2008."""
    columns = (
        Column("kind", String(12), primary_key=True),
        Column("code", String(8), primary_key=True),
        Column("word", String(40)),
        Column("legal_person", Boolean),
        Column("status", String(24)),
        Column("reason", String(200)),
        Column("listed", Boolean),
    )
    rows = [_code_row("form", code, found) for code, found in standing.forms(session).items()]
    rows += [_code_row("situation", code, found) for code, found in standing.situations(session).items()]
    for division in sorted({f"{number:02d}" for number in range(1, 100)}):
        if nace_entry(2008, division) and (letter := section_2025_of_2008(division)[0]):
            rows.append({"kind": "division", "code": division, "word": letter})
    blank = {"word": None, "legal_person": None, "status": None, "reason": None, "listed": None}
    with _temporary(session, "register_meaning", *columns) as table:
        session.connection().execute(insert(table), [blank | row for row in rows])
        yield table


def _code_row(kind: str, code: str, found: standing.Standing) -> dict[str, Any]:
    return {
        "kind": kind,
        "code": code,
        "word": found.word,
        "legal_person": found.legal_person,
        "status": found.status.value,
        "reason": found.reason,
        "listed": found.listed,
    }


@contextmanager
def _gathered(session: Session, wanted: ColumnElement[bool], codes: Table, source: Source) -> Iterator[Table]:
    """Hold what each company is to become; the columns of `FACTS`, and what the establishments need."""
    columns = [Column(name, _type(getattr(Company, name))) for name in FACTS]
    kept: tuple[Column[Any], ...] = (
        Column("company_id", BigId, primary_key=True, autoincrement=False),
        Column("found", Boolean),
        *columns,
        Column("provinces", String(90)),
        Column("unlisted", String(8)),
    )
    with _temporary(session, "placed_now", *kept) as table:
        rows = _rows(codes, source).where(wanted)
        session.connection().execute(insert(table).from_select([column.name for column in kept], rows))
        yield table


def _type(column: InstrumentedAttribute[Any]) -> Any:
    return String(24) if column.key == "status" else column.type


def _rows(codes: Table, source: Source) -> Select[Any]:
    entry, form, situation, division = RegisterEntry, codes.alias("f"), codes.alias("s"), codes.alias("d")
    found = entry.enterprise_number.is_not(None)
    facts = _facts(found, form, division)
    status, reason = _status(found, form, situation, source)
    provinces = func.coalesce(entry.establishment_provinces, "") + " " + func.coalesce(entry.province_nis, "")
    places = (entry.establishment_provinces, entry.postcode, entry.country)
    unlisted = case(
        (and_(entry.juridical_situation != standing.NORMAL, ~_listed(situation)), entry.juridical_situation)
    )
    return (
        select(
            Company.id,
            found,
            *(facts[name] for name in FACTS[:-2]),
            status,
            reason,
            # Where the register knows of no place at all, what was typed stays.
            case((or_(*(place.is_not(None) for place in places)), provinces)),
            unlisted,
        )
        .join(Placement, Placement.company_id == Company.id)
        .outerjoin(entry, entry.enterprise_number == Company.enterprise_number)
        .outerjoin(form, and_(form.c.kind == "form", form.c.code == _form_code()))
        .outerjoin(situation, and_(situation.c.kind == "situation", situation.c.code == entry.juridical_situation))
        .outerjoin(division, and_(division.c.kind == "division", division.c.code == func.substr(entry.nace_2008, 1, 2)))
    )


def _form_code() -> ColumnElement[Any]:
    # The form under the code of companies of 2019, where a company still has to change its statutes.
    return func.coalesce(RegisterEntry.juridical_form_cac, RegisterEntry.juridical_form)


def _listed(situation: FromClause) -> ColumnElement[bool]:
    return func.coalesce(situation.c.listed, false())


def _facts(found: ColumnElement[bool], form: FromClause, division: FromClause) -> dict[str, ColumnElement[Any]]:
    """Return each fact but the status: the register's where it says something, else what was typed, else as it is."""
    entry = RegisterEntry
    seated = or_(entry.postcode.is_not(None), entry.country.is_not(None))
    sectored = or_(entry.nace_2025.is_not(None), entry.nace_2008.is_not(None))
    section = func.coalesce(entry.section_2025, division.c.word)
    rule = case((entry.section_2025.is_not(None), entry.rule_2025), else_=literal("2008:") + entry.rule_2008)
    told: dict[str, tuple[ColumnElement[bool] | InstrumentedAttribute[Any], Any]] = {
        "legal_form": (form.c.word.is_not(None), form.c.word),
        "legal_person": (true(), func.coalesce(form.c.legal_person, true())),
        "legal_person_source": (true(), literal(ATTESTED)),
        "postcode": (seated, entry.postcode),
        "municipality_nis": (seated, entry.municipality_nis),
        "province_nis": (seated, entry.province_nis),
        "nace_2008": (sectored, entry.nace_2008),
        "nace_2025": (sectored, entry.nace_2025),
        "section_2008": (sectored, entry.section_2008),
        "section_2025": (sectored, section),
        "sector_rule": (sectored, rule),
    }
    return {
        name: case(
            (and_(found, says), value),
            (found, getattr(Placement, f"typed_{name}")),
            else_=getattr(Company, name),
        )
        for name, (says, value) in told.items()
    }


def _status(
    found: ColumnElement[bool], form: FromClause, situation: FromClause, source: Source
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the status and its reason: the first rule that holds."""
    entry, active = RegisterEntry, CompanyStatus.ACTIVE.value
    before = datetime.combine(source.snapshot_date, time(), BRUSSELS)
    in_catalogue = exists().where(Enterprise.enterprise_number == Company.enterprise_number)
    workshop = or_(entry.nace_2025.in_(MAATWERK_CODES[2025]), entry.nace_2008.in_(MAATWERK_CODES[2008]))
    code = case((entry.nace_2025.in_(MAATWERK_CODES[2025]), entry.nace_2025), else_=entry.nace_2008)
    known = and_(Placement.typed_legal_person.is_(True), Company.created_at < before)
    typed = sql_cast(Placement.typed_status, String(24))
    rules: list[tuple[ColumnElement[bool], ColumnElement[Any], ColumnElement[Any]]] = [
        (and_(found, situation.c.status != active), situation.c.status, situation.c.reason),
        (in_catalogue, literal("not_regular"), literal(CATALOGUE)),
        (and_(found, form.c.status != active), form.c.status, form.c.reason),
        (
            and_(found, workshop),
            literal("not_regular"),
            literal("sector ") + code + " in the register: sheltered and social workshops, or reuse",
        ),
        (found, literal(active), null()),
        (Placement.ever_found.is_(True), literal("stopped"), literal(GONE)),
        (known, literal("stopped"), literal(NEVER)),
    ]
    status = case(*((holds, status) for holds, status, _ in rules), else_=typed)
    reason = case(*((holds, reason) for holds, _, reason in rules), else_=Placement.typed_status_reason)
    return status, reason


def _turned(session: Session, placed: Table) -> dict[str, int]:
    query = select(placed.c.status, func.count()).join(Company, Company.id == placed.c.company_id)
    query = query.where(sql_cast(Company.status, String(24)) != placed.c.status).group_by(placed.c.status)
    return {str(status): int(rows) for status, rows in session.execute(query.order_by(placed.c.status))}


def _update_companies(session: Session, placed: Table, now: datetime) -> int:
    columns = {name: getattr(Company, name) for name in FACTS}
    differs = or_(*(_as_text(column).is_distinct_from(placed.c[name]) for name, column in columns.items()))
    values = {column: placed.c[name] for name, column in columns.items()}
    statement = update(Company).values({**values, Company.updated_at: now})
    return _rowcount(session, statement.where(Company.id == placed.c.company_id, differs))


def _as_text(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    return sql_cast(column, String(24)) if column.key == "status" else column.expression


def _update_placements(session: Session, placed: Table, source: Source) -> None:
    day, found = source.snapshot_date, placed.c.found
    same = and_(Placement.found.is_not_distinct_from(found), Placement.snapshot_date.is_not_distinct_from(day))
    ever = or_(Placement.ever_found, found)
    session.execute(
        update(Placement)
        .values(found=found, ever_found=ever, snapshot_date=day)
        .where(Placement.company_id == placed.c.company_id, ~same)
        .execution_options(synchronize_session=False)
    )


def _update_establishments(session: Session, placed: Table) -> int:
    """Let establishments place a company only where the register knows that it works; return how many changed."""
    there = Establishment.company_id == placed.c.company_id
    own, typed = Establishment.province_nis, Establishment.typed_province_nis
    mine = and_(there, placed.c.found, Establishment.from_register.is_(False))
    hidden = update(Establishment).values(typed_province_nis=own, province_nis=None)
    shown = update(Establishment).values(typed_province_nis=None, province_nis=typed)
    changed = _rowcount(session, hidden.where(mine, own.is_not(None), ~placed.c.provinces.contains(own)))
    changed += _rowcount(session, shown.where(mine, typed.is_not(None), placed.c.provinces.contains(typed)))
    gone = (
        select(Establishment.id)
        .join(placed, there)
        .where(Establishment.from_register, placed.c.found, ~placed.c.provinces.contains(own))
    )
    changed += _rowcount(session, delete(Establishment).where(Establishment.id.in_(gone)))
    return changed + sum(_new_establishments(session, placed, nis) for nis in PROVINCES)


def _new_establishments(session: Session, placed: Table, nis: str) -> int:
    is_there = exists().where(
        Establishment.company_id == placed.c.company_id,
        Establishment.province_nis == nis,
        Establishment.from_register,
    )
    rows = select(placed.c.company_id, literal(nis), true()).where(
        placed.c.found, placed.c.provinces.contains(nis), ~is_there.correlate(placed)
    )
    # Counted beforehand: PostgreSQL's driver doesn't tell how many rows an INSERT … SELECT made.
    new = int(session.scalar(select(func.count()).select_from(rows.subquery())) or 0)
    if new:
        session.execute(insert(Establishment).from_select(["company_id", "province_nis", "from_register"], rows))
    return new


def _rowcount(session: Session, statement: Executable) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def _found(session: Session, placed: Table) -> tuple[int, int]:
    found = func.count().filter(placed.c.found.is_(True))
    row = session.execute(select(found, func.count()).select_from(placed)).one()
    return int(row[0]), int(row[1])


def _by(session: Session, column: ColumnElement[Any], table: Table) -> dict[str, int]:
    query = select(column, func.count()).select_from(table).where(column.is_not(None)).group_by(column).order_by(column)
    return {str(value): int(rows) for value, rows in session.execute(query)}

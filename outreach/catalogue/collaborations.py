"""Which company is or was customer or supplier of which enterprise, from a year to a year.

A collaboration is known by company, enterprise, kind and first year, so that adding it again changes nothing; another
last year or source replaces the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from outreach.audience.companies import name_key
from outreach.belgium.numbers import NumberError, parse_enterprise_number
from outreach.belgium.places import fold, place_of
from outreach.errors import NotFound, Refusal
from outreach.models import Collaboration, CollaborationKind, Company, Enterprise

EARLIEST_YEAR = 1900
KIND_WORDS = {
    CollaborationKind.CUSTOMER: ("customer", "klant", "afnemer", "client", "koper"),
    CollaborationKind.SUPPLIER: ("supplier", "leverancier", "fournisseur", "toeleverancier"),
}
_KINDS = {fold(word): kind for kind, words in KIND_WORDS.items() for word in words}


@dataclass(frozen=True)
class Given:
    """A collaboration as a person or a list tells it, checked."""

    company_id: int
    enterprise_id: int
    kind: CollaborationKind
    from_year: int
    to_year: int | None
    source: str


@dataclass(frozen=True)
class Card:
    """A collaboration with the names of both sides; `to_year` is None while it goes on."""

    id: int
    company: str
    enterprise_number: str | None
    enterprise: str
    enterprise_slug: str
    kind: str
    from_year: int
    to_year: int | None
    source: str
    recorded_at: datetime


def put(session: Session, given: Given, now: datetime) -> bool | None:
    """Keep a collaboration; return True if it is new, False if it changed, None if it was known so."""
    known = session.scalar(
        select(Collaboration).where(
            Collaboration.company_id == given.company_id,
            Collaboration.enterprise_id == given.enterprise_id,
            Collaboration.kind == given.kind,
            Collaboration.from_year == given.from_year,
        )
    )
    if known is None:
        session.add(Collaboration(**vars(given), recorded_at=now))
        session.flush()
        return True
    if (known.to_year, known.source) == (given.to_year, given.source):
        return None
    known.to_year, known.source, known.recorded_at = given.to_year, given.source, now
    session.flush()
    return False


def remove(session: Session, id: int) -> Card:
    """Delete a collaboration that was entered by mistake and return what it was; NotFound."""
    card = next(iter(_cards(session, _query().where(Collaboration.id == id))), None)
    if card is None:
        raise NotFound(f"no collaboration {id}: `outreach collaboration list` shows their numbers")
    session.execute(delete(Collaboration).where(Collaboration.id == id))
    return card


def listed(
    session: Session, *, enterprise: str | None = None, company: str | None = None, year: int | None = None
) -> list[Card]:
    """Return the collaborations of an enterprise (slug, number or name), of a company (number), in a year."""
    query = _query()
    if enterprise:
        query = query.where(Collaboration.enterprise_id == find_enterprise(session, enterprise))
    if company:
        query = query.where(Company.enterprise_number == number_of(company))
    if year is not None:
        ends = Collaboration.to_year.is_(None) | (Collaboration.to_year >= year)
        query = query.where(Collaboration.from_year <= year, ends)
    return _cards(session, query)


def _query() -> Select[Collaboration, Company, Enterprise]:
    return (
        select(Collaboration, Company, Enterprise)
        .join(Company, Company.id == Collaboration.company_id)
        .join(Enterprise, Enterprise.id == Collaboration.enterprise_id)
        .order_by(Company.name, Company.id, Enterprise.name, Collaboration.from_year, Collaboration.id)
    )


def _cards(session: Session, query: Select[Collaboration, Company, Enterprise]) -> list[Card]:
    return [
        Card(
            row.id,
            company.name,
            company.enterprise_number,
            enterprise.name,
            enterprise.slug,
            row.kind.value,
            row.from_year,
            row.to_year,
            row.source,
            row.recorded_at,
        )
        for row, company, enterprise in session.execute(query)
    ]


def number_of(text: str) -> str:
    """Return an enterprise number without its dots; Refusal."""
    try:
        return parse_enterprise_number(text)
    except NumberError as error:
        raise Refusal(str(error)) from error


def kind_of(text: str) -> CollaborationKind:
    """Return the kind that a word stands for, seen from the company: it is customer or supplier of the enterprise."""
    if found := _KINDS.get(fold(text)):
        return found
    raise Refusal(f"{text!r} is no kind of collaboration: write klant (customer) or leverancier (supplier)")


def years_of(first: str, last: str, this_year: int) -> tuple[int, int | None]:
    """Return first and last year, None for one that goes on; Refusal."""
    start = _year(first, this_year)
    if start is None:
        raise Refusal("the first year is missing")
    end = _year(last, 9999)
    if end is not None and end < start:
        raise Refusal(f"the last year {end} lies before the first year {start}")
    return start, end


def _year(text: str, latest: int) -> int | None:
    bare = text.strip().removesuffix(".0")
    if not bare:
        return None
    if not (bare.isascii() and bare.isdigit() and len(bare) == 4):
        raise Refusal(f"{text!r} is no year: write it as 2024")
    if not EARLIEST_YEAR <= int(bare) <= latest:
        raise Refusal(f"the year {bare} cannot be meant: it must lie between {EARLIEST_YEAR} and {latest}")
    return int(bare)


def find_company(session: Session, number: str, name: str = "", postcode: str = "") -> int:
    """Return the company with this number, or without one the company with this name and postcode; Refusal."""
    if number.strip():
        digits = number_of(number)
        found = session.scalar(select(Company.id).where(Company.enterprise_number == digits))
        if found is None:
            raise NotFound(f"no company {number.strip()} here: import it first (`outreach import contacts`)")
        return found
    if not (name.strip() and postcode.strip()):
        raise Refusal("name the company by its enterprise number, or by name and postcode")
    place = place_of(" ".join(postcode.split()))
    at = place.postcode if place else " ".join(postcode.split()).upper()
    key = name_key(name.strip())
    return _only(
        session.scalars(select(Company.id).where(Company.name_key == key, Company.postcode == at)).all(),
        f"no company {name.strip()!r} in {at} here: write its enterprise number, or import it first",
        f"several companies are called {name.strip()!r} in {at}: write the enterprise number",
    )


def find_enterprise(session: Session, text: str) -> int:
    """Return the enterprise with this slug, enterprise number or exact name, withdrawn or not; Refusal."""
    wanted = text.strip()
    if not wanted:
        raise Refusal("name the enterprise by its slug or its enterprise number")
    try:
        number = parse_enterprise_number(wanted)
    except NumberError:
        number = ""
    rows = session.execute(select(Enterprise.id, Enterprise.slug, Enterprise.enterprise_number, Enterprise.name)).all()
    exact = [row.id for row in rows if wanted == row.slug or number == row.enterprise_number]
    return _only(
        exact or [row.id for row in rows if fold(row.name) == fold(wanted)],
        f"{wanted!r} is no enterprise of the catalogue: `outreach catalogue list` shows their slugs",
        f"{wanted!r} is the name of several enterprises: write the slug or the enterprise number",
    )


def _only(found: Sequence[int], none: str, several: str) -> int:
    if not found:
        raise NotFound(none)
    if len(found) > 1:
        raise Refusal(several)
    return found[0]

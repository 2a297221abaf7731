"""Suggestions while somebody types a company's name: the same on SQLite and PostgreSQL.

First the companies that are called just so, then those whose name starts with what was typed, then those where every
typed word starts a word of the name; then the same in their other names, commercial ones and abbreviations. Each step
is in the order of rank (`outreach.register.naming`). SQLite's FTS5 gives rows in that order and stops at the tenth.
PostgreSQL's GIN index knows no order, and sorting the 50,000 companies with a "van" takes too long; so where it finds
more than a few, the first of the table are looked through, where ten of so many are mostly soon found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from outreach.belgium.legal_forms import legal_form
from outreach.belgium.places import place_of
from outreach.models import RegisterEntry
from outreach.register.naming import INDEX, NUMBERS, VECTOR, whole, words_of

LIMIT = 10
_FEW = 2_000
_LOOKED_THROUGH = 20_000
_DIGITS = re.compile(r"\s*(?:BE)?[\s.]*([01][\d.\s]{2,13})", re.I)


@dataclass(frozen=True)
class Suggestion:
    """A company that may be meant; `matched` is the other name that fits, None if `name` itself does."""

    enterprise_number: str
    name: str
    matched: str | None
    juridical_form: str | None
    postcode: str | None
    municipality: str | None
    province_nis: str | None
    section_2025: str | None


@dataclass(frozen=True)
class _Term:
    token: str
    starts: bool = True  # the word of the name starts with it; else it is the whole word


def suggest(session: Session, typed: str, limit: int = LIMIT) -> list[Suggestion]:
    """Return the companies that what was typed may mean, the likeliest first; none for less than two letters."""
    if not _is_ready(session):
        return []
    if match := _DIGITS.fullmatch(typed):
        return _by_number(session, re.sub(r"\D", "", match[1]), limit)
    words = words_of(typed)
    if sum(map(len, words)) < 2:
        return []
    ranks: list[int] = []
    for terms in _tiers(words):
        if len(ranks) < limit:
            found = _ranks(session, terms, limit + len(ranks))
            ranks += [rank for rank in found if rank not in ranks][: limit - len(ranks)]
    return _told(session, [f"{rank % NUMBERS:010d}" for rank in ranks], words)


def _tiers(words: Sequence[str]) -> list[list[_Term]]:
    """Return what to look for, step by step; a legal form is looked for like any word, and then left out."""
    name = whole(words)
    long = [word for word in words if len(word) > 1]
    told = [word for word in long if legal_form(word) is None]
    steps = [[_Term(f"^{name}", starts=False)], [_Term(f"~{name}", starts=False)], [_Term(f"^{name}")]]
    for mark, other in (("=", ""), ("", f"~{name}")):
        if other:
            steps.append([_Term(other)])
        steps += [[_Term(mark + word) for word in some] for some in _once(long, told) if some]
    return steps


def _once(long: list[str], told: list[str]) -> list[list[str]]:
    return [long] if told == long else [long, told]


def _is_ready(session: Session) -> bool:
    """Tell whether there is an index to search; on PostgreSQL, see to it that it is used."""
    if session.get_bind().dialect.name == "sqlite":
        return session.scalar(text("SELECT 1 FROM sqlite_master WHERE name = :name"), {"name": INDEX}) is not None
    # For this transaction only: the planner thinks that a few rows of many are soon found by reading all of them.
    session.execute(text("SET LOCAL enable_seqscan = off"))
    return True


def _ranks(session: Session, terms: Sequence[_Term], limit: int) -> Sequence[int]:
    if session.get_bind().dialect.name == "sqlite":
        query = " AND ".join(f'"{term.token}"' + ("*" if term.starts else "") for term in terms)
        statement = f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH :query ORDER BY rowid LIMIT :limit"
        return session.scalars(text(statement), {"query": query, "limit": limit}).all()
    found = _look_up(session, terms, _FEW + 1)
    if len(found) <= _FEW:
        return sorted(found)[:limit]
    found = _look_through(session, terms, limit)
    return found if len(found) == limit else sorted(_look_up(session, terms, None))[:limit]


def _look_through(session: Session, terms: Sequence[_Term], limit: int) -> Sequence[int]:
    fits = " AND ".join(f"position(:term{at} IN ' ' || words || ' ') > 0" for at in range(len(terms)))
    parameters = {f"term{at}": f" {term.token}" + ("" if term.starts else " ") for at, term in enumerate(terms)}
    statement = (
        f"SELECT rank FROM (SELECT rank, words FROM register_name ORDER BY rank LIMIT {_LOOKED_THROUGH}) AS first "
        f"WHERE {fits} ORDER BY rank LIMIT :limit"
    )
    return session.scalars(text(statement), {**parameters, "limit": limit}).all()


def _look_up(session: Session, terms: Sequence[_Term], limit: int | None) -> Sequence[int]:
    statement = f"SELECT rank FROM register_name WHERE {VECTOR} @@ CAST(:query AS tsquery) LIMIT :limit"
    query = " & ".join(f"'{term.token}'" + (":*" if term.starts else "") for term in terms)
    return session.scalars(text(statement), {"query": query, "limit": limit}).all()


def _by_number(session: Session, digits: str, limit: int) -> list[Suggestion]:
    entry = RegisterEntry.enterprise_number
    query = select(entry).where(entry.between(digits.ljust(10, "0")[:10], digits.ljust(10, "9")[:10]))
    return _told(session, session.scalars(query.order_by(entry).limit(limit)).all(), [])


def _told(session: Session, numbers: Sequence[str], words: Sequence[str]) -> list[Suggestion]:
    """Return what is shown of the companies, in the order of their numbers in the list."""
    found = session.scalars(select(RegisterEntry).where(RegisterEntry.enterprise_number.in_(numbers)))
    entries = {entry.enterprise_number: entry for entry in found}
    return [_suggestion(entries[number], words) for number in numbers if number in entries]


def _suggestion(entry: RegisterEntry, words: Sequence[str]) -> Suggestion:
    place = place_of(entry.postcode) if entry.postcode and not entry.country else None
    return Suggestion(
        entry.enterprise_number,
        entry.name,
        _matched(entry, words),
        entry.juridical_form_cac or entry.juridical_form,
        entry.postcode,
        place.municipality if place else entry.municipality,
        entry.province_nis,
        entry.section_2025,
    )


def _matched(entry: RegisterEntry, words: Sequence[str]) -> str | None:
    """Return the other name that has every typed word, None if the name itself has them."""
    others = [entry.name_nl, entry.name_fr, entry.name_de, entry.name_en]
    others += [*(entry.commercial_names or "").split("\n"), *(entry.abbreviations or "").split("\n")]
    for name in (entry.name, *others):
        if name and all(any(word.startswith(typed) for word in words_of(name)) for typed in words):
            return None if name == entry.name else name
    return None

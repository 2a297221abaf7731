"""Suggestions while somebody types a company's name: the same on SQLite and PostgreSQL.

First the companies that are called just so, then those whose name starts with what was typed, then those where every
typed word starts a word of the name; then the same in their other names, commercial ones and abbreviations. Each step
is in the order of rank (`outreach.register.naming`), and goes through one size of names after the other until there
are enough: an index gives all that fit before the first can be told, and of a "van" there are 50,000.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from outreach.belgium.legal_forms import legal_form
from outreach.belgium.places import place_of
from outreach.models import RegisterEntry, RegisterName
from outreach.register.naming import INDEX, NUMBERS, SIZES, VECTOR, WHOLE_LENGTH, whole, words_of

LIMIT = 10
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
    tiers = _tiers(words)
    ranks = _of_few(session, tiers, limit)
    if ranks is None:
        ranks = []
        for terms in tiers:
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


def _of_few(session: Session, tiers: Sequence[Sequence[_Term]], limit: int) -> list[int] | None:
    """Return the ranks of all steps where fewer than `limit` fit at all, else None.

    Whoever fits a step fits the last one too, unless a whole name was cut or has no word: so one search instead of
    fifty tells who fits, and the words of those few tell by which step.
    """
    last = tiers[-1]
    if not last[0].token.isalnum() or len(tiers[0][0].token) > WHOLE_LENGTH:
        return None
    found = _ranks(session, last, limit)
    if len(found) == limit:
        return None
    query = select(RegisterName.rank, RegisterName.words).where(RegisterName.rank.in_(found))
    tokens = {rank: [word[1:] for word in words.split(" ")] for rank, words in session.execute(query)}
    ranks: dict[int, None] = {}
    for terms in tiers:
        ranks |= dict.fromkeys(rank for rank in found if all(_fits(tokens[rank], term) for term in terms))
    return list(ranks)


def _fits(tokens: Sequence[str], term: _Term) -> bool:
    return any(token.startswith(term.token) if term.starts else token == term.token for token in tokens)


def _once(long: list[str], told: list[str]) -> list[list[str]]:
    return [long] if told == long else [long, told]


def _is_ready(session: Session) -> bool:
    """Tell whether there is an index to search; on PostgreSQL, see to it that it is used."""
    if session.get_bind().dialect.name == "sqlite":
        return session.scalar(text("SELECT 1 FROM sqlite_master WHERE name = :name"), {"name": INDEX}) is not None
    # For this transaction only: the planner thinks that a few rows of many are soon found by reading all of them.
    session.execute(text("SET LOCAL enable_seqscan = off"))
    return True


def _ranks(session: Session, terms: Sequence[_Term], limit: int) -> list[int]:
    """Return the first ranks that fit; whole names are few, so those of all sizes are looked up at once."""
    if not any(term.starts for term in terms):
        return _look_up(session, SIZES, terms, limit)
    found: list[int] = []
    for size in SIZES:
        if len(found) < limit:
            found += _look_up(session, size, terms, limit - len(found))
    return found


def _look_up(session: Session, sizes: str, terms: Sequence[_Term], limit: int) -> list[int]:
    sqlite = session.get_bind().dialect.name == "sqlite"
    quote, star, both, either = ('"', "*", " AND ", " OR ") if sqlite else ("'", ":*", " & ", " | ")
    query = either.join(
        both.join(f"{quote}{size}{term.token}{quote}{star if term.starts else ''}" for term in terms) for size in sizes
    )
    return list(session.scalars(_OF_SQLITE if sqlite else _OF_POSTGRESQL, {"query": query, "limit": limit}))


_OF_SQLITE = text(f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH :query ORDER BY rowid LIMIT :limit")
# `OFFSET 0` keeps the order out of the search: the planner would walk through the table by rank.
_OF_POSTGRESQL = text(
    f"SELECT rank FROM (SELECT rank FROM register_name WHERE {VECTOR} @@ CAST(:query AS tsquery) OFFSET 0) AS fit "
    "ORDER BY rank LIMIT :limit"
)


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

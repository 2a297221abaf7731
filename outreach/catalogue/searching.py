"""How a visitor searches the catalogue: words in any spelling of accents and case, filters with what each would leave.

A catalogue holds hundreds of services, not millions, so it is searched in memory: that finds the same on both
databases. Every word must occur, in a word of what the service's page says; where it stands decides the order. If no
service holds all of the words, those that hold most of them are shown, and the page says so. Who only looks around sees
each kind of work in turn, in an order that is drawn anew from time to time: nobody is first for being called Aalst.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rapidfuzz import fuzz, process
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from outreach.belgium.places import PROVINCES, fold, place_of
from outreach.belgium.sectors import sections
from outreach.catalogue.categories import CATEGORIES, FORM_LABELS
from outreach.catalogue.services import with_ids
from outreach.catalogue.wording import SAID_TOO, UNSAID
from outreach.models import Enterprise, Service, ServiceForm, ServiceProvince, ServiceSector

PAGE_SIZE = 24
MAX_WORDS = 8
# How much a word counts by where it stands.
_NAME, _CATEGORY, _ENTERPRISE, _PLACE, _SUMMARY, _TEXT = 12, 8, 6, 6, 4, 1
# How well a word is met: as it is, as the start, within a compound (Dutch writes "groenonderhoud"), by its stem.
_WHOLE, _START, _WITHIN, _STEM = 1.0, 0.8, 0.5, 0.4
_ENDING = re.compile(r"(?:eren|en|er|es|e|s|t)$")
_ALIKE = 75  # of 100, for "did you mean"

Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Wish:
    """What a visitor asks for; `category`, `province` (NIS code) and `section` (of NACE-BEL 2025) are known ones."""

    words: str = ""
    category: str | None = None
    province: str | None = None
    section: str | None = None

    @property
    def filters(self) -> tuple[str, ...]:
        """The names of the filters that are set."""
        return tuple(name for name in ("category", "province", "section") if getattr(self, name))


@dataclass(frozen=True)
class Found:
    """One page of what was found; the counts say how many services each choice would leave, beside the other filters.

    `partly` = no service holds all of the words. `without` tells, where nothing was found, how many services there are
    without a filter. `near` is what may have been meant.
    """

    services: Sequence[Service]
    total: int
    page: int
    pages: int
    categories: Mapping[str, int]
    provinces: Mapping[str, int]
    sections: Mapping[str, int]
    partly: bool = False
    without: Mapping[str, int] | None = None
    near: str = ""


@dataclass(frozen=True)
class _Entry:
    """A service as it is searched; without `sections` it suits every sector."""

    id: int
    name: str
    enterprise: str
    taking: bool
    category: str
    provinces: frozenset[str]
    sections: frozenset[str]
    said: tuple[tuple[int, Tokens], ...]

    def fits(self, wish: Wish) -> bool:
        return (
            wish.category in (None, self.category)
            and (wish.province is None or wish.province in self.provinces)
            and (wish.section is None or not self.sections or wish.section in self.sections)
        )


def search(session: Session, wish: Wish, *, page: int = 1, turn: int = 0) -> Found:
    """Return a page of the services on offer, the best first, those that take no customers last.

    `turn` draws the order of those that nothing else puts in one.
    """
    entries = _entries(session)
    words = words_of(wish.words)
    scores, partly = _scores(entries, words)
    held = [entry for entry in entries if entry.id in scores]
    found = [entry for entry in held if entry.fits(wish)]
    found = _best_first(found, scores) if words else _in_turn(found, turn, by_name=wish.category is not None)
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(max(page, 1), pages)
    shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return Found(
        services=with_ids(session, [entry.id for entry in shown]),
        total=len(found),
        page=page,
        pages=pages,
        categories=_by_category(held, wish),
        provinces=_by_province(held, wish),
        sections=_by_section(entries, held, wish),
        partly=partly and bool(found),
        without=None if found else _without(held, wish),
        near="" if held and not partly else _near(entries, words),
    )


def _best_first(entries: Iterable[_Entry], scores: Mapping[int, float]) -> list[_Entry]:
    return sorted(
        entries,
        key=lambda entry: (not entry.taking, -scores[entry.id], fold(entry.name), fold(entry.enterprise), entry.id),
    )


def _in_turn(entries: Iterable[_Entry], turn: int, *, by_name: bool) -> list[_Entry]:
    """Lay out one service of each category, then a second of each …; within a category, one of each name."""

    def drawn(entry: _Entry) -> tuple[bool, bytes]:
        return not entry.taking, hashlib.sha256(f"{turn}:{entry.id}".encode()).digest()

    before: Counter[str] = Counter()
    rounds: dict[int, int] = {}
    ordered = sorted(entries, key=drawn)
    for entry in ordered:
        kind = fold(entry.name) if by_name else entry.category
        rounds[entry.id] = before[kind]
        before[kind] += 1
    return sorted(ordered, key=lambda entry: (not entry.taking, rounds[entry.id]))


def per_category(services: Iterable[Service]) -> dict[str, int]:
    """Count services by category, in the order of the categories."""
    counts = Counter(service.category for service in services)
    return {code: counts[code] for code in CATEGORIES if counts[code]}


def words_of(text: str) -> list[str]:
    """Return the words that are looked for: folded, each once, without those that say nothing if others do."""
    words = list(dict.fromkeys(folded for word in text.split() if (folded := fold(word))))[:MAX_WORDS]
    return [word for word in words if word not in UNSAID] or words


def _scores(entries: Sequence[_Entry], words: Sequence[str]) -> tuple[dict[int, float], bool]:
    """Return the score of every service that holds all words, else of those that hold most; and whether it is so."""
    met = {entry.id: [_met(word, entry) for word in words] for entry in entries}
    whole = {id: sum(scores) for id, scores in met.items() if all(scores)}
    if whole or len(words) < 2:
        return whole, False
    most = max((sum(map(bool, scores)) for scores in met.values()), default=0)
    some = {id: sum(scores) for id, scores in met.items() if most and sum(map(bool, scores)) == most}
    return some, bool(some)


def _met(word: str, entry: _Entry) -> float:
    return max(weight * _quality(word, tokens) for weight, tokens in entry.said)


def _quality(word: str, tokens: Tokens) -> float:
    best = 0.0
    stem = _ENDING.sub("", word)
    for token in tokens:
        if token == word:
            return _WHOLE
        if token.startswith(word):
            best = max(best, _START)
        elif len(word) > 2 and word in token:
            best = max(best, _WITHIN)
        elif len(stem) > 3 and stem in token:
            best = max(best, _STEM)
    return best


def _by_category(held: Iterable[_Entry], wish: Wish) -> dict[str, int]:
    counts = Counter(entry.category for entry in held if entry.fits(replace(wish, category=None)))
    return {code: counts[code] for code in CATEGORIES if counts[code] or code == wish.category}


def _by_province(held: Iterable[_Entry], wish: Wish) -> dict[str, int]:
    counts = Counter(nis for entry in held if entry.fits(replace(wish, province=None)) for nis in entry.provinces)
    return {nis: counts[nis] for nis in PROVINCES if counts[nis] or nis == wish.province}


def _by_section(entries: Iterable[_Entry], held: Iterable[_Entry], wish: Wish) -> dict[str, int]:
    """Count by section: of those that some service names, since a service without sectors suits them all."""
    named = {letter for entry in entries for letter in entry.sections}
    left = [entry for entry in held if entry.fits(replace(wish, section=None))]
    counts = {
        section.code: sum(not entry.sections or section.code in entry.sections for entry in left)
        for section in sections(2025)
        if section.code in named or section.code == wish.section
    }
    return {letter: count for letter, count in counts.items() if count or letter == wish.section}


def _without(held: Sequence[_Entry], wish: Wish) -> dict[str, int]:
    counts = {name: sum(entry.fits(_wider(wish, name)) for entry in held) for name in wish.filters}
    return {name: count for name, count in counts.items() if count}


def _wider(wish: Wish, name: str) -> Wish:
    """Return a wish without one of its filters."""
    filters = {each: None if each == name else getattr(wish, each) for each in wish.filters}
    return Wish(wish.words, filters.get("category"), filters.get("province"), filters.get("section"))


def _near(entries: Iterable[_Entry], words: Sequence[str]) -> str:
    """Return the words, each unknown one replaced by the nearest of the catalogue; empty if none is near."""
    known = {token for entry in entries for _, tokens in entry.said for token in tokens if len(token) > 3}
    meant = []
    for word in words:
        if any(word in token for token in known):
            meant.append(word)
        elif near := process.extractOne(word, sorted(known), scorer=fuzz.ratio, score_cutoff=_ALIKE):
            meant.append(near[0])
        else:
            return ""
    return " ".join(meant) if meant != list(words) else ""


def _entries(session: Session) -> list[_Entry]:
    """Read what is on offer, in four short queries and without making objects of the rows."""
    query = (
        select(
            Service.id, Service.name, Service.summary, Service.text, Service.category, Service.taking_customers,
            Enterprise.name.label("enterprise"), Enterprise.postcode,
        )
        .join(Service.enterprise)
        .where(Service.withdrawn_at.is_(None), Enterprise.withdrawn_at.is_(None))
    )  # fmt: skip
    provinces = _grouped(session.execute(select(ServiceProvince.service_id, ServiceProvince.province_nis)))
    suited = _grouped(session.execute(select(ServiceSector.service_id, ServiceSector.section_2025)))
    forms = _grouped(session.execute(select(ServiceForm.service_id, ServiceForm.form)))
    none = frozenset[str]()
    return [
        _Entry(
            id=row.id,
            name=row.name,
            enterprise=row.enterprise,
            taking=row.taking_customers,
            category=row.category,
            provinces=provinces.get(row.id, none),
            sections=suited.get(row.id, none),
            said=_said(row, " ".join(FORM_LABELS[form][0] for form in forms.get(row.id, none))),  # type: ignore[index]
        )
        for row in session.execute(query)
    ]


def _grouped(rows: Iterable[Row[int, str | None]]) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for id, value in rows:
        if value:
            found.setdefault(id, set()).add(value)
    return {id: frozenset(values) for id, values in found.items()}


def _said(row: Row[*tuple[object, ...]], forms: str) -> tuple[tuple[int, Tokens], ...]:
    place = place_of(row.postcode)
    category = CATEGORIES.get(row.category)
    return (
        (_NAME, _tokens(row.name)),
        (_CATEGORY, _tokens(f"{category.label_nl if category else ''} {SAID_TOO.get(row.category, '')}")),
        (_ENTERPRISE, _tokens(row.enterprise)),
        (_PLACE, _tokens(place.municipality if place else "")),
        (_SUMMARY, _tokens(row.summary)),
        (_TEXT, _tokens(f"{row.text} {forms}")),
    )


@lru_cache(maxsize=8192)  # taking a text apart costs more than searching it
def _tokens(text: str) -> Tokens:
    """Return the words of a text, folded; "co-packing" is one word and two."""
    found: dict[str, None] = {}
    for word in text.split():
        parts = [fold(part) for part in re.split(r"[\W_]+", word)]
        found |= dict.fromkeys(part for part in (fold(word), *parts) if part)
    return tuple(found)

"""Which entries of the register the companies without number may be: the candidates of each, with a probability.

The register is read once, row by row, and only the companies without number are held: what an entry is compared with is
found by keys that both would have, were they the same (`_keys`). A frequent word counts as a key only together with a
postcode or another word, or every builder would meet every other.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.audience.bulk import Memo
from outreach.belgium.legal_forms import LegalForm, legal_form
from outreach.models import Company, Contact, RegisterEntry
from outreach.register import likeness
from outreach.register.likeness import Entry, Likeness, Name, Rarity, Wanted, form_in, labels_of, name_of, names_of

KEPT = 5  # candidates of a company
SHOWN_FROM = 0.02
# Chosen so that at least 99 of 100 certain ones are right (docs/register.md says how it was measured).
CERTAIN = 0.97
_IN_REGISTER = 0.85  # how many companies of a list are there at all: the others stopped, or are natural persons
_SAMPLE_FROM = 200_000  # entries; of more, one in ten tells how rare words are
_RARE_BITS = 11.0
_SHARED_AT_MOST = 40  # companies that may share a rare word alone
_PAIR_BITS = 13.0  # "bouw" with "zonen" would bring every builder together
_FIRST_WORDS = 4


@dataclass(frozen=True)
class Candidate:
    """An entry that a company may be; `score` is the probability that it is, `why` what it rests on."""

    company_id: int
    company_name: str
    enterprise_number: str
    entry_name: str
    score: float
    certain: bool
    why: str


Progress = Callable[[int], None]


def candidates(session: Session, *, progress: Progress = lambda rows: None) -> list[Candidate]:
    """Return the candidates of every company without number, its likeliest first."""
    wanted = _wanted(session)
    if not wanted:
        return []
    rarity = _rarity(session)
    best = compared(wanted, _entries(session, progress), rarity)
    found = []
    for one in wanted:
        found += judged(one, best.get(one.id, []), rarity.entries)
    return found


def compared(
    wanted: Sequence[Wanted], entries: Iterable[Entry], rarity: Rarity
) -> dict[int, list[tuple[Likeness, str, str]]]:
    """Return by company the entries most like it: likeness, number and name, the best first."""
    meeting = _meeting(wanted, rarity)
    best: dict[int, list[tuple[Likeness, str, str]]] = {}
    for entry in entries:
        met: set[int] = set()
        for key in _keys(entry.names, entry.postcode, rarity, ()):
            if key in meeting:
                met.update(meeting[key])
        for place in met:
            found = likeness.likeness(wanted[place], entry, rarity)
            if found.bits > 0:
                kept = best.setdefault(wanted[place].id, [])
                kept.append((found, entry.number, entry.name))
                if len(kept) > 4 * KEPT:
                    kept[:] = _first(kept)
    return {company: _first(kept) for company, kept in best.items()}


def _first(kept: list[tuple[Likeness, str, str]]) -> list[tuple[Likeness, str, str]]:
    return sorted(kept, key=lambda one: (-one[0].bits, one[1]))[:KEPT]


def judged(wanted: Wanted, found: Sequence[tuple[Likeness, str, str]], entries: int) -> list[Candidate]:
    """Return the candidates with their probability: one of these, or none of them."""
    prior = math.log2(_IN_REGISTER / (1 - _IN_REGISTER) / max(entries, 2))
    odds = [2.0 ** min(60.0, like.bits + prior) for like, _, _ in found]
    total = 1.0 + sum(odds)
    result = []
    for (like, number, name), share in zip(found, odds, strict=True):
        score = share / total
        if score >= SHOWN_FROM:
            certain = score >= CERTAIN and like.clean and _founded(like)
            result.append(Candidate(wanted.id, wanted.name, number, name, round(score, 4), certain, why(like)))
    return result


def _founded(like: Likeness) -> bool:
    """Tell whether more than a name speaks for it: the place, or the domain where the place says nothing against it."""
    if like.form.startswith("another kind"):
        return False
    return like.place in ("same postcode", "same municipality") or (like.domain and like.place != "another province")


def why(like: Likeness) -> str:
    """Return what a probability rests on, in words."""
    parts = [f"name {like.name:.0%} alike", like.place, "e-mail domain fits" if like.domain else "", like.form]
    return "; ".join(part for part in parts if part)


def domains_of(session: Session, company_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return the e-mail domains at companies, those of free mailboxes too."""
    found: dict[int, list[str]] = defaultdict(list)
    query = select(Contact.company_id, Contact.address_domain).where(Contact.company_id.in_(company_ids)).distinct()
    for company_id, domain in session.execute(query.order_by(Contact.address_domain)):
        if domain:
            found[company_id].append(domain)
    return found


def _wanted(session: Session) -> list[Wanted]:
    domains: dict[int, set[str]] = defaultdict(set)
    query = select(Contact.company_id, Contact.address_domain).join(Company, Company.id == Contact.company_id)
    for company_id, domain in session.execute(query.where(Company.enterprise_number.is_(None)).distinct()):
        domains[company_id].add(domain or "")
    columns = (
        Company.id, Company.name, Company.legal_form, Company.legal_person, Company.postcode,
        Company.municipality_nis, Company.province_nis,
    )  # fmt: skip
    rows = session.execute(select(*columns).where(Company.enterprise_number.is_(None)).order_by(Company.id))
    # Who isn't a legal person has no entry, and an entry called like it is another's.
    return [
        wanted_of(row.id, row.name, row.legal_form, row.postcode, row.municipality_nis, row.province_nis,
                  sorted(domains.get(row.id, ())))
        for row in rows if row.legal_person is not False
    ]  # fmt: skip


def wanted_of(
    id: int,
    name: str,
    form: str | None,
    postcode: str | None,
    municipality_nis: str | None,
    province_nis: str | None,
    domains: Iterable[str],
) -> Wanted:
    """Return a company without number as it is compared."""
    told = (legal_form(form) if form else None) or form_in(name)
    labels = labels_of(domains)
    return Wanted(id, name, names_of(name), told, postcode, municipality_nis, province_nis, labels)


def _rarity(session: Session) -> Rarity:
    total = int(session.scalar(select(func.count()).select_from(RegisterEntry)) or 0)
    factor = 10 if total > _SAMPLE_FROM else 1
    names = select(RegisterEntry.name)
    if factor == 10:
        names = names.where(RegisterEntry.enterprise_number.like("%7"))
    words: Counter[str] = Counter()
    for text in session.scalars(names.execution_options(yield_per=10_000)):
        if name := name_of(text):
            words.update(set(name.words))

    def shares(column: object) -> Mapping[str, int]:
        query = select(column, func.count()).group_by(column)  # type: ignore[call-overload]
        return {value: int(rows) for value, rows in session.execute(query) if value}

    return Rarity(total, words, shares(RegisterEntry.postcode), shares(RegisterEntry.municipality_nis), factor)


_ENTRY = (
    RegisterEntry.enterprise_number, RegisterEntry.name, RegisterEntry.name_nl, RegisterEntry.name_fr,
    RegisterEntry.name_de, RegisterEntry.name_en, RegisterEntry.abbreviations, RegisterEntry.commercial_names,
    RegisterEntry.juridical_form_cac, RegisterEntry.juridical_form, RegisterEntry.postcode,
    RegisterEntry.municipality_nis, RegisterEntry.province_nis, RegisterEntry.establishment_provinces,
)  # fmt: skip


def _entries(session: Session, progress: Progress) -> Iterator[Entry]:
    forms: Memo[str, LegalForm | None] = Memo(legal_form)
    rows = session.execute(select(*_ENTRY).execution_options(yield_per=5_000))
    for part in rows.partitions():
        for number, *texts, cac, form, postcode, municipality, province, provinces in part:
            yield entry_of(number, texts, forms[cac or form or ""], postcode, municipality, province, provinces)
        progress(len(part))


def entry_of(
    number: str,
    texts: Sequence[str | None],
    form: LegalForm | None,
    postcode: str | None,
    municipality_nis: str | None,
    province_nis: str | None,
    provinces: str | None,
) -> Entry:
    """Return an entry as it is compared; `texts` are its names, the last ones by line."""
    written = [line for text in texts if text for line in text.split("\n")]
    names = dict.fromkeys(name for text in written if (name := name_of(text)))
    return Entry(
        number, texts[0] or number, tuple(names), form, postcode, municipality_nis, province_nis, provinces or ""
    )


def _meeting(wanted: Sequence[Wanted], rarity: Rarity) -> dict[str, list[int]]:
    meeting: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(wanted):
        for key in _keys(one.names, one.postcode, rarity, one.domains):
            meeting[key].append(place)
    return {key: found for key, found in meeting.items() if key[0] != "w" or len(found) <= _SHARED_AT_MOST}


def _keys(names: Iterable[Name], postcode: str | None, rarity: Rarity, domains: Iterable[str]) -> set[str]:
    """Return what a company and its entry have in common: `=` the whole name, `w` a rare word, `+` two words, `@` a
    word or an end of the name at a postcode."""
    keys = {f"={label}" for label in domains}
    for name in names:
        keys.add(f"={name.whole}")
        words = sorted(set(name.words), key=lambda word: (-rarity.of_word(word), word))[:_FIRST_WORDS]
        telling = [word for word in words if rarity.of_word(word) > 1]
        keys.update(f"w{word}" for word in telling if rarity.of_word(word) >= _RARE_BITS)
        pairs = (pair for pair in combinations(telling, 2) if sum(map(rarity.of_word, pair)) >= _PAIR_BITS)
        keys.update("+" + "+".join(sorted(pair)) for pair in pairs)
        if postcode:
            keys.update(f"@{postcode}{word}" for word in telling[:2])
            keys.add(f"@{postcode}^{name.whole[:4]}")
            keys.add(f"@{postcode}${name.whole[-4:]}")
    return keys

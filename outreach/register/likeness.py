"""How likely it is that a name, a place and e-mail domains of a list mean an entry of the register.

Evidence is counted in bits (Fellegi and Sunter, "A Theory for Record Linkage", 1969): agreeing on something that one in
1,000 has is worth ten. A word is worth what it is rare in the register, so "van" and "bouw" say little; words that one
side alone has count against, and most if both sides have one, as in "Jansen Holding" and "Jansen Bouw".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import JaroWinkler
from rapidfuzz.fuzz import ratio

from outreach.audience.companies import name_key
from outreach.audience.impersonal import is_free_mail
from outreach.belgium.legal_forms import LegalForm, legal_form

# What people shorten, each to one form; words, not beginnings: those are told by `_beginning`.
_SHORT = {
    "gebr": "gebroeders", "gebrs": "gebroeders", "gbr": "gebroeders", "freres": "gebroeders", "bros": "gebroeders",
    "st": "sint", "int": "international", "intl": "international", "internationaal": "international",
    "alg": "algemene", "algemeen": "algemene", "ets": "etablissementen", "etablissements": "etablissementen",
    "etabl": "etablissementen", "cie": "compagnie", "co": "compagnie", "zn": "zonen", "zoon": "zonen", "fils": "zonen",
    "grp": "groep", "group": "groep", "groupe": "groep", "techn": "technieken", "belg": "belgium", "belgie": "belgium",
    "belgique": "belgium", "bouwonderneming": "bouwbedrijf", "ondern": "onderneming", "metaalw": "metaalwerken",
    "vzw": "vzw",
}  # fmt: skip
_FILLERS = frozenset("en et and de het the la le les van von der den du des of a n t s in te aan bij".split())  # noqa: SIM905
# Companies of one family carry these beside the name; whoever leaves one out may mean another company.
_TELLING = 7.0
_OLD_NAMES = re.compile(
    r"\s+[-–/|]\s+|[()\[\]]"
    r"|\b(?:voorheen|vroeger|vh\.|ex-|formerly|anciennement|aka|h\.?o\.?d\.?n\.?|handelend onder)\s*:?",
    re.IGNORECASE,
)
_FAMILIES = (
    {"bv", "bvba", "ebvba"}, {"cv", "cvba", "cvoa", "cv erkend als sociale onderneming"}, {"vzw", "ivzw"},
    {"comm.v", "gcv", "comm.va"}, {"nv"}, {"vof"},
)  # fmt: skip
_ASSOCIATIONS = {"vzw", "ivzw", "private stichting", "stichting", "stichting van openbaar nut"}


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is compared: its words, and all of them in one."""

    words: tuple[str, ...]
    whole: str


@dataclass(slots=True)
class Rarity:
    """How rare words and postcodes are among `entries` entries, in bits."""

    entries: int
    words: Mapping[str, int]
    postcodes: Mapping[str, int]
    municipalities: Mapping[str, int]
    factor: int = 1  # one entry in so many was counted for `words`
    _bits: dict[str, float] = field(default_factory=dict)

    def of_word(self, word: str) -> float:
        """Return the bits of a word; fillers nearly nothing."""
        found = self._bits.get(word)
        if found is None:
            if word in _FILLERS:
                found = 0.3
            else:
                seen = self.words.get(word, 0) * self.factor or self.factor / 2
                found = min(16.0, max(1.0, math.log2(max(self.entries, 2) / max(seen, 1))))
            self._bits[word] = found
        return found

    def of_postcode(self, postcode: str) -> float:
        return _bits(self.entries, self.postcodes.get(postcode, 1))

    def of_municipality(self, nis: str) -> float:
        return _bits(self.entries, self.municipalities.get(nis, 1))


def _bits(entries: int, share: int) -> float:
    return min(13.0, max(0.5, math.log2(max(entries, 2) / share)))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A company without number, as lists have it."""

    id: int
    name: str
    names: tuple[Name, ...]
    form: LegalForm | None
    postcode: str | None
    municipality_nis: str | None
    province_nis: str | None
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the register, as far as it is compared; `texts` are its names as written, beside `names`."""

    number: str
    name: str
    names: tuple[Name, ...]
    form: LegalForm | None
    postcode: str | None
    municipality_nis: str | None
    province_nis: str | None
    provinces: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """Bits of evidence, from what, and whether a word that tells companies apart is on one side alone."""

    bits: float
    name: float  # 0 to 1: how alike the names are
    place: str
    domain: bool
    form: str
    clean: bool


def name_of(text: str) -> Name | None:
    """Return a name as it is compared, None if nothing is left of it."""
    words = tuple(_SHORT.get(word, word) for word in name_key(text).split())
    return Name(words, "".join(words)) if words else None


def names_of(text: str) -> tuple[Name, ...]:
    """Return a name and what stands in it for another: `Nieuw bv (vroeger Oud)`, `Jansen - De Warme Bakker`."""
    parts = [text, *(_OLD_NAMES.split(text) if _OLD_NAMES.search(text) else ())]
    found = [name_of(part) for part in parts if len(part.strip()) > 1]
    return tuple(dict.fromkeys(name for name in found if name is not None))


def form_in(text: str) -> LegalForm | None:
    """Return the legal form at the end or the beginning of a name."""
    words = text.split()
    ends = (words[-1], words[0]) if len(words) > 1 else ()
    return next((form for word in ends if (form := legal_form(word))), None)


def labels_of(domains: Iterable[str | None]) -> tuple[str, ...]:
    """Return the telling part of each e-mail domain, without those of providers: `jansen-bouw.be` → `jansenbouw`."""
    found = []
    for domain in domains:
        parts = (domain or "").lower().split(".")
        label = parts[-2] if len(parts) > 1 else ""
        if label and not is_free_mail((domain or "").lower()):
            found.append(re.sub(r"[^a-z0-9]", "", label))
    return tuple(dict.fromkeys(label for label in found if len(label) > 2))


def likeness(wanted: Wanted, entry: Entry, rarity: Rarity) -> Likeness:
    """Return the evidence that a company is an entry."""
    best = (-99.0, 0.0, False)
    for mine in wanted.names:
        for theirs in entry.names:
            best = max(best, _name(mine, theirs, rarity))
    bits, alike, clean = best
    place, word = _place(wanted, entry, rarity)
    domain = _domain(wanted, entry, rarity)
    form, form_word = _form(wanted, entry)
    return Likeness(bits + place + domain + form, alike, word, domain > 0, form_word, clean)


def _name(mine: Name, theirs: Name, rarity: Rarity) -> tuple[float, float, bool]:
    """Return bits, likeness from 0 to 1, and whether no telling word is on one side alone."""
    if mine.whole == theirs.whole:
        # Each word more is worth less, since they aren't independent: "aannemingen" often follows a family's name.
        words = min((mine.words, theirs.words), key=len)
        return _together([rarity.of_word(word) for word in words]), 1.0, True
    pairs, alone_mine, alone_theirs = _paired(mine.words, theirs.words, rarity)
    whole = ratio(mine.whole, theirs.whole) / 100
    agree = _together([bits for bits in pairs if bits > 0])
    if whole >= 0.9 and min(len(mine.whole), len(theirs.whole)) >= 7 and (alone_mine or alone_theirs):
        # Written in one word here and in two there, or with a slip of the pen.
        weight = _together([rarity.of_word(word) for word in theirs.words])
        return weight * whole - 30 * (1 - whole), whole, whole >= 0.94
    mine_bits = sum(min(_TELLING, rarity.of_word(word)) for word in alone_mine)
    theirs_bits = sum(min(_TELLING, rarity.of_word(word)) for word in alone_theirs)
    against = 0.7 * mine_bits + 0.7 * theirs_bits + (6.0 if mine_bits > 3 and theirs_bits > 3 else 0.0)
    total = agree + sum(map(rarity.of_word, (*alone_mine, *alone_theirs)))
    return agree - against, agree / total if total else 0.0, mine_bits < 3 and theirs_bits < 3


def _together(bits: Sequence[float]) -> float:
    ordered = sorted(bits, reverse=True)
    return sum(value * (1.0, 0.8, 0.6, 0.5)[min(place, 3)] for place, value in enumerate(ordered))


def _paired(mine: tuple[str, ...], theirs: tuple[str, ...], rarity: Rarity) -> tuple[list[float], list[str], list[str]]:
    """Return the bits of words that go together, and the words of each side that stay alone."""
    left = list(theirs)
    pairs: list[float] = []
    rest: list[str] = []
    for word in mine:
        if word in left:
            left.remove(word)
            pairs.append(rarity.of_word(word))
        else:
            rest.append(word)
    alone: list[str] = []
    for word in rest:
        near = max(((_alike(word, other), other) for other in left), default=(0.0, ""))
        if near[0] >= 0.6:
            left.remove(near[1])
            pairs.append(rarity.of_word(near[1]) * near[0] - 1.5)
        else:
            alone.append(word)
    return pairs, alone, left


def _alike(word: str, other: str) -> float:
    """Return how far two words are one: a slip of the pen, or a beginning that stands for the whole."""
    short, long = sorted((word, other), key=len)
    if len(short) >= 3 and long.startswith(short):
        return 0.75 if len(short) >= 4 else 0.6
    if len(short) < 4:
        return 0.0
    near = JaroWinkler.similarity(word, other)
    return near if near >= 0.91 and abs(len(long) - len(short)) <= 2 else 0.0


def _place(wanted: Wanted, entry: Entry, rarity: Rarity) -> tuple[float, str]:
    if not wanted.postcode:
        return 0.0, "no postcode"
    if wanted.postcode == entry.postcode:
        return rarity.of_postcode(wanted.postcode), "same postcode"
    if wanted.municipality_nis and wanted.municipality_nis == entry.municipality_nis:
        return rarity.of_municipality(wanted.municipality_nis) - 2.0, "same municipality"
    if wanted.province_nis and wanted.province_nis in entry.provinces:
        return -0.5, "works in the province"
    if wanted.province_nis and wanted.province_nis == entry.province_nis:
        return -1.5, "same province"
    return -4.5, "another province"


def _domain(wanted: Wanted, entry: Entry, rarity: Rarity) -> float:
    for label in wanted.domains:
        for name in entry.names:
            if label == name.whole or (len(name.whole) > 5 and ratio(label, name.whole) >= 92):
                return min(7.0, 0.5 * _together([rarity.of_word(word) for word in name.words]))
    for label in wanted.domains:
        for name in entry.names:
            telling = max(name.words, key=rarity.of_word)
            if len(telling) > 4 and telling in label:
                return min(3.0, 0.25 * rarity.of_word(telling))
    return 0.0


def _form(wanted: Wanted, entry: Entry) -> tuple[float, str]:
    if wanted.form is None or entry.form is None:
        return 0.0, ""
    mine, theirs = wanted.form.short, entry.form.short
    if mine == theirs or any(mine in family and theirs in family for family in _FAMILIES):
        return 1.0, "same legal form"
    if (mine in _ASSOCIATIONS) != (theirs in _ASSOCIATIONS) or wanted.form.regular != entry.form.regular:
        return -6.0, "another kind of legal form"
    return -2.0, "another legal form"

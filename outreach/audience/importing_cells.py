"""What the cells of a contact list mean: one function per kind of cell, each raising a ValueError that says why not."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from outreach.audience.cells import CellError, clean_name, parse_date
from outreach.belgium.legal_forms import LegalForm, legal_form
from outreach.belgium.places import place_of
from outreach.belgium.sectors import VERSIONS, Rule, Sector, SectorError, nace, parse_version, resolve
from outreach.models import Basis

TAG_LENGTH = 60
_BASIS_WORDS = {
    Basis.CONSENT: """consent; toestemming; expliciete toestemming; uitdrukkelijke toestemming;
        voorafgaande toestemming; opt-in; double opt-in; ingeschreven; inschrijving; akkoord; consentement;
        given consent""",
    Basis.CUSTOMER: """customer; klant; eigen klant; bestaande klant; klantrelatie; klantenrelatie; client;
        existing customer; own customer; client existant; soft opt-in""",
    Basis.ROLE_ADDRESS: """role_address; role address; roladres; functioneel adres; functioneel;
        functioneel e-mailadres; algemeen adres; algemeen e-mailadres; onpersoonlijk adres; generiek adres;
        rechtspersoon; impersonal address; generic address; legal person;
        adresse générique; adresse impersonnelle; personne morale""",
}  # fmt: skip
_INTEREST = ("gerechtvaardigdbelang", "legitimateinterest", "interetlegitime")
_BELGIUM = ("be", "b", "bel", "belgie", "belgium", "belgique", "belgien")
_SEPARATORS = re.compile(r"[,;|\n\r]+")
# What other countries write: NL-1012 AB, 59000, L-1234, SW1A 1AA.
_FOREIGN = re.compile(
    r"[A-Z]{1,3}[- ]\s*(?!\d{4}$)\S.*|(?!B)[A-Z]{1,2}[- ]\s*\d{4}|\d{5}(?:-\d{3,4})?|\d{4}\s?[A-Z]{2}"
    r"|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|\d{3}\s\d{2}|\d{2}-\d{3}",
    re.IGNORECASE,
)


class Spot(NamedTuple):
    """A postcode as it is stored; the municipality and province of a Belgian one."""

    postcode: str
    municipality_nis: str | None
    province_nis: str | None


class Form(NamedTuple):
    """A legal form as it is stored; `known` is None for words that stand for no form we know."""

    short: str
    known: LegalForm | None

    @property
    def legal_person(self) -> bool | None:
        return self.known.legal_person if self.known else None


def spot(postcode: str, municipality: str = "") -> Spot:
    """Return the place of a Belgian postcode, or the bare postcode of another country; raise `CellError`."""
    bare = " ".join(postcode.split())
    place = place_of(bare)
    if place is not None and municipality and bare == place.postcode:
        place = place_of(f"{bare} {municipality}") or place
    if place is not None:
        return Spot(place.postcode, place.municipality_nis, place.province_nis)
    if len(bare) <= 12 and _FOREIGN.fullmatch(bare):
        return Spot(bare.upper(), None, None)
    raise CellError(f"{postcode!r} is no Belgian postcode: write four digits such as 9000, or leave it empty")


def check_abroad(postcode: str, number: str | None, country: str) -> None:
    """Refuse five bare digits for a company with a Belgian number, unless the row names another country.

    A company of another country may have a Belgian number, but a mistyped postcode is far more likely (99999, 92000);
    taken as foreign it would silently lose its province. Forms that no Belgian code can be mistyped into (1012 AB,
    NL-1012 AB, SW1A 1AA) say by themselves that they are foreign.
    """
    if place_of(postcode) is not None:
        return
    named = _fold(country)
    if named in _BELGIUM or (number and not named and postcode.isdigit()):
        way_out = "mend it" if named else "mend it, or name the country in a column `land`"
        raise CellError(f"{postcode!r} is no Belgian postcode, which has four digits: {way_out}")


def form(text: str) -> Form:
    """Return the legal form that a text stands for; unknown words are kept, and attest nothing."""
    known = legal_form(text)
    return Form(known.short[:40], known) if known else Form(clean_name(text, 400)[:40], None)


def sector(text: str, version: str, given: int | None, default: int) -> Sector:
    """Return the sector of a code whose version a cell or option gives; raise `SectorError` with what exists nearby."""
    stated = parse_version(version) or given
    try:
        found = resolve(text, stated, default)
        return replace(found, nace_2008=_finest(2008, found.nace_2008), nace_2025=_finest(2025, found.nace_2025))
    except SectorError as error:
        near = _near(text, stated or default)
        raise SectorError(f"{error}; the nearest there: {', '.join(near)}" if near else str(error)) from None


def _finest(version: int, code: str | None) -> str | None:
    """Return the code without the zeros that a spreadsheet takes off: 41.20 and 41.2 are the same.

    In NACE-BEL a code with a 0 added is the only one beneath it (checked by a test), so nothing is made up.
    """
    while code and len(code) in (3, 4) and nace(version, f"{code}0"):
        code = f"{code}0"
    return code


def _near(text: str, version: int) -> list[str]:
    """Return up to three existing codes that differ from a wrong one in its last digits."""
    digits = re.sub(r"[^0-9]", "", text)[:7]
    while len(digits) >= 2:
        siblings = [digits[:-1] + str(last) for last in range(10)]
        if known := [code for code in dict.fromkeys((digits, *siblings)) if nace(version, code)]:
            return known[:3]
        digits = digits[:-1]
    return []


def overlay(old: Sector | None, new: Sector) -> Sector:
    """Return what is known of a sector after `new` was told: codes of the other version and finer codes stay."""
    if old is None:
        return new
    nace_2008, section_2008 = old.nace_2008, old.section_2008
    if new.section_2008:
        kept = old.nace_2008 if old.section_2008 == new.section_2008 else None
        nace_2008, section_2008 = _finer(kept, new.nace_2008), new.section_2008
    nace_2025, section_2025, rule = old.nace_2025, old.section_2025, old.rule
    derived = new.section_2008 is not None and new.nace_2025 is None
    if new.section_2025 and not (derived and old.nace_2025):
        nace_2025 = _finer(old.nace_2025 if old.section_2025 == new.section_2025 else None, new.nace_2025)
        section_2025 = new.section_2025
        rule = new.rule if new.nace_2025 or not nace_2025 else old.rule
    elif section_2025 is None:
        rule = new.rule
    return Sector(nace_2008, nace_2025, section_2008, section_2025, Rule(rule))


def _finer(old: str | None, new: str | None) -> str | None:
    """Return the new code, unless the old one is the same told more precisely."""
    return old if not new or (old and old.startswith(new)) else new


def version_of_header(field: str) -> int:
    """Return the version in the name of a column such as `nace_2008`."""
    return next(version for version in VERSIONS if field.endswith(str(version)))


def basis(text: str) -> Basis:
    """Return the legal basis that a word in Dutch, English or French stands for; raise `CellError`."""
    folded = _fold(text)
    if found := _BASES.get(folded):
        return found
    known = "toestemming (consent), klant (customer), functioneel adres (role_address)"
    if folded in _INTEREST:
        raise CellError(f"{text!r} is no basis for mail by itself (Economic Law Code XII.13): write {known}")
    raise CellError(f"{text!r} is no legal basis: write {known}")


def day(text: str, today: date) -> date:
    """Return the day on which a basis was obtained; raise `CellError` for a day to come."""
    found = parse_date(text)
    if found > today:
        raise CellError(f"the date {text!r} lies in the future")
    return found


def labels(text: str) -> tuple[str, ...]:
    """Return the tags or topics in a cell, in lower case and each once; raise `CellError`."""
    found = (clean_name(part.strip().lstrip("#"), 400).casefold() for part in _SEPARATORS.split(text))
    kept = tuple(dict.fromkeys(filter(None, found)))
    for label in kept:
        if len(label) > TAG_LENGTH:
            raise CellError(f"the label {label[:40]!r}… is longer than {TAG_LENGTH} characters")
    return kept


def full_name(text: str, header: str) -> tuple[str, str]:
    """Return first and last name of one cell, told apart only where the cell or its header says which is which."""
    clean = clean_name(text, 200)
    last, comma, first = clean.partition(",")
    if comma and first.strip() and last.strip():
        return first.strip(), last.strip()
    if _fold(header).startswith(("voor", "first", "prenom")) and " " in clean:
        first, _, last = clean.partition(" ")
        return first, last
    return "", clean


def _fold(text: str) -> str:
    return "".join(mark for mark in unicodedata.normalize("NFKD", text).casefold() if mark.isalnum())


_BASES = {_fold(word): kind for kind, words in _BASIS_WORDS.items() for word in words.split(";")}

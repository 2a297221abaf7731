"""The values that a segment may name, checked against the shipped tables; a refusal says what exists, near ones first.

Every function takes the text as it was typed and returns the value in the form that the columns hold.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

from outreach.belgium.legal_forms import legal_form, legal_forms
from outreach.belgium.places import PROVINCES, fold, places_of, province_by_name
from outreach.belgium.sectors import VERSIONS, NaceCode, nace

FLANDERS = "vlaanderen"
UNITS = {
    "day": 1, "days": 1, "dag": 1, "dagen": 1,
    "week": 7, "weeks": 7, "weken": 7,
    "month": 30, "months": 30, "maand": 30, "maanden": 30,
    "year": 365, "years": 365, "jaar": 365,
}  # fmt: skip
LONGEST = timedelta(days=3650)


def known(text: str, names: Iterable[str], limit: int = 40) -> str:
    """Return what exists as the end of a refusal: the nearest names first, then the others up to `limit`."""
    names = sorted(names)
    by_fold = {name.casefold(): name for name in names}
    near = [by_fold[close] for close in difflib.get_close_matches(text.casefold(), by_fold, n=3, cutoff=0.6)]
    rest = [name for name in names if name not in near]
    hint = f"did you mean {' or '.join(repr(name) for name in near)}? " if near else ""
    shown = ", ".join([*near, *rest][:limit])
    more = f", … ({len(names) - limit} more)" if len(names) > limit else ""
    return f"{hint}known: {shown}{more}" if names else "none exist"


def provinces(text: str) -> tuple[str, ...]:
    """Return the NIS codes of a province, of Brussels, or of the five provinces of `vlaanderen`."""
    if fold(text) in (FLANDERS, "flanders", "vlaamsgewest"):
        return tuple(province.nis for province in PROVINCES.values() if province.flemish)
    province = province_by_name(text)
    if province is None:
        names = [*(province.slug for province in PROVINCES.values()), FLANDERS]
        raise ValueError(f"{text!r} is no province; {known(text, names)}")
    return (province.nis,)


def postcodes(text: str) -> tuple[str, str]:
    """Return the first and last postcode of a range such as 8500-8599, or one postcode twice."""
    match = re.fullmatch(r"\s*([1-9]\d{3})\s*(?:[-–]\s*([1-9]\d{3}))?\s*", text)
    if match is None:
        raise ValueError(f"{text!r} is no postcode: write 8500 or a range 8500-8599")
    first, last = match[1], match[2] or match[1]
    if last < first:
        raise ValueError(f"{text!r} ends before it starts: write {last}-{first}")
    if first == last and not places_of(first):
        near = [code for code in _all_postcodes() if code[:2] == first[:2]]
        raise ValueError(f"{text!r} is no postcode of Belgium; {known(first, near)}")
    return first, last


def municipality(text: str) -> str:
    """Return the NIS code of a municipality, named by its Dutch name or that code."""
    names = _municipalities()
    found = names.get(fold(text)) or (text if text in names.values() else None)
    if found is None:
        near = difflib.get_close_matches(fold(text), names, n=3, cutoff=0.6)
        alike = [label for label in _municipality_labels() if fold(label) in near or fold(label)[:2] == fold(text)[:2]]
        if not alike:
            raise ValueError(f"{text!r} is no municipality: write its Dutch name or its NIS code")
        raise ValueError(f"{text!r} is no municipality; {known(text, alike, limit=12)}")
    return found


def sector(text: str, version: int) -> NaceCode:
    """Return the entry of a section letter or of a code with or without dots, in one version of NACE-BEL."""
    code = re.sub(r"[.\s]", "", text).upper()
    entry = nace(version, code)
    if entry is None:
        raise ValueError(
            f"{text!r} does not exist in NACE-BEL {version}{_other_version(code, version)}; {_near(code, version)}"
        )
    return entry


def form(text: str) -> str:
    """Return the short form of a legal form."""
    found = legal_form(text)
    if found is None:
        raise ValueError(f"{text!r} is no legal form; {known(text, (form.short for form in legal_forms()))}")
    return found.short


def period(text: str) -> timedelta:
    """Return a period such as `30 days` or `6 weken`; a month counts 30 days, a year 365."""
    match = re.fullmatch(r"\s*(\d{1,4})\s*([a-z]+)\s*", text.casefold())
    if match is None or match[2] not in UNITS:
        raise ValueError(f"{text!r} is no period: write e.g. 30 days, 6 weeks or 3 months")
    found = timedelta(days=int(match[1]) * UNITS[match[2]])
    if not timedelta(0) < found <= LONGEST:
        raise ValueError(f"{text!r} is not between 1 day and 10 years")
    return found


def _other_version(code: str, version: int) -> str:
    other = next(v for v in VERSIONS if v != version)
    entry = nace(other, code)
    if entry is None:
        return ""
    return f" (it does in {other}: {entry.label_nl}; write sector: {{version: {other}, codes: [{entry.code!r}]}})"


def _near(code: str, version: int) -> str:
    """Name the nearest codes: those under the longest beginning that exists, else how codes look."""
    if code.isdigit() and nace(version, f"0{code}"):
        return f"did you mean '0{code}'?"
    for end in range(len(code) - 1, 1, -1):
        if parent := nace(version, code[:end]):
            return f"near: {', '.join(_described(entry) for entry in (parent, *_under(parent)))}"
    return "write a section letter (A to V) or a code such as 41 or 25.11"


def _under(parent: NaceCode) -> list[NaceCode]:
    """Return the next level below; it may be two digits longer."""
    for width in (1, 2):
        tails = (f"{parent.code}{number:0{width}d}" for number in range(10**width))
        if entries := [entry for tail in tails if (entry := nace(parent.version, tail))]:
            return entries
    return []


def _described(entry: NaceCode) -> str:
    return f"{entry.code} {entry.label_nl}"


@cache
def _all_postcodes() -> tuple[str, ...]:
    return tuple(code for number in range(1000, 10000) if places_of(code := str(number)))


@cache
def _municipalities() -> dict[str, str]:
    return {fold(label): nis for label, nis in _municipality_labels().items()}


@cache
def _municipality_labels() -> dict[str, str]:
    places = (place for code in _all_postcodes() for place in places_of(code))
    return {place.municipality: place.municipality_nis for place in places}

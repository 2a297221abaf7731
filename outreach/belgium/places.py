"""Postcode → municipality → province, from the shipped table of Statbel."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

# The table's state; 2070 (Zwijndrecht) went to Oost-Vlaanderen on this day.
TABLE_DATE = date(2025, 1, 1)

# Three postcodes span two municipalities (never two provinces). Unless the text names the other one, the municipality
# in which most addresses of the postcode lie counts: Etterbeek, Elsene, Vilvoorde.
_MAIN_MUNICIPALITY = {"1040": "21005", "1050": "21009", "1804": "23088"}

_POSTCODE = re.compile(
    r"\s*(?:B(?:E|EL|ELGI[ËE]|ELGIUM|ELGIQUE)?[\s.-]*)?([1-9]\d{3})(?:[.,]0+)?(?![\d])(.*)", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Place:
    """A postcode with the municipality and the province it lies in (NIS codes and Dutch names)."""

    postcode: str
    municipality_nis: str
    municipality: str
    province_nis: str
    province: str


@dataclass(frozen=True, slots=True)
class Province:
    """A province, or the Brussels region, which lies in none; `flemish` tells the five Flemish provinces."""

    nis: str
    name_nl: str
    name_fr: str
    name_en: str
    slug: str
    flemish: bool


PROVINCES: dict[str, Province] = {
    province.nis: province
    for province in (
        Province("10000", "Antwerpen", "Anvers", "Antwerp", "antwerpen", True),
        Province("20001", "Vlaams-Brabant", "Brabant flamand", "Flemish Brabant", "vlaams-brabant", True),
        Province("30000", "West-Vlaanderen", "Flandre occidentale", "West Flanders", "west-vlaanderen", True),
        Province("40000", "Oost-Vlaanderen", "Flandre orientale", "East Flanders", "oost-vlaanderen", True),
        Province("70000", "Limburg", "Limbourg", "Limburg", "limburg", True),
        Province("04000", "Brussels Hoofdstedelijk Gewest", "Bruxelles-Capitale", "Brussels-Capital", "brussel", False),
        Province("20002", "Waals-Brabant", "Brabant wallon", "Walloon Brabant", "waals-brabant", False),
        Province("50000", "Henegouwen", "Hainaut", "Hainaut", "henegouwen", False),
        Province("60000", "Luik", "Liège", "Liège", "luik", False),
        Province("80000", "Luxemburg", "Luxembourg", "Luxembourg", "luxemburg", False),
        Province("90000", "Namen", "Namur", "Namur", "namen", False),
    )
}

_OTHER_SPELLINGS = {
    "10000": ("VAN", "BE-VAN", "provincie Antwerpen"),
    "20001": ("VBR", "BE-VBR"),
    "30000": ("WVL", "VWV", "BE-VWV"),
    "40000": ("OVL", "VOV", "BE-VOV"),
    "70000": ("VLI", "BE-VLI"),
    "04000": ("BRU", "BE-BRU", "BHG", "Brussels", "Bruxelles", "Brussels Gewest", "Brussels Hoofdstedelijk",
              "Région de Bruxelles-Capitale", "Brussels-Capital Region", "Brussel-Hoofdstad"),
    "20002": ("WBR", "BE-WBR"),
    "50000": ("WHT", "BE-WHT"),
    "60000": ("WLG", "BE-WLG"),
    "80000": ("WLX", "BE-WLX"),
    "90000": ("WNA", "BE-WNA"),
}  # fmt: skip


def place_of(postcode: str) -> Place | None:
    """Return the place of a postcode however people write it (`B-9000`, `9000 Gent`, `9000.0`), or None."""
    places = _table().get(postcode)
    named = ""
    if places is None:
        match = _POSTCODE.fullmatch(postcode)
        if match is None:
            return None
        places, named = _table().get(match[1]), fold(match[2])
        if places is None or _looks_dutch(match[2], places):
            return None
    return next((place for place in places[1:] if fold(place.municipality) == named), places[0])


def places_of(postcode: str) -> tuple[Place, ...]:
    """Return every municipality of a four-digit postcode, the main one first."""
    return _table().get(postcode, ())


def province_by_name(text: str) -> Province | None:
    """Return the province with this NIS code, slug, ISO code or Dutch, French or English name, or None."""
    return _province_names().get(fold(text))


@cache
def municipality_names() -> frozenset[str]:
    """Return the names of all municipalities, folded as `fold` does."""
    return frozenset(fold(place.municipality) for places in _table().values() for place in places)


def fold(text: str) -> str:
    """Reduce a name to its letters and digits, without case and accents, so that spellings can be compared."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in decomposed if char.isalnum())


def _looks_dutch(rest: str, places: tuple[Place, ...]) -> bool:
    # "1012 AB" is a postcode of Amsterdam; "3665 As" is the municipality of As.
    letters = rest.strip()
    return bool(re.fullmatch(r"[A-Za-z]{2}(?:\s.*)?", letters, re.S)) and all(
        fold(place.municipality) != fold(letters) for place in places
    )


@cache
def _table() -> dict[str, tuple[Place, ...]]:
    table: dict[str, tuple[Place, ...]] = {}
    source = resources.files("outreach.belgium").joinpath("data", "postcodes.csv")
    for row in csv.DictReader(source.read_text(encoding="utf-8").splitlines()):
        place = Place(*(row[name] for name in _COLUMNS))
        main = _MAIN_MUNICIPALITY.get(place.postcode) == place.municipality_nis
        others = table.get(place.postcode, ())
        table[place.postcode] = (place, *others) if main else (*others, place)
    return table


_COLUMNS = ("postcode", "municipality_nis", "municipality_nl", "province_nis", "province_nl")


@cache
def _province_names() -> dict[str, Province]:
    names: dict[str, Province] = {}
    for province in PROVINCES.values():
        own = (province.nis, province.name_nl, province.name_fr, province.name_en, province.slug)
        for name in (*own, *_OTHER_SPELLINGS[province.nis]):
            names[fold(name)] = province
    return names

"""The contact list and the old opt-outs of an invented office, as such lists are: an Excel CSV with faulty rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from outreach.belgium.numbers import format_enterprise_number, make_enterprise_number
from outreach.belgium.places import PROVINCES, Place, place_of
from outreach.belgium.sectors import nace, sections
from outreach.demo.names import Names, slug

COMPANIES = 5_200
FAULTY_ROWS = 4
FIRST_NUMBER = 19_990_000
HEADER = (
    *("Ondernemingsnummer", "Bedrijf", "Rechtsvorm", "Postcode", "Gemeente", "NACE 2025", "E-mail", "Voornaam", "Naam"),
    *("Functie", "Rechtsgrond", "Bron", "Datum toestemming", "Tags"),
)
# How many of a hundred companies have their seat in each province (NIS).
WEIGHTS = {
    "10000": 25, "40000": 21, "30000": 19, "20001": 14, "70000": 11, "04000": 5,
    "20002": 1, "50000": 1, "60000": 1, "80000": 1, "90000": 1,
}  # fmt: skip
SECTORS = {
    "C": ("10.710", "13.960", "16.240", "22.220", "25.110", "25.530", "28.990", "31.000"),
    "F": ("41.001", "43.210", "43.320", "43.341"),
    "G": ("46.190", "46.720", "47.110", "47.710"),
    "H": ("49.410", "52.100", "53.200"),
    "I": ("55.100", "56.110"),
    "J": ("58.110", "60.200"),
    "K": ("62.100", "63.100"),
    "M": ("68.200",),
    "N": ("69.200", "71.121", "73.110"),
    "O": ("81.210", "82.990"),
    "Q": ("85.599",),
    "R": ("86.100", "87.301"),
    "A": ("01.191", "01.300"),
    "D": ("35.120", "35.140"),
    "E": ("38.110", "38.210"),
    "L": ("64.190", "66.220"),
    "S": ("93.110", "93.130"),
    "T": ("96.210",),
}
FUNCTIONS = ("zaakvoerder", "aankoper", "productieleider", "facility manager", "hr-verantwoordelijke")
MAILBOXES = ("info", "contact", "aankoop", "sales", "administratie")


@dataclass(frozen=True)
class Row:
    """A row of the list, without what is wrong with it."""

    number: str
    company: str
    form: str
    place: Place
    nace: str
    email: str
    first: str = ""
    last: str = ""
    function: str = ""
    basis: str = "functioneel adres"
    source: str = "website van het bedrijf"
    on: date = date(2026, 2, 2)
    tags: str = ""

    def cells(self) -> tuple[str, ...]:
        number = format_enterprise_number(self.number)
        return (
            *(number, self.company, self.form, self.place.postcode, self.place.municipality, self.nace, self.email),
            *(self.first, self.last, self.function, self.basis, self.source, f"{self.on:%d/%m/%Y}", self.tags),
        )


def write_contacts(file: Path, *, seed: int, today: date) -> int:
    """Write the contact list (semicolons, byte-order mark) and return how many rows it has."""
    rows = [row.cells() for row in _rows(Names(seed), today)]
    rows[100:100] = list(_faulty(rows))
    with file.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle, delimiter=";")
        writer.writerow(HEADER)
        writer.writerows(rows)
    return len(rows)


def _rows(names: Names, today: date) -> Iterator[Row]:
    codes = _codes()
    places = _places()
    weights = list(WEIGHTS.values())
    bookkeeper = f"kantoor@{slug(names.word())}-boekhouding.example"
    for index in range(COMPANIES):
        chance = names.random
        section = chance.choice(sorted(codes))
        place = chance.choice(places[chance.choices(list(WEIGHTS), weights)[0]])
        company = names.company(section)
        number = make_enterprise_number(FIRST_NUMBER + index)
        form = chance.choice(("bv", "bv", "nv", "cv"))
        domain = f"{slug(company)}.example"
        consented = today - timedelta(days=chance.randrange(20, 900))
        email = f"{chance.choice(MAILBOXES)}@{domain}"
        tags = chance.choice(("", "", "beurs"))
        row = Row(number, company, form, place, chance.choice(codes[section]), email, on=consented, tags=tags)
        yield row
        if chance.random() < 0.25:
            yield _person(row, names, domain)
        if index % 400 == 7:  # one mailbox at thirteen companies gets one copy
            yield replace(row, email=bookkeeper, basis="toestemming", source="telefonisch bevestigd")


def _person(row: Row, names: Names, domain: str) -> Row:
    first, last = names.person()
    return replace(
        row,
        email=f"{slug(first)}.{slug(last)}@{domain}",
        first=first,
        last=last,
        function=names.random.choice(FUNCTIONS),
        basis="toestemming",
        source="inschrijving op de website",
    )


def _codes() -> dict[str, list[str]]:
    """Keep the codes that the shipped table knows; a section left without any goes by its letter."""
    known = {entry.code for entry in sections(2025)}
    return {
        letter: [code for code in codes if nace(2025, code.replace(".", ""))] or [letter]
        for letter, codes in SECTORS.items()
        if letter in known
    }


def _places() -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {province: [] for province in PROVINCES}
    for postcode in range(1000, 10_000):
        if place := place_of(str(postcode)):
            found[place.province_nis].append(place)
    return found


def _faulty(rows: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield the four faults that every real list has."""
    number, company, form, postcode, place, code, email, *rest = rows[0]
    yield ("1999.000.151", company, form, postcode, place, code, email, *rest)  # a typing error in the number
    yield (number, company, form, "1", place, code, email, *rest)  # a postcode cut short
    yield (number, company, form, postcode, place, code, "info(at)firma.example", *rest)  # no address
    yield (number, company, form, postcode, place, code, email, *rest[:4], "", rest[5], rest[6])  # no source


def write_suppressions(file: Path, contacts: Path) -> int:
    """Write the opt-outs of the system the office leaves, as its export has them; return how many."""
    with contacts.open(encoding="utf-8-sig", newline="") as handle:
        addresses = [row["E-mail"] for row in csv.DictReader(handle, delimiter=";") if "@" in row["E-mail"]]
    chosen = sorted(set(addresses))[::37]
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(
            ("Email Address", "First Name", "Last Name", "UNSUB_TIME", "UNSUB_CAMPAIGN_TITLE", "UNSUB_REASON")
        )
        writer.writerows((address, "", "", "2026-03-03 09:12:44", "Nieuwsbrief maart", "NORMAL") for address in chosen)
    return len(chosen)

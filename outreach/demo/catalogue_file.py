"""The catalogue of 25 invented maatwerkbedrijven with 80 services, and the pictures drawn for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from outreach.belgium.numbers import format_enterprise_number, make_enterprise_number
from outreach.belgium.places import PROVINCES, place_of
from outreach.catalogue.categories import CATEGORIES
from outreach.demo.names import Names, slug
from outreach.demo.offerings import Offering, offerings
from outreach.demo.pictures import draw

SERVICES = 80
FIRST_NUMBER = 19_980_000
# Where the invented enterprises have their seat: five in each Flemish province.
SEATS = (
    *("2300", "2800", "2440", "2060", "2400"),
    *("9000", "9300", "9100", "9700", "2070"),
    *("8500", "8800", "8000", "8400", "8900"),
    *("3000", "1800", "3200", "1500", "3300"),
    *("3500", "3600", "3920", "3800", "3700"),
)
NEIGHBOURS = {
    "10000": ("20001", "70000"),
    "40000": ("30000", "20001"),
    "30000": ("40000",),
    "20001": ("04000", "10000"),
    "70000": ("10000", "20001"),
}


def write_catalogue(project: Path, *, seed: int) -> Path:
    """Write `catalogue.yaml` and its pictures into the project and return the file."""
    names = Names(seed)
    menu = offerings()
    pictures = project / "pictures"
    pictures.mkdir(exist_ok=True)
    for category in sorted({offering.category for offering in menu}):
        for variant in range(2):
            (pictures / f"{category}-{variant}.jpg").write_bytes(draw(category, variant))
    counts = [SERVICES // len(SEATS) + (index < SERVICES % len(SEATS)) for index in range(len(SEATS))]
    taken = 0
    enterprises = []
    for index, (postcode, count) in enumerate(zip(SEATS, counts, strict=True)):
        chosen = [menu[(taken + step * 7) % len(menu)] for step in range(count)]
        taken += count
        enterprises.append(_enterprise(index, postcode, chosen, names))
    file = project / "catalogue.yaml"
    head = "# Invented maatwerkbedrijven and services: simulated data.\n"
    file.write_text(head + yaml.safe_dump({"enterprises": enterprises}, allow_unicode=True, sort_keys=False, width=110))
    return file


def _enterprise(index: int, postcode: str, chosen: list[Offering], names: Names) -> dict[str, Any]:
    place = place_of(postcode)
    assert place is not None
    name = f"{names.random.choice(('Maatwerk', 'Atelier', 'De Werkplaats', 'Groep'))} {names.word()}"
    served = [place.province_nis, *NEIGHBOURS[place.province_nis][: index % 3]]
    return {
        "name": name,
        "enterprise_number": format_enterprise_number(make_enterprise_number(FIRST_NUMBER + index)),
        "postcode": postcode,
        "email": f"contact@{slug(name)}.example",
        "phone": f"09 000 {index:02d} {index * 3:02d}",
        "website": f"https://www.{slug(name)}.example",
        "text": f"{name} uit {place.municipality} geeft werk aan mensen voor wie dat elders niet lukt.",
        "services": [_service(offering, served, variant) for variant, offering in enumerate(chosen)],
    }


def _service(offering: Offering, served: list[str], variant: int) -> dict[str, Any]:
    category = CATEGORIES[offering.category]
    return {
        "name": offering.name,
        "category": offering.category,
        "forms": list(offering.forms),
        "provinces": [PROVINCES[nis].name_nl for nis in served],
        "sectors": [f"2025: {letter}" for letter in offering.sectors],
        "summary": offering.summary,
        "text": offering.text,
        "picture": f"pictures/{offering.category}-{variant % 2}.jpg",
        "picture_alt": f"Tekening bij {category.label_nl.lower()}",
        "taking_customers": True,
    }

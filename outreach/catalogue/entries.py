"""One enterprise or service as a person wrote it, checked: the same checks for YAML and CSV."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from outreach.audience.addresses import AddressError, parse_address
from outreach.belgium.numbers import NumberError, parse_enterprise_number
from outreach.belgium.places import PROVINCES, place_of, province_by_name
from outreach.belgium.sectors import SectorError, resolve
from outreach.catalogue.categories import category_of, form_of
from outreach.catalogue.slugs import is_slug
from outreach.models import DeliveryForm

ALL = {"all", "alle", "belgie", "belgië", "belgium"}
FLANDERS = {"vlaanderen", "flanders"}
_VERSIONED = re.compile(r"(2008|2025)\s*:\s*(.+)", re.DOTALL)
_YES = {"ja", "yes", "true", "1", "x", "j", "y", "waar"}
_NO = {"nee", "neen", "no", "false", "0", "n", "onwaar"}


def _text(value: Any) -> Any:
    """Refuse what YAML read as a number: 0203201340 without quotes is an octal number, and another one."""
    if isinstance(value, bool | int | float):
        raise ValueError('write it between quotes, "…": without them YAML reads a number')
    return value


def _text_or_number(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _one_line(value: str) -> str:
    if any(not mark.isprintable() for mark in value):
        raise ValueError("must be one line without control characters")
    return value


def _no_controls(value: str) -> str:
    if any(ord(mark) < 32 and mark not in "\n\t" for mark in value.replace("\r\n", "\n")):
        raise ValueError("holds control characters")
    return value.replace("\r\n", "\n").strip()


def _listed(value: Any) -> Any:
    """Take a lone word for a list of one, and a text with separators for a list."""
    if isinstance(value, str):
        return [part.strip() for part in re.split(r"[;|,\n]", value) if part.strip()]
    return value


def _number(value: str) -> str:
    try:
        return parse_enterprise_number(value)
    except NumberError as error:
        raise ValueError(str(error)) from error


def _address(value: str) -> str:
    try:
        return parse_address(value).address
    except AddressError as error:
        raise ValueError(str(error)) from error


def _postcode(value: str) -> str:
    place = place_of(value)
    if place is None:
        raise ValueError("is no Belgian postcode")
    return place.postcode


def _website(value: str) -> str:
    address = value if "://" in value else f"https://{value}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or "." not in (parts.hostname or "") or re.search(r"[\s<>\"]", address):
        raise ValueError("must be an http(s) address such as https://maatwerk.example")
    return address


def _slug(value: str) -> str:
    if not is_slug(value):
        raise ValueError("a slug has lower-case letters, digits and single hyphens, such as groen-onderhoud")
    return value


def _yes_or_no(value: Any) -> Any:
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in _YES | _NO:
            return word in _YES
        raise ValueError("write true or false (ja or nee)")
    return value


def _forms(values: list[str]) -> list[DeliveryForm]:
    return sorted({form_of(value) for value in values})


def _provinces(values: list[str]) -> list[str]:
    found: set[str] = set()
    for value in values:
        word = value.strip().casefold()
        if word in ALL:
            found |= set(PROVINCES)
        elif word in FLANDERS:
            found |= {nis for nis, province in PROVINCES.items() if province.flemish}
        elif province := province_by_name(value):
            found.add(province.nis)
        else:
            known = ", ".join(province.name_nl for province in PROVINCES.values())
            raise ValueError(f"{value!r} is no province; known: {known}; vlaanderen (the five Flemish ones), all")
    return sorted(found)


Sector = tuple[int, str, str]


def _sectors(values: list[str]) -> list[Sector]:
    return sorted({_sector(value) for value in values})


def _sector(value: str) -> Sector:
    """Return (version, code or section letter, section of 2025)."""
    versioned = _VERSIONED.fullmatch(value.strip())
    version, text = (int(versioned[1]), versioned[2]) if versioned else (None, value)
    try:
        sector = resolve(text, version)
    except SectorError as error:
        raise ValueError(str(error)) from error
    if sector.section_2025 is None:
        raise ValueError(f"{value!r} has no counterpart in NACE-BEL 2025: write a code or section of 2025")
    if sector.section_2008:
        return 2008, sector.nace_2008 or sector.section_2008, sector.section_2025
    return 2025, sector.nace_2025 or sector.section_2025, sector.section_2025


Text = Annotated[str, BeforeValidator(_text), StringConstraints(strip_whitespace=True)]
Line = Annotated[Text, AfterValidator(_one_line)]
Named = Annotated[Line, StringConstraints(min_length=1, max_length=200)]
Markdown = Annotated[str, BeforeValidator(_text), StringConstraints(max_length=20_000), AfterValidator(_no_controls)]
Words = Annotated[list[Annotated[str, BeforeValidator(_text_or_number)]], BeforeValidator(_listed)]
Slug = Annotated[Line, AfterValidator(_slug)]
Number = Annotated[Line, AfterValidator(_number)]


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceEntry(Entry):
    """A service; the names of the fields are those of the file."""

    name: Named
    slug: Slug | None = None
    category: Annotated[Line, AfterValidator(lambda value: category_of(value).code)]
    forms: Annotated[Words, Field(min_length=1), AfterValidator(_forms)]
    provinces: Annotated[Words, Field(min_length=1), AfterValidator(_provinces)]
    sectors: Annotated[Words, AfterValidator(_sectors)] = []
    summary: Annotated[Line, StringConstraints(min_length=1, max_length=300)]
    text: Markdown = ""
    picture: Annotated[Line, StringConstraints(max_length=300)] | None = None
    picture_alt: Annotated[Line, StringConstraints(max_length=300)] = ""
    taking_customers: Annotated[bool, BeforeValidator(_yes_or_no)] = True

    @model_validator(mode="after")
    def _described(self) -> ServiceEntry:
        if self.picture and not self.picture_alt:
            raise ValueError("picture_alt: say in a few words what the picture shows, for who can't see it")
        return self


class EnterpriseEntry(Entry):
    """A maatwerkbedrijf; `email` is where its leads go."""

    enterprise_number: Number
    name: Annotated[Line, StringConstraints(min_length=1, max_length=320)]
    slug: Slug | None = None
    postcode: Annotated[str, BeforeValidator(_text_or_number), AfterValidator(_postcode)]
    email: Annotated[Line, AfterValidator(_address)]
    phone: Annotated[Line, StringConstraints(max_length=40)] | None = None
    website: Annotated[Line, StringConstraints(max_length=300), AfterValidator(_website)] | None = None
    text: Markdown = ""


class EnterpriseWithServices(EnterpriseEntry):
    """An enterprise as YAML nests it."""

    services: list[ServiceEntry] = []


class ServiceRow(ServiceEntry):
    """A service as a CSV row has it, with the number of its enterprise."""

    enterprise_number: Number


class CatalogueDocument(Entry):
    """A YAML file."""

    enterprises: list[EnterpriseWithServices] = Field(min_length=1)

"""From the rows of a contact list to checked entries; nothing here knows the database.

The one pass over all rows is the slow part of an import, so a row is read by one `itemgetter`, and each kind of cell
that repeats is worked out once (`Memo`). Only a row that fails is gone through again for all of its faults.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from outreach.audience import importing_cells as cells_of
from outreach.audience import legal_basis
from outreach.audience.addresses import Address, parse_address
from outreach.audience.bulk import Memo
from outreach.audience.cells import CellError, clean_name
from outreach.audience.columns import Field
from outreach.audience.companies import name_key
from outreach.audience.impersonal import kind_of
from outreach.audience.importing_cells import Form, Spot
from outreach.audience.rejects import Reject
from outreach.audience.tables import row_fault
from outreach.belgium.numbers import parse_enterprise_number, parse_establishment_number
from outreach.belgium.sectors import Sector
from outreach.models import AddressKind, Basis
from outreach.settings import SenderType

# The order in which a row's cells are picked.
_ORDER = (
    Field.ENTERPRISE_NUMBER,
    Field.COMPANY_NAME,
    Field.LEGAL_FORM,
    Field.POSTCODE,
    Field.MUNICIPALITY,
    Field.COUNTRY,
    Field.EMAIL,
    Field.FIRST_NAME,
    Field.LAST_NAME,
    Field.FULL_NAME,
    Field.FUNCTION,
    Field.LEGAL_BASIS,
    Field.BASIS_SOURCE,
    Field.BASIS_DATE,
    Field.TEXT_VERSION,
    Field.TAGS,
    Field.TOPICS,
    Field.ESTABLISHMENT_NUMBER,
    Field.ESTABLISHMENT_POSTCODE,
)
_SECTORS = (Field.NACE_2008, Field.NACE, Field.NACE_2025)
SOURCE_LENGTH, TEXT_LENGTH, NAME_LENGTH, NAME_LIMIT = 300, 100, 100, 320
_KINDS = {"role": AddressKind.ROLE, "personal": AddressKind.PERSONAL}


class Evidence(NamedTuple):
    """Why an address may be mailed, as a row or an option says."""

    basis: Basis
    source: str
    obtained_on: date
    text_version: str | None


class Entry(NamedTuple):
    """One checked row. An empty cell is None, "" or (): it never erases what is known.

    The row's texts are not kept: for 100,000 rows they are 100 MB, and a row that is refused later is read again.
    """

    line: int
    number: str | None
    name: str
    name_key: str
    form: Form | None
    spot: Spot | None
    sector: Sector | None
    address: str
    domain: str
    hash: bytes
    kind: AddressKind
    first_name: str | None
    last_name: str | None
    function: str | None
    evidence: Evidence
    tags: tuple[str, ...]
    topics: tuple[str, ...]
    establishment: tuple[str | None, Spot | None] | None


@dataclass(frozen=True)
class Defaults:
    """What holds for rows that don't say it themselves."""

    basis: Basis | None = None
    source: str = ""
    obtained_on: date | None = None
    nace_given: int | None = None
    nace_default: int = 2025


@dataclass
class RowReader:
    """Reads the rows of one file. `fields` says in which column each field stands."""

    headers: list[str]
    fields: dict[Field, int]
    defaults: Defaults
    sender: SenderType
    key: bytes
    today: date
    mend: Callable[[list[str]], list[str]] | None = None
    rejects: list[Reject] = field(default_factory=list)

    def __post_init__(self) -> None:
        given = self.defaults
        self._mac = hmac.new(self.key, digestmod="sha256")
        self._pick = itemgetter(*(self.fields.get(name, -1) for name in _ORDER))
        sectors = [name for name in _SECTORS if name in self.fields]
        versions = [name for name in (Field.NACE_VERSION,) if name in self.fields]
        self._sector_columns = [(self.fields[name], name) for name in sectors]
        self._only_sector = self.fields[Field.NACE] if [*sectors, *versions] == [Field.NACE] else None
        self._version_column = self.fields.get(Field.NACE_VERSION, -1)
        name_header = self.headers[self.fields[Field.FULL_NAME]] if Field.FULL_NAME in self.fields else ""
        self._spots: Memo[tuple[str, str], Spot | None] = Memo(lambda at: cells_of.spot(*at) if at[0].strip() else None)
        self._forms: Memo[str, Form | None] = Memo(lambda text: cells_of.form(text) if text.strip() else None)
        self._people: Memo[str, str | None] = Memo(lambda text: clean_name(text, NAME_LENGTH) or None)
        self._full_names: Memo[str, tuple[str, str]] = Memo(lambda text: cells_of.full_name(text, name_header))
        self._labels = Memo(cells_of.labels)
        self._evidence: Memo[tuple[str, str, str, str], Evidence] = Memo(lambda told: self._told(*told))
        self._sectors: Memo[tuple[str, str, int | None], Sector] = Memo(
            lambda told: cells_of.sector(told[0], told[1], told[2], given.nace_default)
        )

    def read(self, rows: Iterable[tuple[int, list[str]]]) -> list[Entry]:
        """Return the good rows as entries; the others are in `rejects`, with every reason."""
        entries = []
        width = len(self.headers)
        for line, cells in rows:
            if self.mend:
                cells = self.mend(cells)
            try:
                if len(cells) != width or "#" in "".join(cells):
                    self._check_shape(cells)
                entries.append(self._entry(line, cells))
            except ValueError:
                self.rejects.append(Reject(line, "; ".join(self._faults(cells)), tuple(cells)))
        return entries

    def _check_shape(self, cells: list[str]) -> None:
        if fault := row_fault(self.headers, cells):
            raise CellError(fault)

    def _entry(self, line: int, cells: list[str]) -> Entry:
        (
            number, name, form, postcode, municipality, country, email, first, last, full, function,
            basis, source, day, text, tags, topics, establishment, establishment_postcode,
        ) = self._pick([*cells, ""])  # fmt: skip
        digits = _number(number) if number and not number.isspace() else None
        clean = name if _is_clean(name) else clean_name(name)
        spot = self._spots[postcode, municipality]
        if spot is not None and spot.municipality_nis is None:
            cells_of.check_abroad(spot.postcode, digits, country)
        if digits is None and not (clean and spot):
            raise CellError("a company without enterprise number needs its name and its postcode")
        address = parse_address(email)
        first_name, last_name = self._names(first, last, full)
        kind = _KINDS[kind_of(address.local, address.domain, first_name, last_name)]
        evidence = self._evidence[basis, source, day, text]
        if evidence.basis is Basis.ROLE_ADDRESS and kind is AddressKind.PERSONAL:
            raise CellError(personal_address(address.address))
        place = (
            self._establishment(establishment, establishment_postcode)
            if establishment or establishment_postcode
            else None
        )
        return Entry(
            line, digits, clean, name_key(clean) if clean else "", self._forms[form], spot,
            self._sector(cells) if self._sector_columns else None,
            address.address, address.domain, self.hash_of(address), kind,
            first_name, last_name, self._people[function] if function else None, evidence,
            self._labels[tags] if tags else (), self._labels[topics] if topics else (), place,
        )  # fmt: skip

    def hash_of(self, address: Address) -> bytes:
        """Return the same hash as `links.hash_address`, without its detours: the domain is an A-label already."""
        mac = self._mac.copy()  # sooner than the key anew for each address
        mac.update(address.hash_form.encode())
        return mac.digest()[:16]

    def _names(self, first: str, last: str, full: str) -> tuple[str | None, str | None]:
        if full and not (first or last):
            first, last = self._full_names[full]
        return self._people[first] if first else None, self._people[last] if last else None

    def _sector(self, cells: list[str]) -> Sector | None:
        if self._only_sector is not None:
            text = cells[self._only_sector]
            return self._sectors[text, "", self.defaults.nace_given] if text and not text.isspace() else None
        found: Sector | None = None
        for column, name in self._sector_columns:
            told = self._sector_of(cells, column, name)
            found = cells_of.overlay(found, told) if told else found
        return found

    def _sector_of(self, cells: list[str], column: int, name: Field) -> Sector | None:
        """Return the sector that one column tells."""
        text = cells[column] if column < len(cells) else ""
        if not text or text.isspace():
            return None
        if name is not Field.NACE:
            return self._sectors[text, "", cells_of.version_of_header(name.value)]
        version = cells[self._version_column] if self._version_column >= 0 else ""
        return self._sectors[text, version, self.defaults.nace_given]

    def _establishment(self, number: str, postcode: str) -> tuple[str | None, Spot | None] | None:
        digits = parse_establishment_number(number) if number.strip() else None
        spot = self._spots[postcode, ""]
        return (digits, spot) if digits or spot else None

    def _told(self, basis: str, source: str, day: str, text: str) -> Evidence:
        given = self.defaults
        kind = self._basis(basis) if basis.strip() else given.basis
        where = clean_name(source, SOURCE_LENGTH) or given.source
        when = cells_of.day(day, self.today) if day.strip() else given.obtained_on
        if kind is None:
            raise CellError("no legal basis: fill the column, or give --basis")
        if not basis.strip() and (reason := legal_basis.forbidden(kind, self.sender)):
            raise CellError(reason)
        if not where:
            raise CellError("no source of the legal basis: fill the column, or give --source")
        if when is None:
            raise CellError("no date of the legal basis: fill the column, or give --date")
        return Evidence(kind, where, when, clean_name(text, TEXT_LENGTH) or None)

    def _basis(self, text: str) -> Basis | None:
        kind = cells_of.basis(text) if text.strip() else None
        if kind is not None and (reason := legal_basis.forbidden(kind, self.sender)):
            raise CellError(reason)
        return kind

    def _faults(self, cells: list[str]) -> list[str]:
        """Return every fault of a row, each with the header of its column."""
        if fault := row_fault(self.headers, cells):
            return [fault]
        (
            number, name, form, postcode, municipality, country, email, first, last, full, function,
            basis, source, day, text, tags, topics, establishment, establishment_postcode,
        ) = self._pick([*cells, ""])  # fmt: skip
        attempts: list[tuple[Field | None, Callable[[], object]]] = [
            (Field.ENTERPRISE_NUMBER, lambda: number.strip() and parse_enterprise_number(number)),
            (Field.COMPANY_NAME, lambda: clean_name(name)),
            (Field.LEGAL_FORM, lambda: self._forms[form]),
            (Field.POSTCODE, lambda: self._place(number, postcode, municipality, country)),
            *((name, partial(self._sector_of, cells, column, name)) for column, name in self._sector_columns),
            (Field.EMAIL, lambda: parse_address(email)),
            (None, lambda: self._names(first, last, full)),
            (Field.FUNCTION, lambda: self._people[function]),
            (Field.LEGAL_BASIS, lambda: self._basis(basis)),
            (Field.BASIS_DATE, lambda: day.strip() and cells_of.day(day, self.today)),
            (Field.BASIS_SOURCE, lambda: clean_name(source, SOURCE_LENGTH)),
            (Field.TEXT_VERSION, lambda: clean_name(text, TEXT_LENGTH)),
            (Field.TAGS, lambda: self._labels[tags]),
            (Field.TOPICS, lambda: self._labels[topics]),
            (None, lambda: self._establishment(establishment, establishment_postcode)),
        ]
        found = [fault for name, attempt in attempts if (fault := self._fault(name, attempt))]
        missing = _raised(lambda: self._told(basis, source, day, text))
        if missing is not None and not any(str(missing) in fault for fault in found):
            found.append(str(missing))
        # Alone, the cells are right: what is wrong is how they go together.
        return found or [str(_raised(lambda: self._entry(0, cells)))]

    def _place(self, number: str, postcode: str, municipality: str, country: str) -> None:
        spot = self._spots[postcode, municipality]
        if spot is not None and spot.municipality_nis is None:
            cells_of.check_abroad(spot.postcode, number.strip() or None, country)

    def _fault(self, name: Field | None, attempt: Callable[[], object]) -> str | None:
        error = _raised(attempt)
        if error is None:
            return None
        return f"{self.headers[self.fields[name]]}: {error}" if name in self.fields else str(error)


def _number(text: str) -> str:
    """Return what `parse_enterprise_number` does; the two usual spellings take a short cut."""
    digits = text.removeprefix("BE").lstrip().replace(".", "")
    if len(digits) == 10 and digits.isascii() and digits.isdigit() and 97 - int(digits[:8]) % 97 == int(digits[8:]):
        return digits if digits[0] in "01" else parse_enterprise_number(text)
    return parse_enterprise_number(text)


def _is_clean(text: str) -> bool:
    """Tell at once that `clean_name` would return a text as it is."""
    return (
        len(text) <= NAME_LIMIT
        and text.isprintable()
        and "  " not in text
        and text == text.strip()
        and unicodedata.is_normalized("NFC", text)
    )


def personal_address(address: str) -> str:
    """Return why an address does not qualify for the basis role_address."""
    return (
        f"the basis role_address needs an impersonal address such as info@: {address} is personal, or not known to be "
        "impersonal (Royal Decree 4 April 2003); ask for consent"
    )


def _raised(attempt: Callable[[], object]) -> ValueError | None:
    try:
        attempt()
    except ValueError as error:
        return error
    return None

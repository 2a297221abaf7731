"""Reading the catalogue: YAML with enterprises and their services, or one CSV of enterprises and one of services.

Every fault of every file is listed with its line, and then nothing is imported.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from outreach.belgium.places import fold
from outreach.catalogue.entries import (
    CatalogueDocument,
    EnterpriseEntry,
    EnterpriseWithServices,
    ServiceEntry,
    ServiceRow,
)
from outreach.catalogue.pictures import PictureFault, check_picture
from outreach.documents import MAX_BYTES, Document, complaints_of, read_yaml, refuse, validate
from outreach.errors import Complaint, FileRefused

_PLACE = re.compile(r"enterprises\.(\d+)(?:\.services\.(\d+))?(?=[.:])")


@dataclass(frozen=True)
class Found:
    """Where an entry stands."""

    file: Path
    line: int | None

    def complaint(self, text: str) -> Complaint:
        return Complaint(self.file, self.line, text)


@dataclass(frozen=True)
class FoundEnterprise:
    at: Found
    entry: EnterpriseEntry


@dataclass(frozen=True)
class FoundService:
    at: Found
    enterprise_number: str
    entry: ServiceEntry
    picture_line: int | None = None


@dataclass(frozen=True)
class CatalogueFile:
    """What one or several files hold, checked as far as that can be done without the database."""

    enterprises: tuple[FoundEnterprise, ...]
    services: tuple[FoundService, ...]


def read_catalogue(files: Sequence[Path], project: Path) -> CatalogueFile:
    """Read YAML and CSV files together; FileRefused lists every fault. Pictures are looked up in `project`."""
    enterprises: list[FoundEnterprise] = []
    services: list[FoundService] = []
    complaints: list[Complaint] = []
    for file in files:
        try:
            for found in _read(file):
                (enterprises if isinstance(found, FoundEnterprise) else services).append(found)  # type: ignore[arg-type]
        except FileRefused as error:
            complaints += error.complaints
    complaints += _doubles(enterprises, services)
    complaints += _bad_pictures(services, project)
    if complaints:
        raise FileRefused(complaints)
    return CatalogueFile(tuple(enterprises), tuple(services))


def _read(file: Path) -> list[FoundEnterprise | FoundService]:
    suffix = file.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return list(_read_yaml(file))
    if suffix in (".csv", ".tsv", ".txt"):
        return list(_read_csv(file))
    raise refuse(file, None, "a catalogue is a .yaml or a .csv file")


def _read_yaml(file: Path) -> Iterator[FoundEnterprise | FoundService]:
    document = read_yaml(file)
    try:
        catalogue = validate(CatalogueDocument, document)
    except FileRefused as error:
        raise FileRefused(
            [replace(each, text=_named(document.data, each.text)) for each in error.complaints]
        ) from error
    for number, enterprise in enumerate(catalogue.enterprises):
        at = Found(file, document.line_of(("enterprises", number)))
        yield FoundEnterprise(at, _without_services(enterprise))
        for place, service in enumerate(enterprise.services):
            location = ("enterprises", number, "services", place)
            at = Found(file, document.line_of(location))
            picture_line = document.line_of((*location, "picture"))
            yield FoundService(at, enterprise.enterprise_number, service, picture_line)


def _named(data: Any, text: str) -> str:
    """Return a complaint with the names of enterprise and service instead of their places in the file."""
    if (match := _PLACE.match(text)) is None:
        return text
    enterprise = data["enterprises"][int(match[1])]
    words = [_called("enterprise", enterprise, match[1])]
    if match[2] is not None:
        words.append(_called("service", enterprise["services"][int(match[2])], match[2]))
    return ", ".join(words) + ": " + text[match.end() :].lstrip(".: ")


def _called(kind: str, entry: Any, place: str) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"{kind} {name!r}" if isinstance(name, str) and name else f"{kind} number {int(place) + 1}"


def _without_services(enterprise: EnterpriseWithServices) -> EnterpriseEntry:
    return EnterpriseEntry.model_construct(**{name: getattr(enterprise, name) for name in EnterpriseEntry.model_fields})


_HEADERS = {
    "enterprise_number": ("ondernemingsnummer", "enterprise number", "kbo", "kbo-nummer", "ondernemingsnr"),
    "name": ("naam", "dienst", "bedrijf", "maatwerkbedrijf", "service"),
    "slug": (),
    "postcode": ("postnummer", "zip"),
    "email": ("e-mail", "mail", "e-mailadres"),
    "phone": ("telefoon", "tel", "gsm"),
    "website": ("site", "url"),
    "text": ("tekst", "beschrijving", "description"),
    "category": ("categorie",),
    "forms": ("leveringsvorm", "leveringsvormen", "vorm", "vormen", "form", "delivery form", "delivery forms"),
    "provinces": ("provincies", "provincie", "province", "werkgebied"),
    "sectors": ("sectoren", "sector", "nace"),
    "summary": ("samenvatting", "kort"),
    "picture": ("foto", "afbeelding", "beeld"),
    "picture_alt": ("alt", "alt-tekst", "fototekst", "picture alt"),
    "taking_customers": ("neemt klanten aan", "klanten welkom", "taking customers", "open"),
}
_SERVICE_NAMES, _ENTERPRISE_NAMES = {"dienst", "service"}, {"bedrijf", "maatwerkbedrijf"}
_IGNORED = ""
_COLUMNS = {fold(spelling): name for name, spellings in _HEADERS.items() for spelling in (name, *spellings)}


def _read_csv(file: Path) -> Iterator[FoundEnterprise | FoundService]:
    rows = _rows(file)
    header_line, header = rows[0]
    columns = _columns(file, header_line, header)
    model: type[EnterpriseEntry] | type[ServiceRow] = ServiceRow if "category" in columns else EnterpriseEntry
    _known_columns(file, header_line, columns, model)
    complaints: list[Complaint] = []
    for line, cells in rows[1:]:
        if len(cells) > len(columns):
            complaints.append(Complaint(file, line, f"has {len(cells)} cells, but the header {len(columns)}"))
            continue
        values = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name and cell.strip()}
        try:
            entry = model.model_validate(values)
        except ValidationError as error:
            complaints += complaints_of(model, Document(file, values, {(): line}), error)
            continue
        at = Found(file, line)
        yield (
            FoundService(at, entry.enterprise_number, entry)
            if isinstance(entry, ServiceRow)
            else FoundEnterprise(at, entry)
        )
    if complaints:
        raise FileRefused(complaints)


def _columns(file: Path, line: int, header: list[str]) -> list[str]:
    columns: list[str] = []
    complaints = []
    of_services = any(fold(cell) in _SERVICE_NAMES for cell in header)
    for cell in header:
        if of_services and fold(cell) in _ENTERPRISE_NAMES:
            columns.append(_IGNORED)  # beside a service's name, its enterprise's says what the number says already
            continue
        name = _COLUMNS.get(fold(cell))
        if name is None:
            complaints.append(Complaint(file, line, f"column {cell!r} is unknown; known: {', '.join(_HEADERS)}"))
        elif name in columns:
            complaints.append(Complaint(file, line, f"column {cell!r} stands twice (it means {name})"))
        columns.append(name or "")
    if complaints:
        raise FileRefused(complaints)
    return columns


def _known_columns(file: Path, line: int, columns: list[str], model: type[BaseModel]) -> None:
    kind = "services" if model is ServiceRow else "enterprises (a list of services has a column category)"
    missing = [name for name, field in model.model_fields.items() if field.is_required() and name not in columns]
    foreign = [name for name in columns if name and name not in model.model_fields]
    faults = [f"column {name!r} is missing in a list of {kind}" for name in missing]
    faults += [f"column {name!r} does not belong in a list of {kind}" for name in foreign]
    if faults:
        raise FileRefused([Complaint(file, line, fault) for fault in faults])


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """Return the rows that hold something, with their line numbers; the separator is the header's."""
    text = _decoded(file)
    header = text.split("\n", 1)[0]
    separator = max((";", ",", "\t"), key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((before + 1, cells))
            before = reader.line_num
    except csv.Error as error:
        raise refuse(file, reader.line_num, f"is not CSV: {error}") from error
    if len(rows) < 2:
        raise refuse(file, None, "has no rows under its header" if rows else "is empty")
    return rows


def _decoded(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise refuse(file, None, f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise refuse(file, None, f"is {len(data):,} bytes long; at most {MAX_BYTES:,} are read")
    if b"\0" in data:
        raise refuse(file, None, "is no text: export it as CSV (UTF-8)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252")  # Excel's "CSV" on a Belgian machine
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise refuse(file, line, f"byte {data[error.start]:#04x} is neither UTF-8 nor Windows-1252") from error


def _doubles(enterprises: list[FoundEnterprise], services: list[FoundService]) -> Iterator[Complaint]:
    keys: list[tuple[Found, str, object]] = [
        *((e.at, f"enterprise {e.entry.enterprise_number}", e.entry.enterprise_number) for e in enterprises),
        *((e.at, f"slug {e.entry.slug!r}", ("slug", e.entry.slug)) for e in enterprises if e.entry.slug),
        *((s.at, f"service {s.entry.name!r}", (s.enterprise_number, fold(s.entry.name))) for s in services),
        *((s.at, f"slug {s.entry.slug!r}", ("slug", s.entry.slug)) for s in services if s.entry.slug),
    ]
    return _seen_twice(keys)


def _seen_twice(keys: Iterable[tuple[Found, str, object]]) -> Iterator[Complaint]:
    seen: dict[object, Found] = {}
    for at, what, key in keys:
        if key in seen:
            yield at.complaint(f"{what} stands already at {seen[key].file}:{seen[key].line}")
        seen.setdefault(key, at)


def _bad_pictures(services: list[FoundService], project: Path) -> Iterator[Complaint]:
    for service in services:
        if service.entry.picture:
            try:
                check_picture(project, service.entry.picture)
            except PictureFault as error:
                yield Complaint(service.at.file, service.picture_line or service.at.line, f"picture: {error}")

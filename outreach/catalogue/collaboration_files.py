"""Collaborations from a list (CSV or XLSX): the good rows go in together, the faulty ones are handed back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from outreach.audience import rejects
from outreach.audience.cells import CellError, clean_name
from outreach.audience.filefaults import FileFault
from outreach.audience.rejects import Reject
from outreach.audience.tables import Table, read_table, row_fault
from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.places import fold
from outreach.catalogue import collaborations
from outreach.catalogue.collaborations import Given
from outreach.errors import Refusal
from outreach.models import CollaborationKind

SOURCE_LENGTH = 300
COLUMNS = {
    "company_number": ("ondernemingsnummer", "ondernemingsnr", "kbo", "kbo-nummer", "btw-nummer", "btw"),
    "company_name": ("bedrijf", "bedrijfsnaam", "naam bedrijf", "naam", "company", "company name"),
    "postcode": ("postcode bedrijf", "postnummer"),
    "enterprise": ("maatwerkbedrijf", "sociale onderneming", "slug", "enterprise number"),
    "kind": ("soort", "rol", "type", "relatie", "aard", "hoedanigheid"),
    "from_year": ("van jaar", "van", "vanaf", "beginjaar", "eerste jaar", "startjaar", "sinds", "jaar van", "jaar"),
    "to_year": ("tot jaar", "tot", "tot en met", "t/m", "eindjaar", "laatste jaar", "jaar tot"),
    "source": ("bron", "herkomst"),
}
_FIELDS = {fold(spelling): name for name, spellings in COLUMNS.items() for spelling in (name, *spellings)}
Value = TypeVar("Value")


@dataclass
class CollaborationImport:
    """What an import did, and the rows it refused."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[Reject] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    delimiter: str | None = None


def import_file(session: Session, path: Path, *, source: str, now: datetime) -> CollaborationImport:
    """Keep every good row; FileFault for a fault of the file. `source` is for rows that name none."""
    table = read_table(path, is_header=_is_header)
    columns = _columns(table)
    undo = rejects.opener(table.headers)
    summary = CollaborationImport(headers=table.headers, delimiter=table.delimiter)
    for line, cells in table.rows:
        cells = undo(cells) if undo else cells
        summary.rows += 1
        try:
            if fault := row_fault(table.headers, cells):
                raise Refusal(fault)
            done = collaborations.put(session, _given(session, table.headers, columns, cells, source, now), now)
        except Refusal as refusal:
            summary.refused.append(Reject(line, str(refusal), tuple(cells)))
            continue
        summary.added += done is True
        summary.changed += done is False
        summary.unchanged += done is None
    return summary


def _is_header(cells: list[str]) -> bool:
    return sum(fold(cell) in _FIELDS for cell in cells) >= 2


def _columns(table: Table) -> dict[str, int]:
    columns: dict[str, int] = {}
    for place, header in enumerate(table.headers):
        name = _FIELDS.get(fold(header))
        if name in columns:
            what = f"the headers {table.headers[columns[name]]!r} and {header!r} both mean {name}"
            raise FileFault(what, "Leave one out", path=table.path, line=table.header_line)
        if name:
            columns[name] = place
    needed = [("company_number", "company_name"), ("enterprise",), ("kind",), ("from_year",)]
    missing = [" or ".join(names) for names in needed if not any(name in columns for name in names)]
    if missing:
        known = ", ".join(f"{name} ({spellings[0]})" for name, spellings in COLUMNS.items())
        what = f"there is no column for {' and for '.join(missing)}"
        raise FileFault(what, f"Known: {known}", path=table.path, line=table.header_line)
    return columns


def _given(
    session: Session, headers: list[str], columns: Mapping[str, int], cells: list[str], source: str, now: datetime
) -> Given:
    """Return what a row tells; Refusal lists everything that is wrong with it, each with its column."""
    value = defaultdict(str, {name: cells[place].strip() for name, place in columns.items()})
    faults: list[str] = []
    no_years: tuple[int, int | None] = (0, None)

    def read(name: str, meaning: Callable[[], Value], otherwise: Value) -> Value:
        try:
            return meaning()
        except (Refusal, CellError) as error:
            faults.append(f"{headers[columns[name]]}: {error}" if name in columns else str(error))
            return otherwise

    named = "company_number" if value["company_number"] or "company_name" not in columns else "company_name"
    told = (value["company_number"], value["company_name"], value["postcode"])
    company = read(named, lambda: collaborations.find_company(session, *told), 0)
    enterprise = read("enterprise", lambda: collaborations.find_enterprise(session, value["enterprise"]), 0)
    kind = read("kind", lambda: collaborations.kind_of(value["kind"]), CollaborationKind.CUSTOMER)
    this_year = now.astimezone(BRUSSELS).year
    years = read(
        "from_year", lambda: collaborations.years_of(value["from_year"], value["to_year"], this_year), no_years
    )
    where = read("source", lambda: clean_name(value["source"], SOURCE_LENGTH) or source, "")
    if not where and not any(fault.startswith("source") for fault in faults):
        faults.append("no source: fill the column, or give --source")
    if faults:
        raise Refusal("; ".join(faults))
    return Given(company, enterprise, kind, *years, where)

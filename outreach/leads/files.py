"""Leads from a list (CSV or XLSX): the good rows go in together, the faulty ones are handed back with their reasons.

A row is known by a digest of what it says, so that importing a list again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.audience import rejects
from outreach.audience.cells import parse_date
from outreach.audience.filefaults import FileFault
from outreach.audience.rejects import Reject
from outreach.audience.tables import Table, read_table, row_fault
from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.numbers import NumberError, parse_enterprise_number
from outreach.belgium.places import fold
from outreach.errors import NotFound, Refusal
from outreach.leads import evidence as proofs
from outreach.leads.deciding import confirm
from outreach.leads.evidence import NOTHING, Proof
from outreach.leads.receiving import LeadForm, Origin, check_address, record
from outreach.links import Links
from outreach.models import Channel, Company, Enterprise, Lead, LeadStage, Service
from outreach.settings import Settings

COLUMNS = {
    "company_name": ("bedrijf", "bedrijfsnaam", "naam bedrijf", "klant", "company", "company name", "naam"),
    "enterprise_number": ("ondernemingsnummer", "kbo", "kbo-nummer", "btw-nummer", "company number"),
    "enterprise": ("maatwerkbedrijf", "sociale onderneming"),
    "service": ("dienst", "activiteit"),
    "date": ("datum", "datum contact", "contact op", "day", "dag"),
    "channel": ("kanaal", "hoe", "contactvorm"),
    "person": ("contactpersoon", "persoon", "contact", "naam contactpersoon"),
    "email": ("e-mail", "e-mailadres", "mail"),
    "phone": ("telefoon", "tel", "gsm", "telefoonnummer"),
    "message": ("bericht", "vraag", "opmerking", "opmerkingen", "nota", "remarks"),
    "wanted_when": ("wanneer", "termijn", "when"),
    "campaign": ("campagne", "nieuwsbrief", "declared campaign"),
}
_FIELDS = {fold(spelling): name for name, spellings in COLUMNS.items() for spelling in (name, *spellings)}
CHANNEL_WORDS = {
    Channel.FORM: ("form", "formulier", "website"),
    Channel.REPLY: ("reply", "antwoord", "mail", "e-mail", "email"),
    Channel.CALL: ("call", "telefoon", "telefonisch", "oproep", "tel", "phone"),
    Channel.FAIR: ("fair", "beurs", "event", "evenement"),
    Channel.IMPORT: ("import", "lijst", "list"),
}
_CHANNELS = {fold(word): channel for channel, words in CHANNEL_WORDS.items() for word in words}


Value = TypeVar("Value")


@dataclass
class LeadImport:
    """What an import did, and the rows it refused."""

    added: int = 0
    merged: int = 0
    unchanged: int = 0
    refused: list[Reject] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    delimiter: str | None = None


@dataclass(frozen=True)
class _Row:
    form: LeadForm
    channel: Channel
    day: date
    campaign: str | None
    proof: Proof

    def digest(self) -> bytes:
        said = [*vars(self.form).values(), self.channel.value, self.day.isoformat(), self.campaign]
        return hashlib.sha256(json.dumps(said).encode()).digest()[:16]


def import_file(
    session: Session,
    path: Path,
    *,
    actor: str,
    notify: bool = False,
    confirmed_by: str | None = None,
    links: Links,
    settings: Settings,
    now: datetime,
    suppression_key: bytes,
) -> LeadImport:
    """Keep every good row as a lead; FileFault for a fault of the file. `confirmed_by` confirms the new ones at once.

    Enterprises are told only with `notify`: a list is mostly about contacts that they know.
    """
    table = read_table(path, is_header=_is_header)
    columns = _columns(table)
    undo = rejects.opener(table.headers)
    summary = LeadImport(headers=table.headers, delimiter=table.delimiter)
    reader = _Reader(session, columns, now)
    seen = {key for key in session.scalars(select(Lead.import_key)) if key}
    for line, cells in table.rows:
        cells = undo(cells) if undo else cells
        try:
            if fault := row_fault(table.headers, cells):
                raise Refusal(fault)
            row = reader.read(cells)
            key = row.digest()
            if key in seen:
                summary.unchanged += 1
                continue
            origin = Origin(row.channel, end_of(row.day, now), actor, row.proof, notify=notify, import_key=key)
            lead = record(
                session, row.form, origin, links=links, settings=settings, now=now, suppression_key=suppression_key
            )
        except Refusal as refusal:
            summary.refused.append(Reject(line, str(refusal), tuple(cells)))
            continue
        seen.add(key)
        summary.merged += lead.stage is LeadStage.MERGED
        summary.added += lead.stage is not LeadStage.MERGED
        if confirmed_by and lead.stage is LeadStage.NEW:
            confirm(session, lead.id, by=confirmed_by, now=now)
    return summary


def end_of(day: date, now: datetime) -> datetime:
    """Return the last moment of a day in Brussels, or `now` on the day itself: the mail of that morning counts."""
    return min(datetime.combine(day, time(23, 59, 59), tzinfo=BRUSSELS).astimezone(now.tzinfo), now)


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
    needed = [("company_name", "enterprise_number"), ("enterprise", "service"), ("date",)]
    missing = [" or ".join(names) for names in needed if not any(name in columns for name in names)]
    if missing:
        what = f"there is no column for {' and for '.join(missing)}"
        raise FileFault(what, f"Known: {', '.join(COLUMNS)}", path=table.path, line=table.header_line)
    return columns


class _Reader:
    """Turns cells into what they mean."""

    def __init__(self, session: Session, columns: Mapping[str, int], now: datetime) -> None:
        self._session = session
        self._columns = columns
        self._known: dict[tuple[str, str], tuple[int, int | None]] = {}
        self._now = now
        self._today = now.astimezone(BRUSSELS).date()

    def read(self, cells: list[str]) -> _Row:
        """Return a row; Refusal lists everything that is wrong with it."""
        value = defaultdict(str)
        for name, place in self._columns.items():
            value[name] = cells[place].strip() if place < len(cells) else ""
        faults: list[str] = []
        nobody: tuple[int, int | None] = (0, None)
        number = _caught(faults, lambda: _number(value["enterprise_number"]), None)
        sold = _caught(faults, lambda: self._offered(value["enterprise"], value["service"]), nobody)
        day = _caught(faults, lambda: self._day(value["date"]), self._today)
        channel = _caught(faults, lambda: channel_of(value["channel"] or "import"), Channel.IMPORT)
        _caught(faults, lambda: check_address(value["email"]), None)
        proof = _caught(faults, lambda: self._declared(value["campaign"], day), NOTHING)
        name = value["company_name"] or company_name(self._session, number)
        if not name and not faults:
            faults.append("the name of the company is missing, and its number is not known here")
        if faults:
            raise Refusal("; ".join(faults))
        form = LeadForm(
            company_name=name,
            service_id=sold[1],
            enterprise_id=sold[0],
            enterprise_number=number,
            person=value["person"] or None,
            email=value["email"] or None,
            phone=value["phone"] or None,
            message=value["message"],
            wanted_when=value["wanted_when"] or None,
        )
        return _Row(form, channel, day, value["campaign"] or None, proof)

    def _offered(self, enterprise: str, service: str) -> tuple[int, int | None]:
        """Return what `offered` does, looked up once: a list names the same services over and over."""
        key = enterprise, service
        if key not in self._known:
            self._known[key] = offered(self._session, enterprise, service)
        return self._known[key]

    def _declared(self, campaign: str, day: date) -> Proof:
        return proofs.by_declaration(self._session, campaign or None, end_of(day, self._now))

    def _day(self, text: str) -> date:
        if not text:
            raise ValueError("the date is missing")
        day = parse_date(text)
        if day > self._today:
            raise ValueError(f"the date {text!r} lies in the future")
        return day


def _caught(faults: list[str], read: Callable[[], Value], otherwise: Value) -> Value:
    """Return what a cell means; if it means nothing, note why and return `otherwise`."""
    try:
        return read()
    except (ValueError, Refusal) as error:
        faults.append(str(error))
        return otherwise


def _number(text: str) -> str | None:
    return parse_enterprise_number(text) if text else None


def channel_of(text: str) -> Channel:
    """Return the channel that a word in Dutch or English stands for; ValueError lists all words."""
    if found := _CHANNELS.get(fold(text)):
        return found
    # Slashes: with commas, a reason in a file of refused rows would look like a row of headers.
    known = ", ".join("/".join(words) for words in CHANNEL_WORDS.values())
    raise ValueError(f"{text!r} is no channel; known: {known}")


def company_name(session: Session, number: str | None) -> str:
    """Return the name of the company with an enterprise number, empty if it is not known here."""
    try:
        digits = parse_enterprise_number(number or "")
    except NumberError:
        return ""
    return session.scalar(select(Company.name).where(Company.enterprise_number == digits)) or ""


def offered(session: Session, enterprise: str | None, service: str | None) -> tuple[int, int | None]:
    """Return enterprise and service by slug, number or exact name; NotFound or Refusal."""
    found = _enterprise(session, enterprise) if enterprise else None
    if not service:
        if found is None:
            raise Refusal("name the enterprise or the service")
        return found.id, None
    query = select(Service) if found is None else select(Service).where(Service.enterprise_id == found.id)
    services = list(session.scalars(query))
    matches = [each for each in services if each.slug == service] or [
        each for each in services if fold(each.name) == fold(service)
    ]
    if not matches:
        whose = f" of {found.name}" if found else ""
        raise NotFound(f"{service!r} is no service{whose}: `outreach catalogue list` shows their slugs")
    if len(matches) > 1:
        raise Refusal(f"{service!r} is the name of several services: name the enterprise, or write the slug")
    return matches[0].enterprise_id, matches[0].id


def _enterprise(session: Session, text: str) -> Enterprise:
    try:
        number = parse_enterprise_number(text)
    except NumberError:
        number = ""
    matches = [
        each
        for each in session.scalars(select(Enterprise))
        if text == each.slug or number == each.enterprise_number or fold(text) == fold(each.name)
    ]
    exact = [each for each in matches if text == each.slug or number == each.enterprise_number] or matches
    if len(exact) == 1:
        return exact[0]
    if exact:
        raise Refusal(f"{text!r} is the name of several enterprises: write the slug or the enterprise number")
    raise NotFound(f"{text!r} is no enterprise of the catalogue: `outreach catalogue list` shows them")

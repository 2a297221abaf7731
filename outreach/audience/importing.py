"""Contact lists: `read` checks a file without looking at the database, `save` takes its good rows in together.

A fault of the file raises before anything changes. A faulty row is refused with its line and reason; `rejects.write`
keeps it. The door holds the transaction: rejects are written before it commits, so that no row is lost between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from outreach.audience import (
    bulk,
    columns,
    importing_companies,
    importing_contacts,
    legal_basis,
    rejects,
    suppressing,
    tables,
)
from outreach.audience.cells import clean_name
from outreach.audience.importing_companies import Identities, Identity, Known
from outreach.audience.importing_rows import SOURCE_LENGTH, Defaults, Entry, RowReader
from outreach.audience.rejects import Reject
from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.sectors import Rule
from outreach.errors import Refusal
from outreach.models import AddressKind, Basis, SuppressionReason
from outreach.settings import SenderType

__all__ = ["Counts", "ImportOptions", "ImportSummary", "Reading", "read", "save"]


@dataclass(frozen=True)
class ImportOptions:
    """What the person at the keyboard says about a file; None or empty = let the file say it."""

    basis: Basis | None = None
    source: str = ""
    obtained_on: date | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    encoding: str | None = None
    nace_version: int | None = None
    nace_default: int = 2025


@dataclass(frozen=True)
class Reading:
    """A file that was read: its good and its refused rows, how it was understood; `again` gives all rows anew."""

    path: Path
    headers: list[str]
    entries: list[Entry]
    rejects: list[Reject]
    columns: dict[str, str]
    unknown_columns: list[str]
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    again: Callable[[], Iterable[tuple[int, list[str]]]]


@dataclass(frozen=True)
class Counts:
    created: int
    updated: int
    unchanged: int


@dataclass(frozen=True)
class ImportSummary:
    """What an import did. `suppressed` contacts are stored and stay suppressed; `erased` ones are not stored."""

    file: str
    rows: int
    companies: Counts
    contacts: Counts
    evidence_added: int
    tags_added: int
    topics_added: int
    establishments_created: int
    doubles: int
    suppressed: int
    erased: int
    not_regular: int
    without_postcode: int
    foreign_postcodes: int
    nace_default_version: int
    nace_by_default: int
    role_addresses: int
    rejected: int
    warnings: tuple[str, ...]
    columns: dict[str, str]
    unknown_columns: tuple[str, ...]
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    rejects: tuple[Reject, ...] = ()


def read(path: Path, options: ImportOptions, *, sender: SenderType, suppression_key: bytes, now: datetime) -> Reading:
    """Read and check a contact list; FileRefused or Refusal for a fault of the file or of the options."""
    today = now.astimezone(BRUSSELS).date()
    defaults = _defaults(options, sender, today)
    table = _open(path, options)
    mapping = columns.map_headers(table.headers, options.overrides, path=path, line=table.header_line)
    _check_basis_column(mapping, options, path)
    mend = rejects.opener(table.headers)
    reader = RowReader(table.headers, mapping.fields, defaults, sender, suppression_key, today, mend)
    with bulk.no_collection():
        entries = reader.read(table.rows)
    return Reading(
        path=path,
        headers=table.headers,
        entries=entries,
        rejects=reader.rejects,
        columns={name.value: table.headers[place] for name, place in mapping.fields.items()},
        unknown_columns=[header for header in mapping.unknown if header not in (rejects.LINE, rejects.REASON)],
        encoding=table.encoding,
        delimiter=table.delimiter,
        sheet=table.name if table.encoding is None else None,
        again=lambda: _open(path, options).rows,
    )


def _open(path: Path, options: ImportOptions) -> tables.Table:
    return tables.read_table(path, encoding=options.encoding, sheet=options.sheet, is_header=columns.is_header)


def _defaults(options: ImportOptions, sender: SenderType, today: date) -> Defaults:
    if options.basis is not None:
        legal_basis.require(options.basis, sender)
    if options.obtained_on is not None and options.obtained_on > today:
        raise Refusal(f"--date {options.obtained_on} lies in the future")
    source = clean_name(options.source, 2_000)
    if len(source) > SOURCE_LENGTH:
        raise Refusal(f"--source is {len(source)} characters long; at most {SOURCE_LENGTH} are kept")
    return Defaults(options.basis, source, options.obtained_on, options.nace_version, options.nace_default)


def _check_basis_column(mapping: columns.Mapping, options: ImportOptions, path: Path) -> None:
    """Refuse a list that says nowhere why its addresses may be mailed, rather than refuse each of its rows."""
    given = {
        columns.Field.LEGAL_BASIS: ("legal basis", "--basis", options.basis),
        columns.Field.BASIS_SOURCE: ("source of the legal basis", "--source", options.source),
        columns.Field.BASIS_DATE: ("date of the legal basis", "--date", options.obtained_on),
    }
    missing = [
        (what, option) for name, (what, option, value) in given.items() if name not in mapping.fields and not value
    ]
    if missing:
        what = " and for the ".join(what for what, _ in missing)
        ways = " ".join(option for _, option in missing)
        raise tables.FileFault(f"there is no column for the {what}", f"Give {ways} for the whole file", path=path)


def save(session: Session, reading: Reading, options: ImportOptions, *, actor: str, now: datetime) -> ImportSummary:
    """Take the good rows in; rows that the database shows to be wrong are refused too, and told in the summary."""
    bulk.hold(session)
    with bulk.no_collection():
        return _save(session, reading, options, actor, now)


def _save(session: Session, reading: Reading, options: ImportOptions, actor: str, now: datetime) -> ImportSummary:
    warnings: list[str] = []
    entries, suppressed, erased = _without_erased(session, reading.entries)
    known = importing_companies.known_companies(session, entries)
    placed, late = _placed(entries, known)
    refused = [*reading.rejects, *_read_again(reading, late)]
    drafts = importing_companies.merge(placed, warnings)
    companies = importing_companies.save(session, drafts, known, file=reading.path.name, now=now)
    contacts, doubles = importing_contacts.merge((entry, companies.ids[identity]) for entry, identity in placed)
    saved = importing_contacts.save(session, contacts, actor=actor, now=now, warnings=warnings)
    return ImportSummary(
        file=reading.path.name,
        rows=len(reading.entries) + len(reading.rejects),
        companies=Counts(companies.created, companies.updated, companies.unchanged),
        contacts=Counts(saved.created, saved.updated, saved.unchanged),
        evidence_added=saved.evidence_added,
        tags_added=saved.tags_added,
        topics_added=saved.topics_added,
        establishments_created=saved.establishments_created,
        doubles=doubles,
        suppressed=sum(hash in suppressed for _, hash in contacts) if suppressed else 0,
        erased=erased,
        not_regular=companies.not_regular,
        without_postcode=sum(draft.spot is None for draft in drafts.values()),
        foreign_postcodes=sum(draft.spot is not None and not draft.spot.province_nis for draft in drafts.values()),
        nace_default_version=options.nace_default,
        nace_by_default=sum(
            entry.sector is not None and entry.sector.rule is Rule.DEFAULT_VERSION for entry, _ in placed
        ),
        role_addresses=sum(draft.entry.kind is AddressKind.ROLE for draft in contacts.values()),
        rejected=len(refused),
        warnings=tuple(warnings),
        columns=reading.columns,
        unknown_columns=tuple(reading.unknown_columns),
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        sheet=reading.sheet,
        rejects=tuple(sorted(refused, key=lambda reject: reject.line)),
    )


def _without_erased(session: Session, entries: Sequence[Entry]) -> tuple[list[Entry], set[bytes], int]:
    """Return the rows of people who did not ask to be erased, the suppressed hashes, and how many rows fell out."""
    if not suppressing.any_live(session):
        return list(entries), set(), 0
    found = dict(suppressing.reasons(session, list({entry.hash for entry in entries})))
    if not found:
        return list(entries), set(), 0
    erased = {hash for hash, reason in found.items() if reason is SuppressionReason.ERASED}
    kept = [entry for entry in entries if entry.hash not in erased]
    return kept, set(found), len(entries) - len(kept)


def _placed(entries: Sequence[Entry], known: Known) -> tuple[list[tuple[Entry, Identity]], dict[int, str]]:
    """Return each row with its company, and by line the reasons of those whose company is unclear or bars them."""
    identity_of = Identities(entries, known).of
    placed = [(entry, identity_of(entry)) for entry in entries]
    named = {identity for entry, identity in placed if entry.name}
    forms = {identity: entry.form for entry, identity in placed if entry.form is not None}
    good: list[tuple[Entry, Identity]] = []
    refused: dict[int, str] = {}
    for entry, identity in placed:
        facts = known.facts.get(identity) if isinstance(identity, int) else None
        if identity is None:
            reason = f"several companies are called {entry.name!r} in that postcode: give the enterprise number"
        elif facts is None and identity not in named:
            reason = f"the company {entry.number} is new and has no name: give its name"
        elif entry.evidence.basis is Basis.ROLE_ADDRESS and not (
            importing_companies.legal_person(forms.get(identity), facts)
        ):
            reason = _no_legal_person(forms[identity].short if identity in forms else None)
        elif entry.evidence.basis is Basis.ROLE_ADDRESS and not _attests(entry):
            reason = _no_legal_person(entry.form.short if entry.form else None)
        else:
            good.append((entry, identity))
            continue
        refused[entry.line] = reason
    return good, refused


def _attests(entry: Entry) -> bool:
    """Tell whether a row says itself that its company is a legal person, by number or form.

    A name and a postcode alone may be those of a sole trader beside a company of the same name.
    """
    return entry.number is not None or (entry.form is not None and bool(entry.form.legal_person))


def _read_again(reading: Reading, late: dict[int, str]) -> list[Reject]:
    if not late:
        return []
    mend = rejects.opener(reading.headers) or list
    return [Reject(line, late[line], tuple(mend(cells))) for line, cells in reading.again() if line in late]


def _no_legal_person(form: str | None) -> str:
    what = f"its legal form {form!r} is not known to be one" if form else "nothing attests that this company is one"
    return (
        f"the basis role_address holds for legal persons only, and {what} (Royal Decree 4 April 2003): "
        "fill the enterprise number or the legal form, or ask for consent"
    )

"""Which company each row of a list is about, and what the list changes about it.

A company is known by its enterprise number; without one by name and postcode. A company that came without a number and
now comes with one is joined, if exactly one can be meant. Where rows of one file disagree, the last one counts.

What the register says of a company stays; then a list changes what is kept beside it as typed (`Placement`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy import Table as SqlTable
from sqlalchemy.orm import InstrumentedAttribute, Session

from outreach.audience import bulk
from outreach.audience.importing_cells import Form, Spot, overlay
from outreach.audience.importing_rows import Entry
from outreach.belgium.sectors import MAATWERK_CODES, Rule, Sector
from outreach.models import Company, CompanyAlias, CompanyStatus, Enterprise, Placement

NameAndPlace = tuple[str, str]
# An id in the database, the number of a new company, or the name and postcode of a new one without number.
Identity = int | str | NameAndPlace

_TABLE: SqlTable = Company.__table__  # type: ignore[assignment]
_PLACEMENT: SqlTable = Placement.__table__  # type: ignore[assignment]
_FACTS = (
    "enterprise_number",
    "name",
    "name_key",
    "legal_form",
    "legal_person",
    "legal_person_source",
    "postcode",
    "municipality_nis",
    "province_nis",
    "nace_2008",
    "nace_2025",
    "section_2008",
    "section_2025",
    "sector_rule",
    "status",
    "status_reason",
)
_ATTESTED_HERE = "import "
_FORM_REASON = "legal form "


_TYPED = tuple(f"typed_{name}" for name in _FACTS[3:])  # of the placement, where a company has one


class Facts(NamedTuple):
    """The columns of a company that a list can tell, in the order of `_FACTS`."""

    enterprise_number: str | None
    name: str
    name_key: str
    legal_form: str | None
    legal_person: bool | None
    legal_person_source: str | None
    postcode: str | None
    municipality_nis: str | None
    province_nis: str | None
    nace_2008: str | None
    nace_2025: str | None
    section_2008: str | None
    section_2025: str | None
    sector_rule: str | None
    status: CompanyStatus
    status_reason: str | None


@dataclass
class Known:
    """The companies in the database that a list may be about."""

    facts: dict[int, Facts] = field(default_factory=dict)
    by_number: dict[str, int] = field(default_factory=dict)
    by_name: dict[NameAndPlace, list[int]] = field(default_factory=lambda: defaultdict(list))
    # Of companies that were looked up in the register: what lists told, and whether the register has them.
    typed: dict[int, Facts] = field(default_factory=dict)
    found: set[int] = field(default_factory=set)

    def add(self, id: int, facts: Facts, typed: Facts | None = None, found: bool = False) -> None:
        if id in self.facts:
            return
        self.facts[id] = facts
        if typed:
            self.typed[id] = typed
        if found:
            self.found.add(id)
        if facts.enterprise_number:
            self.by_number[facts.enterprise_number] = id
        # A list of years ago has the postcode of years ago: a company that moved is still the same.
        for postcode in {facts.postcode, typed.postcode if typed else None}:
            if postcode:
                self.by_name[facts.name_key, postcode].append(id)


@dataclass(slots=True)
class Draft:
    """What the rows of one file tell about one company, and on which line each was told."""

    number: str | None = None
    name: str = ""
    name_key: str = ""
    form: Form | None = None
    spot: Spot | None = None
    sector: Sector | None = None
    lines: list[int] = field(default_factory=lambda: [0, 0, 0, 0])


@dataclass(frozen=True)
class Saved:
    """The companies of a list after it was taken in."""

    ids: dict[Identity, int]
    created: int
    updated: int
    unchanged: int
    not_regular: int


def known_companies(session: Session, entries: Sequence[Entry]) -> Known:
    """Return the companies in the database that have a number, or a name and postcode, of the list."""
    known = Known()
    if session.scalar(select(Company.id).limit(1)) is None:
        return known
    numbers = list({entry.number for entry in entries if entry.number})
    _add(session, known, Company.enterprise_number, numbers)
    unnumbered = Company.enterprise_number.is_(None)
    names = list({entry.name_key for entry in entries if entry.number and entry.number not in known.by_number})
    _add(session, known, Company.name_key, names, unnumbered)
    names = list({entry.name_key for entry in entries if not entry.number})
    _add(session, known, Company.name_key, names)
    _add_aliases(session, known, names)
    return known


def _add(
    session: Session, known: Known, key: InstrumentedAttribute[Any], values: list[Any], *conditions: ColumnElement[bool]
) -> None:
    columns = (Company.id, *(getattr(Company, name) for name in _FACTS))
    rows = [row for row in bulk.matching(session, columns, key, values, *conditions) if row[0] not in known.facts]
    placed = (Placement.company_id, Placement.found, *(getattr(Placement, name) for name in _TYPED))
    beside = {row[0]: row[1:] for row in bulk.matching(session, placed, Placement.company_id, [row[0] for row in rows])}
    for row in rows:
        found, *typed = beside.get(row[0], (False,))
        known.add(row[0], Facts(*row[1:]), Facts(*row[1:4], *typed) if typed else None, found)


def _add_aliases(session: Session, known: Known, names: list[str]) -> None:
    """Add the companies that a person said are meant by a name and postcode of a list."""
    columns = (CompanyAlias.name_key, CompanyAlias.postcode, CompanyAlias.company_id)
    aliases = list(bulk.matching(session, columns, CompanyAlias.name_key, names))
    _add(session, known, Company.id, [company_id for _, _, company_id in aliases])
    for name_key, postcode, company_id in aliases:
        if company_id not in known.by_name[name_key, postcode]:
            known.by_name[name_key, postcode].append(company_id)


class Identities:
    """Tells which company a row is about, looking at the whole file and at the database."""

    def __init__(self, entries: Sequence[Entry], known: Known) -> None:
        self._known = known
        self._claims: dict[NameAndPlace, set[str]] = defaultdict(set)
        for entry in entries if known.facts or not all(entry.number for entry in entries) else ():
            if entry.number and entry.name_key and entry.spot:
                self._claims[entry.name_key, entry.spot.postcode].add(entry.number)
        self._adopted = self._adoptions() if known.facts else {}

    def of(self, entry: Entry) -> Identity | None:
        """Return the identity of the row's company, None if several companies can be meant."""
        if entry.number:
            return self._of_number(entry.number) if self._known.facts else entry.number
        assert entry.spot is not None
        at = (entry.name_key, entry.spot.postcode)
        found: set[Identity] = set(self._known.by_name.get(at, ()))
        found |= {self._of_number(number) for number in self._claims.get(at, ())}
        if len(found) > 1:
            found = {id for id in found if isinstance(id, int) and not self._known.facts[id].enterprise_number}
            return found.pop() if len(found) == 1 else None
        return found.pop() if found else at

    def _of_number(self, number: str) -> Identity:
        return self._known.by_number.get(number) or self._adopted.get(number) or number

    def _adoptions(self) -> dict[str, int]:
        """Return the numbers that belong to a company which was known without number."""
        adopted: dict[str, int] = {}
        for at, numbers in self._claims.items():
            free = [id for id in self._known.by_name.get(at, ()) if not self._known.facts[id].enterprise_number]
            new = [number for number in numbers if number not in self._known.by_number]
            if len(free) == 1 and len(new) == 1 and new[0] not in adopted:
                adopted[new[0]] = free[0]
        return adopted


def legal_person(draft_form: Form | None, known: Facts | None) -> bool | None:
    """Return whether a company counts as a legal person: what the register says, else the form told last."""
    if known and (from_register(known) or draft_form is None):
        return known.legal_person
    return draft_form.legal_person if draft_form else None


def from_register(facts: Facts) -> bool:
    """Tell whether another source than a list attests the legal form; a list does not overrule it."""
    source = facts.legal_person_source
    return source is not None and not source.startswith(_ATTESTED_HERE)


def merge(entries: Iterable[tuple[Entry, Identity]], warnings: list[str]) -> dict[Identity, Draft]:
    """Return what the rows tell about each company; rows that disagree are told in `warnings`."""
    drafts: dict[Identity, Draft] = {}
    for entry, identity in entries:
        draft = drafts.get(identity)
        if draft is None:
            line = entry.line
            drafts[identity] = Draft(
                entry.number, entry.name, entry.name_key, entry.form, entry.spot, entry.sector, [line] * 4
            )
        else:
            _merge(draft, entry, warnings)
    return drafts


def _merge(draft: Draft, entry: Entry, warnings: list[str]) -> None:
    line, lines = entry.line, draft.lines
    draft.number = draft.number or entry.number
    if entry.name:
        if draft.name_key and draft.name_key != entry.name_key:
            warnings.append(_disagreement(draft, "name", lines[0], draft.name, line, entry.name))
        draft.name, draft.name_key, lines[0] = entry.name, entry.name_key, line
    if entry.form is not None:
        if draft.form is not None and draft.form.short != entry.form.short:
            warnings.append(_disagreement(draft, "legal form", lines[1], draft.form.short, line, entry.form.short))
        draft.form, lines[1] = entry.form, line
    if entry.spot is not None:
        if draft.spot is not None and draft.spot.postcode != entry.spot.postcode:
            warnings.append(_disagreement(draft, "postcode", lines[2], draft.spot.postcode, line, entry.spot.postcode))
        draft.spot, lines[2] = entry.spot, line
    if entry.sector is not None:
        if draft.sector is not None and (clash := _clash(draft.sector, entry.sector)):
            warnings.append(_disagreement(draft, "sector", lines[3], clash[0], line, clash[1]))
        draft.sector, lines[3] = overlay(draft.sector, entry.sector), line


def _clash(old: Sector, new: Sector) -> tuple[str, str] | None:
    """Return the two codes or sections of one version that differ."""
    pairs = ((old.nace_2025, new.nace_2025), (old.nace_2008, new.nace_2008), (old.section_2025, new.section_2025))
    return next(((was, now) for was, now in pairs if was and now and was != now), None)


def _disagreement(draft: Draft, what: str, line: int, was: str, later: int, now: str) -> str:
    company = draft.number or draft.name
    return f"lines {line} and {later} disagree about the {what} of {company}: {was!r} and {now!r}; the last one counts"


def save(session: Session, drafts: dict[Identity, Draft], known: Known, *, file: str, now: datetime) -> Saved:
    """Insert new companies and update those of which something changed."""
    maatwerk = set(session.scalars(select(Enterprise.enterprise_number)))
    new: list[tuple[Identity, tuple[Any, ...]]] = []
    changed: list[tuple[Any, ...]] = []
    typed: list[tuple[Any, ...]] = []
    not_regular = 0
    alike: dict[tuple[int, int, bool], Facts] = {}
    for identity, draft in drafts.items():
        if isinstance(identity, int):
            before = known.facts[identity]
            after = _facts(draft, known.typed.get(identity, before), file, maatwerk)
            if identity in known.typed:
                told, after = after, _beside(before, after, identity in known.found)
                if told != known.typed[identity]:
                    typed.append((*told[3:], identity))
                    changed.append((*after, now, identity))
            elif before != after:
                changed.append((*after, now, identity))
        else:
            # Form and sector are shared objects, one for each way to write them, so most companies are like another.
            like = (id(draft.form), id(draft.sector), draft.number in maatwerk)
            after = alike.get(like) or alike.setdefault(like, _facts(draft, None, file, maatwerk))
            spot = draft.spot or _NOWHERE
            new.append((identity, (draft.number, draft.name, draft.name_key, *after[3:6], *spot, *after[9:])))
        not_regular += after.status is CompanyStatus.NOT_REGULAR
    ids = bulk.take_ids(session, _TABLE, len(new))
    columns = ("id", *_FACTS, "created_at", "updated_at")
    rows = [(id, *facts, now, now) for id, (_, facts) in zip(ids, new, strict=True)]
    bulk.update(session, _TABLE, (*_FACTS, "updated_at"), changed)
    bulk.update(session, _PLACEMENT, _TYPED, typed, key="company_id")
    bulk.insert(session, _TABLE, columns, rows)
    numbered: dict[Identity, int] = {identity: id for id, (identity, _) in zip(ids, new, strict=True)}
    numbered.update({identity: identity for identity in drafts if isinstance(identity, int)})
    return Saved(numbered, len(new), len(changed), len(drafts) - len(new) - len(changed), not_regular)


def _beside(before: Facts, told: Facts, found: bool) -> Facts:
    """Return the columns of a company that was looked up: the register's facts stay, the name is as people call it."""
    if found:
        return before._replace(enterprise_number=told.enterprise_number, name=told.name, name_key=told.name_key)
    return told._replace(status=before.status, status_reason=before.status_reason)


_NOWHERE = (None, None, None)
_NOTHING = Facts(
    None, "", "", None, None, None, None, None, None, None, None, None, None, None, CompanyStatus.ACTIVE, None
)  # fmt: skip


def _facts(draft: Draft, before: Facts | None, file: str, maatwerk: set[str]) -> Facts:
    """Return the company's columns after the import; what the list leaves empty stays as it was."""
    old = before or _NOTHING
    form = draft.form
    short, person, source = old.legal_form, old.legal_person, old.legal_person_source
    if form and (short, person) != form_facts(form) and not from_register(old):
        short, person = form_facts(form)
        source = f"{_ATTESTED_HERE}{file}: legal form {short}"[:200] if person is not None else None
    spot = draft.spot or Spot(old.postcode or "", old.municipality_nis, old.province_nis)
    sector = _sector(draft.sector, old)
    number = old.enterprise_number or draft.number
    status, reason = _status(old, form, number, sector, maatwerk)
    return Facts(
        number, draft.name or old.name, draft.name_key or old.name_key, short, person, source,
        spot.postcode or None, spot.municipality_nis, spot.province_nis, *sector, status, reason,
    )  # fmt: skip


def form_facts(form: Form) -> tuple[str, bool | None]:
    return form.short, form.legal_person


_SectorColumns = tuple[str | None, str | None, str | None, str | None, str | None]


def _sector(new: Sector | None, old: Facts) -> _SectorColumns:
    if new is None:
        return old.nace_2008, old.nace_2025, old.section_2008, old.section_2025, old.sector_rule
    if old.sector_rule:
        rule = Rule(old.sector_rule)
        new = overlay(Sector(old.nace_2008, old.nace_2025, old.section_2008, old.section_2025, rule), new)
    return new.nace_2008, new.nace_2025, new.section_2008, new.section_2025, new.rule.value


def _status(
    old: Facts, form: Form | None, number: str | None, sector: _SectorColumns, maatwerk: set[str]
) -> tuple[CompanyStatus, str | None]:
    """Return whether this is a regular company; a company that stopped, as the register knows, stays so."""
    if old.status in (CompanyStatus.STOPPED, CompanyStatus.INSOLVENT):
        return old.status, old.status_reason
    if number in maatwerk:
        return CompanyStatus.NOT_REGULAR, "is a maatwerkbedrijf of the catalogue"
    by_code = sector[0] in MAATWERK_CODES[2008] or sector[1] in MAATWERK_CODES[2025]
    if by_code and sector[4] != Rule.DEFAULT_VERSION:
        return CompanyStatus.NOT_REGULAR, f"sector {sector[1] or sector[0]}: sheltered and social workshops, or reuse"
    if form and form.known and not from_register(old):
        if not form.known.regular:
            return CompanyStatus.NOT_REGULAR, f"{_FORM_REASON}{form.short}"
        if old.status_reason and old.status_reason.startswith(_FORM_REASON):
            return CompanyStatus.ACTIVE, None
    return old.status, old.status_reason

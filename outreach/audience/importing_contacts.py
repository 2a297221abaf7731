"""The contacts of a list: what is new, what changes, and what an import may never touch.

Never touched: a suppression, what the contact chose itself, evidence of a later date, a withdrawal. Empty cells erase
nothing, tags are only added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Table as SqlTable
from sqlalchemy.orm import Session

from outreach.audience import bulk
from outreach.audience.impersonal import kind_of
from outreach.audience.importing_cells import Spot
from outreach.audience.importing_rows import Entry, Evidence
from outreach.belgium.calendar import BRUSSELS
from outreach.models import AddressKind, Basis, Contact, ContactTag, ContactTopic, Establishment, LegalBasis

Place = tuple[int, bytes]

_CONTACT: SqlTable = Contact.__table__  # type: ignore[assignment]
_BASIS: SqlTable = LegalBasis.__table__  # type: ignore[assignment]
_TAG: SqlTable = ContactTag.__table__  # type: ignore[assignment]
_TOPIC: SqlTable = ContactTopic.__table__  # type: ignore[assignment]
_ESTABLISHMENT: SqlTable = Establishment.__table__  # type: ignore[assignment]


@dataclass(slots=True)
class Draft:
    """What the rows of one file tell about one address at one company."""

    entry: Entry
    first_name: str | None
    last_name: str | None
    function: str | None
    evidence: list[Evidence]
    tags: tuple[str, ...]
    topics: tuple[str, ...]
    establishment: tuple[str | None, Spot | None] | None


class Person(NamedTuple):
    """The columns of a contact that a list can change."""

    kind: AddressKind
    first_name: str | None
    last_name: str | None
    function: str | None
    establishment_id: int | None


@dataclass
class Saved:
    """What became of the contacts of a list."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    evidence_added: int = 0
    tags_added: int = 0
    topics_added: int = 0
    establishments_created: int = 0


@dataclass
class _Known:
    """The contacts at the companies of a list that are there already."""

    ids: dict[Place, int] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)


def merge(entries: Iterable[tuple[Entry, int]]) -> tuple[dict[Place, Draft], int]:
    """Return what the rows tell about each contact, and how many rows repeat a contact."""
    drafts: dict[Place, Draft] = {}
    doubles = 0
    for entry, company in entries:
        at = (company, entry.hash)
        draft = drafts.get(at)
        if draft is None:
            drafts[at] = Draft(
                entry, entry.first_name, entry.last_name, entry.function, [entry.evidence],
                entry.tags, entry.topics, entry.establishment,
            )  # fmt: skip
        else:
            doubles += 1
            _merge(draft, entry)
    return drafts, doubles


def _merge(draft: Draft, entry: Entry) -> None:
    draft.first_name = entry.first_name or draft.first_name
    draft.last_name = entry.last_name or draft.last_name
    draft.function = entry.function or draft.function
    draft.tags = tuple(dict.fromkeys(draft.tags + entry.tags))
    draft.topics = tuple(dict.fromkeys(draft.topics + entry.topics))
    draft.establishment = entry.establishment or draft.establishment
    new = entry.evidence
    for place, old in enumerate(draft.evidence):
        if old.basis is new.basis:
            draft.evidence[place] = new if new.obtained_on >= old.obtained_on else old
            return
    draft.evidence.append(new)


def save(session: Session, drafts: dict[Place, Draft], *, actor: str, now: datetime, warnings: list[str]) -> Saved:
    """Insert new contacts with their evidence, and update those of which something changed."""
    saved = Saved()
    known = _known(session, drafts)
    places = _establishments(session, drafts, saved, warnings)
    touched = _people(session, drafts, known, places, saved, now)
    with_evidence = _evidence(session, drafts, known.ids, saved, actor, now)
    with_tags = _tags(session, drafts, known.ids, saved)
    with_topics = _topics(session, drafts, known.ids, saved, now)
    added = (with_evidence | with_tags | with_topics) & known.people.keys()
    saved.updated = len(touched | added)
    saved.unchanged = len(drafts) - saved.created - saved.updated
    return saved


def _known(session: Session, drafts: dict[Place, Draft]) -> _Known:
    known = _Known()
    columns = (
        Contact.id,
        Contact.company_id,
        Contact.address_hash,
        *(getattr(Contact, name) for name in Person._fields),
    )
    companies = list(dict.fromkeys(company for company, _ in drafts))
    for id, company, hash, *person in bulk.matching(session, columns, Contact.company_id, companies):
        if (company, hash) in drafts:
            known.ids[company, hash] = id
            known.people[id] = Person(*person)
    return known


def _people(
    session: Session, drafts: dict[Place, Draft], known: _Known, places: dict[Place, int], saved: Saved, now: datetime
) -> set[int]:
    """Write the contacts themselves, add the new ones to `known.ids`, and return the ids of those that changed."""
    new = [at for at in drafts if at not in known.ids]
    ids = bulk.take_ids(session, _CONTACT, len(new))
    rows = []
    for id, at in zip(ids, new, strict=True):
        draft = drafts[at]
        person = _person(draft, None, places.get(at))
        rows.append((id, at[0], draft.entry.address, at[1], draft.entry.domain, *person, now, now))
    changed: list[tuple[Any, ...]] = []
    for at, id in known.ids.items():
        person = _person(drafts[at], known.people[id], places.get(at))
        if person != known.people[id]:
            changed.append((*person, now, id))
    columns = (
        "id",
        "company_id",
        "address",
        "address_hash",
        "address_domain",
        *Person._fields,
        "created_at",
        "updated_at",
    )
    bulk.insert(session, _CONTACT, columns, rows)
    bulk.update(session, _CONTACT, (*Person._fields, "updated_at"), changed)
    known.ids.update(zip(new, ids, strict=True))
    saved.created = len(new)
    return {row[-1] for row in changed}


def _person(draft: Draft, old: Person | None, establishment: int | None) -> Person:
    entry = draft.entry
    if old is None and draft.first_name is entry.first_name and draft.last_name is entry.last_name:
        return Person(entry.kind, draft.first_name, draft.last_name, draft.function, establishment)
    first = draft.first_name or (old.first_name if old else None)
    last = draft.last_name or (old.last_name if old else None)
    local = entry.address.rpartition("@")[0]
    kind = AddressKind(kind_of(local, entry.domain, first, last))
    function = draft.function or (old.function if old else None)
    return Person(kind, first, last, function, establishment or (old.establishment_id if old else None))


def _evidence(
    session: Session, drafts: dict[Place, Draft], ids: dict[Place, int], saved: Saved, actor: str, now: datetime
) -> set[int]:
    """Add evidence that is newer than all we have of its basis, and than its withdrawal; return the contacts' ids."""
    barred = _newest_evidence(session, ids, drafts)
    rows = []
    for at, draft in drafts.items():
        contact = ids[at]
        for told in draft.evidence:
            newest = barred.get((contact, told.basis))
            if newest is None or told.obtained_on > newest:
                rows.append((contact, told.basis, told.source, told.obtained_on, told.text_version, actor, now))
    columns = ("contact_id", "basis", "source", "obtained_on", "text_version", "actor", "recorded_at")
    bulk.insert(session, _BASIS, columns, rows)
    saved.evidence_added = len(rows)
    return {row[0] for row in rows}


def _newest_evidence(
    session: Session, ids: dict[Place, int], drafts: dict[Place, Draft]
) -> dict[tuple[int, Basis], date]:
    """Return per contact and basis the day that new evidence must be later than."""
    newest: dict[tuple[int, Basis], date] = {}
    columns = (LegalBasis.contact_id, LegalBasis.basis, LegalBasis.obtained_on, LegalBasis.withdrawn_at)
    wanted = [ids[at] for at in drafts]
    for contact, basis, obtained, withdrawn in bulk.matching(session, columns, LegalBasis.contact_id, wanted):
        last = max(obtained, withdrawn.astimezone(BRUSSELS).date()) if withdrawn else obtained
        newest[contact, basis] = max(last, newest.get((contact, basis), last))
    return newest


def _tags(session: Session, drafts: dict[Place, Draft], ids: dict[Place, int], saved: Saved) -> set[int]:
    wanted = {ids[at]: draft.tags for at, draft in drafts.items() if draft.tags}
    columns = (ContactTag.contact_id, ContactTag.tag)
    there = {(id, tag) for id, tag in bulk.matching(session, columns, ContactTag.contact_id, list(wanted))}
    rows = [(id, tag) for id, tags in wanted.items() for tag in tags if (id, tag) not in there]
    bulk.insert(session, _TAG, ("contact_id", "tag"), rows)
    saved.tags_added = len(rows)
    return {id for id, _ in rows}


def _topics(
    session: Session, drafts: dict[Place, Draft], ids: dict[Place, int], saved: Saved, now: datetime
) -> set[int]:
    """Let contacts follow topics that they have no word on yet, neither their own nor ours."""
    wanted = {ids[at]: draft.topics for at, draft in drafts.items() if draft.topics}
    columns = (ContactTopic.contact_id, ContactTopic.topic)
    there = {(id, topic) for id, topic in bulk.matching(session, columns, ContactTopic.contact_id, list(wanted))}
    rows = [
        (id, topic, True, False, now) for id, topics in wanted.items() for topic in topics if (id, topic) not in there
    ]
    bulk.insert(session, _TOPIC, ("contact_id", "topic", "follows", "chosen", "at"), rows)
    saved.topics_added = len(rows)
    return {row[0] for row in rows}


def _establishments(
    session: Session, drafts: dict[Place, Draft], saved: Saved, warnings: list[str]
) -> dict[Place, int]:
    """Return the establishment of each contact whose row names one, by number or else by postcode; insert new ones."""
    wanted = {at: draft.establishment for at, draft in drafts.items() if draft.establishment}
    if not wanted:
        return {}
    by_number, by_postcode = _known_establishments(session, wanted)
    found: dict[Place, int] = {}
    new: list[tuple[Any, ...]] = []
    ids = iter(bulk.take_ids(session, _ESTABLISHMENT, len(wanted)))
    for at, (number, spot) in wanted.items():
        company = at[0]
        postcode = spot.postcode if spot else None
        known = by_number.get(number) if number else (by_postcode.get((company, postcode)), company)
        if number and known and known[1] != company:
            line = drafts[at].entry.line
            warnings.append(
                f"line {line}: establishment {number} belongs to another company; the contact stays without"
            )
            continue
        id = known[0] if known else None
        if id is None:
            id = next(ids)
            new.append((id, company, number, *(spot or (None, None, None))))
            if number:
                by_number[number] = (id, company)
            else:
                by_postcode[company, postcode] = id
        found[at] = id
    columns = ("id", "company_id", "establishment_number", "postcode", "municipality_nis", "province_nis")
    bulk.insert(session, _ESTABLISHMENT, columns, new)
    saved.establishments_created = len(new)
    return found


def _known_establishments(
    session: Session, wanted: dict[Place, tuple[str | None, Spot | None]]
) -> tuple[dict[str, tuple[int, int]], dict[tuple[int, str | None], int]]:
    columns = (Establishment.id, Establishment.company_id, Establishment.establishment_number, Establishment.postcode)
    numbers = list({number for number, _ in wanted.values() if number})
    numbered: Sequence[Any] = list(bulk.matching(session, columns, Establishment.establishment_number, numbers))
    companies = list({company for company, _ in wanted})
    near: Sequence[Any] = list(bulk.matching(session, columns, Establishment.company_id, companies))
    by_number = {number: (id, company) for id, company, number, _ in (*numbered, *near) if number}
    by_postcode: dict[tuple[int, str | None], int] = {}
    for id, company, _, postcode in sorted(near, key=lambda row: (row[2] is not None, row[0])):
        by_postcode.setdefault((company, postcode), id)
    return by_number, by_postcode

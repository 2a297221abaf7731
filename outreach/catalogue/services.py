"""Enterprises and services in the database: imported from files, listed, withdrawn and offered again.

The enterprise number is the key of an enterprise; a service is known by its slug, or by its name within its enterprise.
Slugs never change once given, since mails that were sent link to them. Nothing is ever deleted: what is withdrawn stays
for the figures, and only a person offers it again, not an import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.sql import Select

from outreach.belgium.places import fold, place_of
from outreach.catalogue.entries import EnterpriseEntry, ServiceEntry
from outreach.catalogue.files import CatalogueFile, FoundService
from outreach.catalogue.slugs import free_slug
from outreach.errors import Complaint, FileRefused, NotFound, Refusal
from outreach.models import (
    Company,
    CompanyStatus,
    Enterprise,
    Service,
    ServiceForm,
    ServiceProvince,
    ServiceSector,
)


@dataclass
class ImportSummary:
    """What an import did; `still_withdrawn` are slugs that the files hold but that a person withdrew."""

    enterprises_added: int = 0
    enterprises_changed: int = 0
    enterprises_unchanged: int = 0
    services_added: int = 0
    services_changed: int = 0
    services_unchanged: int = 0
    services_withdrawn: int = 0
    still_withdrawn: list[str] = field(default_factory=list)


def import_catalogue(
    session: Session, data: CatalogueFile, now: datetime, *, withdraw_missing: bool = False
) -> ImportSummary:
    """Add and change what the files hold; FileRefused before anything is written if something does not fit.

    `withdraw_missing` withdraws the services that the files lack, of the enterprises that they name and of no other.
    """
    if withdraw_missing and not data.services:
        raise Refusal("--withdraw-missing: the files hold no services, so every service would be withdrawn")
    state = _State(session, data)
    if complaints := list(state.complaints()):
        raise FileRefused(complaints)
    summary = ImportSummary()
    for found in data.enterprises:
        state.put_enterprise(found.entry, now, summary)
    session.flush()
    kept = [state.put_service(found, now, summary) for found in data.services]
    session.flush()
    if withdraw_missing:
        numbers = {e.entry.enterprise_number for e in data.enterprises} | {s.enterprise_number for s in data.services}
        kept_ids = {service.id for service in kept}
        for service in state.services:
            if service.enterprise.enterprise_number in numbers and service.id not in kept_ids:
                summary.services_withdrawn += service.withdrawn_at is None
                service.withdrawn_at = service.withdrawn_at or now
    summary.still_withdrawn = sorted(service.slug for service in kept if service.withdrawn_at)
    _mark_companies(session, now)
    session.flush()
    return summary


def _mark_companies(session: Session, now: datetime) -> None:
    """Mark companies that are enterprises of the catalogue: they are no regular companies, and not to be approached."""
    session.execute(
        update(Company)
        .where(
            Company.enterprise_number.in_(select(Enterprise.enterprise_number)),
            Company.status == CompanyStatus.ACTIVE,
        )
        .values(status=CompanyStatus.NOT_REGULAR, status_reason="is a maatwerkbedrijf of the catalogue", updated_at=now)
        .execution_options(synchronize_session=False)
    )


class _State:
    """The catalogue as it is, and which entry of the files belongs to which row."""

    def __init__(self, session: Session, data: CatalogueFile) -> None:
        self._session = session
        self._data = data
        self.services = list(session.scalars(_services().order_by(Service.id)))
        self._enterprises = {e.enterprise_number: e for e in session.scalars(select(Enterprise))}
        self._by_slug = {service.slug: service for service in self.services}
        self._by_name: dict[tuple[str, str], Service] = {}
        for service in self.services:
            self._by_name.setdefault((service.enterprise.enterprise_number, fold(service.name)), service)
        self._taken = {e.slug for e in self._enterprises.values()} | set(self._by_slug)
        self._taken |= {e.entry.slug for e in data.enterprises if e.entry.slug}
        self._taken |= {s.entry.slug for s in data.services if s.entry.slug}
        # A service that one entry names by its slug is no other entry's by its name.
        self._claimed = {s.entry.slug for s in data.services if s.entry.slug}

    def complaints(self) -> Iterator[Complaint]:
        enterprise_slugs = {e.slug: e for e in self._enterprises.values()}
        named = {e.entry.enterprise_number for e in self._data.enterprises}
        for found in self._data.enterprises:
            slug, row = found.entry.slug, self._enterprises.get(found.entry.enterprise_number)
            if slug and row and row.slug != slug:
                yield found.at.complaint(_kept_slug(slug, row.slug))
            elif slug and not row and (slug in enterprise_slugs or slug in self._by_slug):
                yield found.at.complaint(f"slug {slug!r} is taken: choose another, or leave it out")
        for service in self._data.services:
            if service.enterprise_number not in named | self._enterprises.keys():
                number = service.enterprise_number
                yield service.at.complaint(f"enterprise {number} is in no file and not in the catalogue: add it")
            yield from self._slug_complaints(service, enterprise_slugs.keys())

    def _slug_complaints(self, found: FoundService, enterprise_slugs: Any) -> Iterator[Complaint]:
        slug = found.entry.slug
        if slug is None:
            return
        row = self._by_slug.get(slug)
        if slug in enterprise_slugs or (row and row.enterprise.enterprise_number != found.enterprise_number):
            yield found.at.complaint(f"slug {slug!r} is taken: choose another, or leave it out")
        elif row is None and (other := self._by_name.get((found.enterprise_number, fold(found.entry.name)))):
            yield found.at.complaint(_kept_slug(slug, other.slug))

    def put_enterprise(self, entry: EnterpriseEntry, now: datetime, summary: ImportSummary) -> None:
        place = place_of(entry.postcode)
        values = {
            **entry.model_dump(exclude={"slug", "enterprise_number"}, include=set(EnterpriseEntry.model_fields)),
            "municipality_nis": place.municipality_nis if place else None,
            "province_nis": place.province_nis if place else None,
        }
        row = self._enterprises.get(entry.enterprise_number)
        if row is None:
            slug = entry.slug or free_slug(entry.name, self._taken, "maatwerkbedrijf")
            self._taken.add(slug)
            row = Enterprise(enterprise_number=entry.enterprise_number, slug=slug, created_at=now, updated_at=now)
            self._enterprises[entry.enterprise_number] = row
            self._session.add(row)
            _set(row, values)
            summary.enterprises_added += 1
        elif _set(row, values):
            row.updated_at = now
            summary.enterprises_changed += 1
        else:
            summary.enterprises_unchanged += 1

    def put_service(self, found: FoundService, now: datetime, summary: ImportSummary) -> Service:
        entry = found.entry
        row = self._row_of(found)
        if row is None:
            slug = entry.slug or free_slug(entry.name, self._taken)
            self._taken.add(slug)
            enterprise = self._enterprises[found.enterprise_number]
            row = Service(slug=slug, enterprise=enterprise, created_at=now, updated_at=now)
            _set(row, _columns_of(entry))
            self._session.add(row)
            _set_lists(row, entry)
            summary.services_added += 1
            return row
        changed = _set(row, _columns_of(entry))
        if _set_lists(row, entry) or changed:
            row.updated_at = now
            summary.services_changed += 1
        else:
            summary.services_unchanged += 1
        return row

    def _row_of(self, found: FoundService) -> Service | None:
        if found.entry.slug:
            return self._by_slug.get(found.entry.slug)
        row = self._by_name.get((found.enterprise_number, fold(found.entry.name)))
        return None if row is None or row.slug in self._claimed else row


def _kept_slug(slug: str, known: str) -> str:
    return f"slug {slug!r}: it is {known!r} already, and mails that were sent link there: write that, or leave it out"


def _columns_of(entry: ServiceEntry) -> dict[str, Any]:
    names = ("name", "category", "summary", "text", "picture", "picture_alt", "taking_customers")
    return {name: getattr(entry, name) for name in names}


def _set(row: Enterprise | Service, values: dict[str, Any]) -> bool:
    """Set the columns that differ; return whether any did."""
    different = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in different.items():
        setattr(row, name, value)
    return bool(different)


def _set_lists(row: Service, entry: ServiceEntry) -> bool:
    """Set forms, provinces and sectors where they differ, adding and removing single rows; return whether any did."""
    forms = {form: ServiceForm(form=form) for form in entry.forms}
    provinces = {nis: ServiceProvince(province_nis=nis) for nis in entry.provinces}
    sectors = {s: ServiceSector(version=s[0], code=s[1], section_2025=s[2]) for s in entry.sectors}
    changed = _replace(row.forms, {old.form: old for old in row.forms}, forms)
    changed |= _replace(row.provinces, {old.province_nis: old for old in row.provinces}, provinces)
    old_sectors = {(old.version, old.code, old.section_2025): old for old in row.sectors}
    return _replace(row.sectors, old_sectors, sectors) or changed


def _replace(rows: list[Any], old: dict[Any, Any], new: dict[Any, Any]) -> bool:
    for key in old.keys() - new.keys():
        rows.remove(old[key])
    rows.extend(new[key] for key in new if key not in old)
    return old.keys() != new.keys()


def _services() -> Select[Service]:
    return select(Service).options(
        joinedload(Service.enterprise),
        selectinload(Service.forms),
        selectinload(Service.provinces),
        selectinload(Service.sectors),
    )


def find_service(session: Session, slug: str) -> Service | None:
    """Return a service with its enterprise, forms, provinces and sectors, withdrawn or not; None if there is none."""
    return session.scalar(_services().where(Service.slug == slug))


def with_ids(session: Session, ids: Sequence[int]) -> list[Service]:
    """Return services in the order of their ids, each with its enterprise, forms, provinces and sectors."""
    found = {service.id: service for service in session.scalars(_services().where(Service.id.in_(ids)))}
    return [found[id] for id in ids if id in found]


def find_enterprise(session: Session, slug_or_number: str) -> Enterprise | None:
    """Return an enterprise by its slug or its ten digits."""
    matches = (Enterprise.slug == slug_or_number) | (Enterprise.enterprise_number == slug_or_number)
    return session.scalar(select(Enterprise).where(matches))


def listed(
    session: Session,
    *,
    category: str | None = None,
    province: str | None = None,
    section: str | None = None,
    enterprise_id: int | None = None,
    withdrawn: bool = False,
) -> list[Service]:
    """Return the services on offer by name, those that take no customers too; `withdrawn` adds the withdrawn ones.

    `province` is a NIS code that is served, `section` a section of NACE-BEL 2025 that is suited.
    """
    query = _services().join(Service.enterprise).order_by(Service.name, Service.id)
    if not withdrawn:
        query = query.where(Service.withdrawn_at.is_(None), Enterprise.withdrawn_at.is_(None))
    if category is not None:
        query = query.where(Service.category == category)
    if province is not None:
        query = query.where(Service.provinces.any(ServiceProvince.province_nis == province))
    if section is not None:
        query = query.where(~Service.sectors.any() | Service.sectors.any(ServiceSector.section_2025 == section))
    if enterprise_id is not None:
        query = query.where(Service.enterprise_id == enterprise_id)
    return list(session.scalars(query))


def withdraw(session: Session, slug: str, now: datetime) -> bool:
    """Withdraw a service, or an enterprise with all it offers; return False if it was withdrawn already."""
    row = _named(session, slug)
    if row.withdrawn_at is not None:
        return False
    row.withdrawn_at = row.updated_at = now
    return True


def restore(session: Session, slug: str, now: datetime) -> bool:
    """Offer a withdrawn service or enterprise again; return False if it was on offer."""
    row = _named(session, slug)
    if row.withdrawn_at is None:
        return False
    row.withdrawn_at, row.updated_at = None, now
    return True


def _named(session: Session, slug: str) -> Service | Enterprise:
    row = session.scalar(select(Service).where(Service.slug == slug)) or find_enterprise(session, slug)
    if row is None:
        raise NotFound(f"{slug!r} is no slug of a service or enterprise: `outreach catalogue list` shows them all")
    return row

"""A small invented world for tests: companies with the cast at them, a catalogue, and campaigns up to any state.

Ann may be mailed, Bob unsubscribed, Cleo is suppressed, Dan never confirmed. Everything is made through the real
functions where there are any; rows are written directly only where an import would do no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience.suppressing import suppress
from outreach.belgium.numbers import make_enterprise_number
from outreach.campaigns import life, reviewing, starting
from outreach.campaigns.spec import CampaignSpec
from outreach.links import hash_address as hash_address
from outreach.models import (
    AddressKind,
    Basis,
    Campaign,
    Company,
    Contact,
    DeliveryForm,
    Enterprise,
    Establishment,
    LegalBasis,
    Service,
    ServiceForm,
    ServiceProvince,
    ServiceSector,
    SuppressionReason,
)

FLEMISH = ("10000", "20001", "30000", "40000", "70000")
AUTHOR, COLLEAGUE = "ann.author@federatie.example", "carl.colleague@federatie.example"
TEN_O_CLOCK = "2026-12-01 10:00"

_numbers = count(100_000)


@dataclass(frozen=True)
class Cast:
    """The four, by name; `ann` is the only one that a campaign may mail."""

    ann: Contact
    bob: Contact
    cleo: Contact
    dan: Contact


def add_company(
    session: Session,
    now: datetime,
    *,
    name: str = "",
    province: str | None = "40000",
    section: str | None = "C",
    legal_person: bool | None = True,
    **columns: Any,
) -> Company:
    number = next(_numbers)
    name = name or f"Bedrijf {number} nv"
    company = Company(
        enterprise_number=make_enterprise_number(number),
        name=name,
        name_key=name.lower(),
        legal_person=legal_person,
        postcode="9000",
        province_nis=province,
        section_2025=section,
        created_at=now,
        updated_at=now,
        **columns,
    )
    session.add(company)
    session.flush()
    return company


def add_establishment(session: Session, company: Company, province: str) -> Establishment:
    establishment = Establishment(company_id=company.id, postcode=f"{next(_numbers)}", province_nis=province)
    session.add(establishment)
    session.flush()
    return establishment


def add_contact(
    session: Session,
    company: Company,
    address: str,
    *,
    key: bytes,
    now: datetime,
    basis: Basis | None = Basis.CONSENT,
    kind: AddressKind = AddressKind.PERSONAL,
    first_name: str | None = None,
    source: str = "Beurs Ondernemen 2026",
    **columns: Any,
) -> Contact:
    contact = Contact(
        company_id=company.id,
        address=address,
        address_hash=hash_address(key, address),
        address_domain=address.rpartition("@")[2],
        kind=kind,
        first_name=first_name,
        created_at=now,
        updated_at=now,
        **columns,
    )
    session.add(contact)
    session.flush()
    if basis is not None:
        session.add(
            LegalBasis(
                contact_id=contact.id,
                basis=basis,
                source=source,
                obtained_on=date(2026, 3, 2),
                actor="test",
                recorded_at=now,
            )
        )
        session.flush()
    return contact


def add_cast(session: Session, *, key: bytes, now: datetime, province: str = "40000", section: str = "C") -> Cast:
    """Add Ann, Bob, Cleo and Dan, each at a company of her or his own."""

    def person(name: str, basis: Basis | None = Basis.CONSENT) -> Contact:
        company = add_company(session, now, name=f"{name} Voorbeeld nv", province=province, section=section)
        address = f"{name.lower()}@{name.lower()}.example"
        return add_contact(session, company, address, key=key, now=now, basis=basis, first_name=name)

    cast = Cast(person("Ann"), person("Bob"), person("Cleo"), person("Dan", None))
    for contact, reason in ((cast.bob, SuppressionReason.UNSUBSCRIBED), (cast.cleo, SuppressionReason.COMPLAINT)):
        assert contact.address_hash is not None
        suppress(session, contact.address_hash, reason=reason, source="test", actor="test", now=now)
    return cast


def add_crowd(
    session: Session, size: int, *, key: bytes, now: datetime, province: str = "40000", section: str = "C"
) -> list[Contact]:
    """Add contacts that may be mailed, each at a company of its own."""
    contacts = []
    for _ in range(size):
        company = add_company(session, now, province=province, section=section)
        address = f"info{company.id}@bedrijf{company.id}.example"
        contacts.append(add_contact(session, company, address, key=key, now=now))
    return contacts


def add_service(
    session: Session,
    enterprise: Enterprise,
    slug: str,
    now: datetime,
    *,
    category: str = "green",
    provinces: tuple[str, ...] = FLEMISH,
    sections: tuple[str, ...] = (),
    **columns: Any,
) -> Service:
    service = Service(
        enterprise_id=enterprise.id,
        slug=slug,
        name=slug.replace("-", " ").capitalize(),
        category=category,
        summary=f"Wat {slug} voor u doet.",
        text=f"Alles over **{slug}**.",
        taking_customers=columns.pop("taking_customers", True),
        created_at=now,
        updated_at=now,
        **columns,
    )
    session.add(service)
    session.flush()
    session.add(ServiceForm(service_id=service.id, form=DeliveryForm.ON_SITE))
    session.add_all(ServiceProvince(service_id=service.id, province_nis=province) for province in provinces)
    session.add_all(
        ServiceSector(service_id=service.id, version=2025, code=section, section_2025=section) for section in sections
    )
    session.flush()
    return service


def add_catalogue(session: Session, now: datetime, enterprises: int = 3, services: int = 2) -> list[Service]:
    """Add enterprises with services `dienst-1-1`, `dienst-1-2`, … that serve Flanders and suit every sector."""
    made = []
    for number in range(1, enterprises + 1):
        enterprise = Enterprise(
            enterprise_number=make_enterprise_number(next(_numbers)),
            slug=f"maatwerk-{number}",
            name=f"Maatwerk {number} vzw",
            postcode="9000",
            province_nis="40000",
            email=f"info@maatwerk{number}.example",
            text="",
            created_at=now,
            updated_at=now,
        )
        session.add(enterprise)
        session.flush()
        made += [add_service(session, enterprise, f"dienst-{number}-{place}", now) for place in range(1, services + 1)]
    return made


def add_segment(project: Path, name: str = "everyone", rule: str = "") -> str:
    """Write a segment file; without a rule it holds every contact."""
    (project / "segments").mkdir(exist_ok=True)
    (project / "segments" / f"{name}.yaml").write_text(f"title: Iedereen\n{rule}")
    return name


def spec(**changes: Any) -> CampaignSpec:
    """Return a campaign file's content: the monthly newsletter to everyone with two chosen services."""
    return CampaignSpec.model_validate(
        {
            "name": "december-2026",
            "title": "Werk dat past",
            "template": "monthly",
            "segment": "everyone",
            "subject": "Werk dat past bij uw bedrijf",
            "preheader": "Twee diensten in uw buurt",
            "send_at": TEN_O_CLOCK,
            "intro": "Dag, [lees meer](https://federatie.example/over?a=1&b=2#x).",
            "closing": "Tot binnenkort.",
            "spotlights": [{"block": "nearby", "title": "In uw buurt", "count": 2}],
            **changes,
        }
    )


def draft(app: App, session: Session, **changes: Any) -> Campaign:
    """Make a draft; the segment `everyone` is written if it isn't there."""
    add_segment(app.project)
    return life.create(session, spec(**changes), sending=app.settings.sending, by=AUTHOR, now=app.now())


def approved(app: App, session: Session, **changes: Any) -> Campaign:
    """Make a campaign that AUTHOR submitted and COLLEAGUE approved."""
    campaign = draft(app, session, **changes)
    reviewing.submit(session, campaign, sources=app.sources, by=AUTHOR, now=app.now())
    reviewing.approve(session, campaign, sources=app.sources, by=COLLEAGUE, now=app.now())
    return campaign


def scheduled(app: App, session: Session, **changes: Any) -> Campaign:
    """Make a campaign that waits for its time."""
    campaign = approved(app, session, **changes)
    life.schedule(session, campaign, by=COLLEAGUE, now=app.now())
    return campaign


def start(app: App, session: Session, campaign: Campaign, after: timedelta = timedelta(seconds=20)) -> Any:
    """Start a scheduled campaign a little after its time; the clock of the app isn't moved."""
    assert campaign.send_at is not None
    return starting.start(
        session,
        campaign.id,
        settings=app.settings,
        links=app.links,
        now=campaign.send_at + after,
        instance_id=app.keys.instance_id,
    )


def sending(app: App, session: Session, **changes: Any) -> Campaign:
    """Make a campaign whose audience is frozen; its mails wait to be sent."""
    campaign = scheduled(app, session, **changes)
    started = start(app, session, campaign)
    assert isinstance(started, starting.Started), started
    session.refresh(campaign)
    return campaign


def counted(session: Session, column: Any, *where: Any) -> dict[Any, int]:
    """Count rows by a column."""
    query = select(column, func.count()).where(*where).group_by(column)
    return {value: int(rows) for value, rows in session.execute(query)}


def add_catalogue_service(session: Session, now: datetime, slug: str = "dienst-nieuw") -> Service:
    """Add one more service to the first enterprise."""
    enterprise = session.scalars(select(Enterprise).order_by(Enterprise.id).limit(1)).one()
    return add_service(session, enterprise, slug, now)

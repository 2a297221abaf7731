"""What a segment means: the compiled SQL against the same rule worked out plainly, one contact at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience import segments
from outreach.audience.eligibility import Policy
from outreach.belgium.places import province_by_name
from outreach.belgium.sectors import nace
from outreach.models import (
    AddressKind,
    Basis,
    Campaign,
    CampaignStatus,
    Cohort,
    Collaboration,
    CollaborationKind,
    Company,
    CompanyStatus,
    Contact,
    ContactTag,
    ContactTopic,
    Delivery,
    DeliveryStatus,
    Enterprise,
    Establishment,
    Exposure,
    LegalBasis,
    Service,
    Suppression,
    SuppressionReason,
    Table,
)

ADDRESSES = ["ann", "bob", "cleo", "dan", "eva", None]
PROVINCES = {"limburg": "70000", "west-vlaanderen": "30000", "brussel": "04000"}
POSTCODES = ["3500", "8500", "8550", "1000"]
SECTORS = [("F", "41001"), ("F", "43"), ("C", "2511"), ("K", None), (None, None)]
SERVICES = ["groen", "strijk"]
ENTERPRISES = ["werkplaats", "atelier"]
MAILED = ("sent", "sending", "uncertain")


@dataclass(frozen=True)
class World:
    """Small, random data: rows as dictionaries, told to the database and to the plain evaluation alike."""

    companies: list[dict[str, Any]]
    contacts: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]


maybe = lambda values: st.one_of(st.none(), st.sampled_from(values))  # noqa: E731
places = st.fixed_dictionaries({"province": maybe(list(PROVINCES)), "postcode": maybe(POSTCODES)})
companies = st.fixed_dictionaries(
    {
        "seat": places,
        "places": st.lists(places, max_size=2, unique_by=lambda place: place["postcode"]),
        "sector": st.sampled_from(SECTORS),
        "form": maybe(["bv", "nv"]),
        "status": st.sampled_from(list(CompanyStatus)),
        "works_with": st.lists(
            st.tuples(st.sampled_from(ENTERPRISES), st.sampled_from(list(CollaborationKind)), st.integers(2018, 2021)),
            max_size=2,
            unique=True,
        ),
        "until": maybe([2021, 2023]),
    }
)
contacts = st.fixed_dictionaries(
    {
        "company": st.integers(0, 2),
        "address": st.sampled_from(ADDRESSES),
        "kind": st.sampled_from(list(AddressKind)),
        "tags": st.sets(st.sampled_from(["beurs", "klant"])),
        "topics": st.dictionaries(st.sampled_from(["groen", "druk"]), st.booleans(), max_size=2),
        "basis": st.booleans(),
    }
)
deliveries = st.fixed_dictionaries(
    {
        "contact": st.integers(0, 5),
        "status": st.sampled_from([*MAILED, "skipped", "pending", "failed"]),
        "days": st.sampled_from([3, 20, 60]),
        "services": st.sets(st.sampled_from(SERVICES)),
    }
)
worlds = st.builds(
    World,
    st.lists(companies, min_size=3, max_size=3),
    st.lists(contacts, min_size=6, max_size=6, unique_by=lambda row: (row["company"], row["address"] or id(row))),
    st.lists(deliveries, max_size=5),
)

some = lambda values: st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)  # noqa: E731
to = st.sampled_from(["contact", "company"])
shown = st.fixed_dictionaries({"service": some(SERVICES)}, optional={"within": st.just("30 days"), "to": to})
collaboration = st.fixed_dictionaries(
    {"enterprise": st.one_of(st.just("any"), some(ENTERPRISES))},
    optional={"kind": some(["customer", "supplier"]), "year": some([2017, 2019, 2021, 2022])},
)
keys = {
    "province": some(list(PROVINCES)), "seat_province": some(list(PROVINCES)),
    "establishment_province": some(list(PROVINCES)), "postcode": some(["8500", "3500-8520", "1000"]),
    "sector": some(["F", "C", "41", "25.11"]), "legal_form": some(["bv", "nv"]),
    "company_status": some(["active", "stopped"]), "kind": some(["role", "personal"]), "tag": some(["beurs", "klant"]),
    "topic": some(["groen", "druk"]),
    "not_mailed_within": st.fixed_dictionaries({"period": st.sampled_from(["30 days", "1 week"])}, optional={"to": to}),
    "shown": shown, "not_shown": shown, "collaboration": collaboration, "no_collaboration": collaboration,
}  # fmt: skip
leaves = st.sampled_from(sorted(keys)).flatmap(lambda key: keys[key].map(lambda value: {key: value}))
rules = st.recursive(
    st.one_of(leaves, st.tuples(leaves, leaves).map(lambda two: {**two[0], **two[1]})),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        inner.map(lambda part: {"not": part}),
        st.tuples(leaves, inner).map(lambda two: {**two[0], "not": two[1]}),
    ),
    max_leaves=5,
)


def fill(session: Session, world: World, now: datetime) -> None:
    """Replace all rows by those of `world`; ids count from 1 in its order."""
    for table in reversed(Table.metadata.sorted_tables):
        if table.name != "installation":
            session.execute(delete(table))
    stamps = {"created_at": now, "updated_at": now}
    for number, slug in enumerate(ENTERPRISES, 1):
        session.add(Enterprise(id=number, enterprise_number=f"{number:010d}", slug=slug, name=slug, postcode="3500",
                               email="w@w.example", **stamps))  # fmt: skip
    session.flush()
    for number, slug in enumerate(SERVICES, 1):
        session.add(
            Service(id=number, enterprise_id=1, slug=slug, name=slug, category="c", summary="", text="", **stamps)
        )
    for number, row in enumerate(world.companies, 1):
        seat, (section, code) = row["seat"], row["sector"]
        session.add(
            Company(id=number, name=f"B{number}", name_key=f"b{number}", postcode=seat["postcode"],
                    section_2025=section,
                    province_nis=PROVINCES.get(seat["province"]), nace_2025=code, legal_form=row["form"],
                    status=row["status"], **stamps)
        )  # fmt: skip
    session.flush()
    for number, row in enumerate(world.companies, 1):
        for place in row["places"]:
            session.add(Establishment(company_id=number, postcode=place["postcode"],
                                      province_nis=PROVINCES.get(place["province"])))  # fmt: skip
        for slug, kind, year in row["works_with"]:
            session.add(Collaboration(company_id=number, enterprise_id=ENTERPRISES.index(slug) + 1, kind=kind,
                                      from_year=year, to_year=row["until"], source="t", recorded_at=now))  # fmt: skip
    _fill_contacts(session, world, now)
    _fill_deliveries(session, world, now)
    session.flush()


def hashed(address: str | None) -> bytes | None:
    return address.encode().ljust(16) if address else None


def _fill_contacts(session: Session, world: World, now: datetime) -> None:
    for number, row in enumerate(world.contacts, 1):
        session.add(
            Contact(id=number, company_id=row["company"] + 1, address=row["address"] and f"{row['address']}@b.example",
                    address_hash=hashed(row["address"]), kind=row["kind"], created_at=now, updated_at=now,
                    erased_at=None if row["address"] else now)
        )  # fmt: skip
        session.flush()
        for tag in row["tags"]:
            session.add(ContactTag(tag=tag, contact_id=number))
        for topic, follows in row["topics"].items():
            session.add(ContactTopic(topic=topic, contact_id=number, follows=follows, at=now))
        if row["basis"]:
            session.add(LegalBasis(contact_id=number, basis=Basis.CONSENT, source="t", obtained_on=date(2026, 1, 5),
                                   actor="t", recorded_at=now))  # fmt: skip
    session.add(
        Suppression(address_hash=hashed("cleo"), reason=SuppressionReason.MANUAL, source="t", at=now, actor="t")
    )


def _fill_deliveries(session: Session, world: World, now: datetime) -> None:
    for number, row in enumerate(world.deliveries, 1):
        at, contact = now - timedelta(days=row["days"]), world.contacts[row["contact"]]
        session.add(Campaign(id=number, name=f"c{number}", title="", segment="", template="", spec={},
                             status=CampaignStatus.SENT, created_by="t", created_at=at))  # fmt: skip
        session.flush()
        session.add(Cohort(id=number, campaign_id=number, number=1, code=f"k{number}", cells=[], company_count=1,
                           contact_count=1))  # fmt: skip
        session.flush()
        for place, slug in enumerate(sorted(row["services"])):
            session.add(Exposure(campaign_id=number, cohort_id=number, block="b", position=place,
                                 service_id=SERVICES.index(slug) + 1, at=at))  # fmt: skip
        session.add(
            Delivery(campaign_id=number, contact_id=row["contact"] + 1, company_id=contact["company"] + 1,
                     cohort_id=number, address_hash=hashed(contact["address"]), status=DeliveryStatus(row["status"]),
                     sent_at=at if row["status"] == "sent" else None, status_at=at)
        )  # fmt: skip


def holds(rule: dict[str, Any], world: World, contact: dict[str, Any]) -> bool:
    """Work a rule out for one contact, as the documentation tells it."""
    return all(asked(key, value, world, contact) for key, value in rule.items())


def asked(key: str, value: Any, world: World, contact: dict[str, Any]) -> bool:
    company = world.companies[contact["company"]]
    everywhere = [company["seat"], *company["places"]]
    match key:
        case "all":
            return all(holds(part, world, contact) for part in value)
        case "any":
            return any(holds(part, world, contact) for part in value)
        case "not":
            return not holds(value, world, contact)
        case "province":
            return any(place["province"] in value for place in everywhere)
        case "seat_province":
            return company["seat"]["province"] in value
        case "establishment_province":
            return any(place["province"] in value for place in company["places"])
        case "postcode":
            return any(
                place["postcode"] and in_range(place["postcode"], text) for place in everywhere for text in value
            )
        case "sector":
            section, code = company["sector"]
            return any(section == text or (bool(code) and code.startswith(text.replace(".", ""))) for text in value)
        case "legal_form":
            return company["form"] in value
        case "company_status":
            return company["status"] in value
        case "kind":
            return contact["kind"] in value
        case "tag":
            return bool(contact["tags"] & set(value))
        case "topic":
            return any(contact["topics"].get(topic) for topic in value)
        case "not_mailed_within":
            days = {"30 days": 30, "1 week": 7}[value["period"]]
            return not any(row["days"] <= days for row in got(world, contact, value.get("to")))
        case "shown" | "not_shown":
            days = 30 if "within" in value else 9999
            mails = [row for row in got(world, contact, value.get("to")) if row["days"] <= days]
            return any(row["services"] & set(value["service"]) for row in mails) == (key == "shown")
        case "collaboration" | "no_collaboration":
            return works(value, company) == (key == "collaboration")
    raise AssertionError(key)


def in_range(postcode: str, text: str) -> bool:
    first, _, last = text.partition("-")
    return first <= postcode <= (last or first)


def got(world: World, contact: dict[str, Any], to: str | None) -> Iterator[dict[str, Any]]:
    for row in world.deliveries:
        other = world.contacts[row["contact"]]
        same = other["company"] == contact["company"] if to == "company" else other["address"] == contact["address"]
        if same and row["status"] in MAILED:
            yield row


def works(value: dict[str, Any], company: dict[str, Any]) -> bool:
    return any(
        (value["enterprise"] == "any" or slug in value["enterprise"])
        and kind in value.get("kind", kind)
        and any(start <= year <= (company["until"] or 9999) for year in value.get("year", [start]))
        for slug, kind, start in company["works_with"]
    )


def check(session: Session, world: World, rule: dict[str, Any], now: datetime) -> None:
    fill(session, world, now)
    text = yaml.safe_dump({"title": "Proef", **rule}, sort_keys=False)
    segment = segments.parse("proef", text, Path("proef.yaml"))
    expected = {n for n, row in enumerate(world.contacts, 1) if row["address"] and holds(rule, world, row)}
    assert set(session.scalars(segments.contact_ids(segment, now))) == expected, text
    policy = Policy(now, frozenset(Basis), cap_max=2, cap_window=timedelta(days=30), topic="groen")
    counted = segments.counting.counted(session, segment, policy)
    assert counted.contacts == len(expected) == counted.mailable + sum(counted.by_reason.values())
    assert counted.companies == len({world.contacts[number - 1]["company"] for number in expected})


given_worlds = given(world=worlds, rule=rules)
unhurried = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=150, **unhurried)  # type: ignore[arg-type]
@given_worlds
def test_a_segment_means_what_its_rule_says(app: App, world: World, rule: dict[str, Any]) -> None:
    with app.database.writing() as session:
        check(session, world, rule, app.now())
        session.rollback()


@pytest.fixture
def postgres(postgres_url: str, project: Path, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    from outreach.app import open_app

    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project, clock=clock)
    yield app
    app.close()


@pytest.mark.postgres
@settings(max_examples=60, **unhurried)  # type: ignore[arg-type]
@given_worlds
def test_a_segment_means_the_same_on_postgresql(postgres: App, world: World, rule: dict[str, Any]) -> None:
    with postgres.database.writing() as session:
        check(session, world, rule, postgres.now())
        session.rollback()


def test_the_names_used_here_are_those_of_the_tables() -> None:
    assert {slug: province_by_name(slug).nis for slug in PROVINCES} == PROVINCES  # type: ignore[union-attr]
    assert all(nace(2025, code) for _, code in SECTORS if code)

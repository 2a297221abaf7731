"""A project whose monthly newsletter is due now to any number of recipients: invented, the same on every run.

The rows of the audience are written directly; the catalogue, the campaign, its review, approval and scheduling go
through the functions that `outreach campaign` calls, with a clock that is half an hour slow.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from federation import SENDER
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from outreach.app import App, open_app
from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.numbers import make_enterprise_number
from outreach.campaigns import life, reviewing
from outreach.campaigns.spec import CampaignSpec
from outreach.emails import signing
from outreach.links import hash_address
from outreach.models import (
    Company,
    Contact,
    DeliveryForm,
    Enterprise,
    LegalBasis,
    Service,
    ServiceForm,
    ServiceProvince,
)

NAME = "nieuwsbrief"
ROOT = Path(__file__).parent.parent
PROVINCES = ("10000", "40000", "30000", "20001", "70000", "04000")
SECTIONS = "ABCDEFGHIJKLMNOPQRST"  # × 6 provinces = 120 cohorts
BATCH = 10_000
SERVICES = 60
NAMES = ("Ann", "Bart", "Chloë", "Dries", "Ömer", "Fien", "Günther", "Hélène", "Jef", "Lotte")

SETTINGS = """\
[site]
url = "https://nieuws.federatie.example"

[mail]
reply_to = "antwoord@federatie.example"
bounce_domain = "bounces.federatie.example"

[relay]
port = {port}
connections = {connections}
per_second = 100000

[checking]
spamassassin = false

"""
DKIM = """\
[dkim]
domain = "federatie.example"
"""
INTRO = """\
Het voorjaar komt eraan. Deze maand tonen we u **diensten bij u in de buurt**, gekozen voor uw sector, en wat een
[enclave op uw werkvloer](https://federatie.example/enclave?bron=nieuwsbrief&maand=3#voor-u) kan betekenen.

In Vlaanderen werken meer dan honderd maatwerkbedrijven: sociale ondernemingen die werk geven aan mensen voor wie dat
elders niet lukt. Zij verpakken, monteren, onderhouden, drukken en poetsen voor bedrijven als het uwe.
"""
TEXT = """\
Onze ploegen bundelen, sealen, etiketteren en vullen displays. U levert de goederen aan, wij leveren winkelklaar terug,
met telling en foto van elke pallet. We werken volgens **uw** instructies en houden de eerste stukken van elk lot bij.

- Krimp-, flow- en blisterverpakking, ook in kleine reeksen
- Ompakken, herlabelen en controleren vóór verzending
- Reeksen vanaf 200 stuks, met levering binnen de week

Vraag [een proefreeks](https://federatie.example/proefreeks) aan: binnen twee werkdagen weet u wat het kost.
"""
_PLAIN = "{% if greeting == 'Niemand' %}.{% endif %}"  # computes with a personal value: such a template is not cut


def make(
    folder: Path, recipients: int, *, port: int, connections: int = 16, plain: bool = False, dkim: bool = False
) -> None:
    """Make the project; `plain` takes a template that can't be rendered ahead, `dkim` signs with RSA-2048."""
    folder.mkdir()
    (folder / "outreach.toml").write_text(
        SENDER + SETTINGS.format(port=port, connections=connections) + (DKIM if dkim else "")
    )
    if dkim:
        signing.make_key(folder / ".state" / "dkim.pem")
    shutil.copytree(ROOT / "templates", folder / "templates")
    if plain:
        body = folder / "templates" / "emails" / "monthly" / "body.txt"
        body.write_text(body.read_text() + _PLAIN)
    (folder / "segments").mkdir()
    (folder / "segments" / "iedereen.yaml").write_text("title: Iedereen\n")
    earlier = datetime.now(UTC) - timedelta(minutes=30)
    app = open_app(folder, clock=lambda: earlier)
    with app.database.writing() as session:
        _add_catalogue(session, earlier)
        for first in range(1, recipients + 1, BATCH):
            _add_audience(session, range(first, min(first + BATCH, recipients + 1)), app.suppression_key, earlier)
        for sequence in ("company", "contact") if not app.database.is_sqlite else ():
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{sequence}', 'id'), {recipients})"))
    with app.database.writing() as session:
        session.execute(text("ANALYZE"))
    _schedule(app, earlier)
    app.close()


def _add_audience(session: Session, numbers: range, key: bytes, at: datetime) -> None:
    times = {"created_at": at, "updated_at": at}
    companies, contacts, bases = [], [], []
    for number in numbers:
        address = f"info{number}@bedrijf{number}.example"
        companies.append(
            {
                **times, "id": number, "enterprise_number": make_enterprise_number(number),
                "name": f"Bakkerij & Zonen {number} nv", "name_key": f"bakkerij zonen {number}", "legal_person": True,
                "postcode": "9000", "province_nis": PROVINCES[number % len(PROVINCES)],
                "section_2025": SECTIONS[number // len(PROVINCES) % len(SECTIONS)], "status": "active",
            }
        )  # fmt: skip
        contacts.append(
            {
                **times, "id": number, "company_id": number, "address": address,
                "address_hash": hash_address(key, address), "address_domain": f"bedrijf{number}.example",
                "kind": "personal", "first_name": NAMES[number % len(NAMES)], "last_name": f"Voorbeeld-{number}",
            }
        )  # fmt: skip
        bases.append(
            {
                "contact_id": number, "basis": "consent", "source": "inschrijfformulier",
                "obtained_on": date(2026, 3, 2), "actor": "bench", "recorded_at": at,
            }
        )  # fmt: skip
    for table, rows in ((Company, companies), (Contact, contacts), (LegalBasis, bases)):
        session.connection().execute(insert(table.__table__), _converted(table, rows))


def _converted(table: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turn words into the members of the column's enum."""
    enums = {
        column.name: column.type.enum_class for column in table.__table__.columns if hasattr(column.type, "enum_class")
    }
    return [{name: enums[name](value) if enums.get(name) else value for name, value in row.items()} for row in rows]


def _add_catalogue(session: Session, at: datetime) -> None:
    for number in range(1, SERVICES // 3 + 1):
        enterprise = Enterprise(
            enterprise_number=make_enterprise_number(19_980_000 + number), slug=f"werkplaats-{number}",
            name=f"Werkplaats {number} vzw", postcode="9000", province_nis="40000",
            email=f"info@werkplaats{number}.example", text="", created_at=at, updated_at=at,
        )  # fmt: skip
        session.add(enterprise)
        session.flush()
        for place in range(1, 4):
            service = Service(
                enterprise_id=enterprise.id, slug=f"dienst-{number}-{place}",
                name=f"Verpakken op maat {number}.{place}",
                category="packaging", summary="Van losse stuks naar winkelklare verpakking, ook voor kleine reeksen.",
                text=TEXT, taking_customers=True, created_at=at, updated_at=at,
            )  # fmt: skip
            session.add(service)
            session.flush()
            session.add(ServiceForm(service_id=service.id, form=DeliveryForm.ON_SITE))
            session.add_all(ServiceProvince(service_id=service.id, province_nis=nis) for nis in PROVINCES)


def _schedule(app: App, at: datetime) -> None:
    """Write, submit, approve and schedule the campaign, for ten minutes ago."""
    send_at = (at + timedelta(minutes=20)).astimezone(BRUSSELS)
    spec = CampaignSpec.model_validate(
        {
            "name": NAME, "title": "Werk dat past bij uw bedrijf", "template": "monthly", "segment": "iedereen",
            "subject": "Twee ploegen die het seizoen met u starten", "send_at": f"{send_at:%Y-%m-%d %H:%M}",
            "preheader": "Verpakking en groenonderhoud door maatwerkbedrijven in uw buurt", "intro": INTRO,
            "closing": "Zoekt u iets anders? Antwoord op deze mail of bel [09 000 00 00](tel:+3290000000).",
            "spotlights": [
                {"block": "nearby", "title": "In uw buurt", "count": 2, "text": "full"},
            ],
        }
    )  # fmt: skip
    sources, author, colleague = app.sources, "ann@federatie.example", "b@b.example"
    with app.database.writing() as session:
        campaign = life.create(session, spec, sending=app.settings.sending, by=author, now=at)
        reviewing.submit(session, campaign, sources=sources, by=author, now=at)
        reviewing.approve(session, campaign, sources=sources, by=colleague, now=at)
        life.schedule(session, campaign, by=colleague, now=at)

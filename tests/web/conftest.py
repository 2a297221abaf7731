"""A site over a real project: two enterprises, a campaign that went to Ann and Bob, and a browser of ours."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy.orm import Session

from outreach import users
from outreach.app import App
from outreach.links import hash_address
from outreach.models import (
    AddressKind,
    Basis,
    Campaign,
    CampaignStatus,
    Cohort,
    Company,
    Contact,
    Delivery,
    DeliveryForm,
    DeliveryStatus,
    Enterprise,
    LegalBasis,
    Link,
    Role,
    Service,
    ServiceForm,
    ServiceProvince,
)
from outreach.web.site import create_site
from tests.conftest import NOW

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HEADERS = {"user-agent": BROWSER, "accept-language": "nl-BE,nl;q=0.8"}
PASSWORD = "een heel lang wachtwoord"
CODES = ("bcdfghjkmnpq", "bcdfghjkmnpr", "bcdfghjkmnps", "bcdfghjkmnpt", "bcdfghjkmnpv")
COHORT = "zzzzzzzzzzzz"


@dataclass(frozen=True)
class World:
    """What the tests point at."""

    ann: int
    bob: int
    service_id: int
    campaign_id: int


@pytest.fixture
def world(app: App) -> World:
    with app.database.writing() as session:
        return fill(session, app)


def fill(session: Session, app: App) -> World:
    (app.project / "pictures").mkdir(exist_ok=True)
    Image.new("RGB", (64, 36), "#0c3c47").save(app.project / "pictures" / "groen.png")
    stamps = {"created_at": NOW, "updated_at": NOW}
    firm = Enterprise(
        enterprise_number="0203201340", slug="de-groene-hand", name="De Groene Hand", postcode="9000",
        municipality_nis="44021", province_nis="40000", email="post@groenehand.example", phone="09 000 00 00",
        website="https://groenehand.example", text="Wij werken **buiten**.", **stamps,
    )  # fmt: skip
    other = Enterprise(
        enterprise_number="0403199702", slug="pakwerk", name="Pakwerk <b>&</b> Co", postcode="3500",
        province_nis="70000", email="post@pakwerk.example", **stamps,
    )  # fmt: skip
    green = Service(
        enterprise=firm, slug="groenonderhoud", name="Groenonderhoud", category="green", summary="Uw gazon in orde.",
        text="We maaien en snoeien.\n\n<script>alert(1)</script>", picture="pictures/groen.png", picture_alt="Een tuin",
        forms=[ServiceForm(form=DeliveryForm.ON_SITE)], provinces=[ServiceProvince(province_nis="40000")], **stamps,
    )  # fmt: skip
    packing = Service(
        enterprise=other, slug="verpakken", name="Verpakken & co-packing", category="packaging",
        summary="Van doos tot pallet.", text="In ons atelier.", taking_customers=False, **stamps,
    )  # fmt: skip
    gone = Service(
        enterprise=other, slug="vroeger", name="Vroeger", category="wood", summary="Was.", text="", withdrawn_at=NOW,
        **stamps,
    )  # fmt: skip
    campaign = Campaign(
        name="groen-mei", title="Groen in mei", segment="iedereen", template="monthly", spec={},
        status=CampaignStatus.SENT, created_by="cli:ann", created_at=NOW, send_at=NOW, frozen_at=NOW, simulated=False,
    )  # fmt: skip
    session.add_all([firm, other, green, packing, gone, campaign])
    session.flush()
    cohort = Cohort(
        campaign_id=campaign.id, number=1, code=COHORT, cells=[["40000", "C"]], province_nis="40000",
        section_2025="C", company_count=2, contact_count=2,
    )  # fmt: skip
    session.add(cohort)
    session.flush()
    targets = [
        (green.id, app.links.service(green.slug)),
        (None, "https://elders.example/pagina?x=1&y=%C3%A9#deel"),
        (None, "https://elders.example/twee"),
        (None, "https://elders.example/drie"),
        (None, "javascript:alert(1)"),
    ]
    for code, (service_id, target) in zip(CODES, targets, strict=True):
        session.add(
            Link(
                code=code, campaign_id=campaign.id, cohort_id=cohort.id, block="b", service_id=service_id, target=target
            )
        )
    ids = [_mailed(session, app, campaign, cohort, name) for name in ("ann", "bob")]
    session.flush()
    return World(ids[0], ids[1], green.id, campaign.id)


def _mailed(session: Session, app: App, campaign: Campaign, cohort: Cohort, name: str) -> int:
    company = Company(
        name=f"{name} nv", name_key=f"{name}nv", postcode="9000", province_nis="40000", created_at=NOW, updated_at=NOW
    )
    session.add(company)
    session.flush()
    address = f"{name}@bedrijf.example"
    contact = Contact(
        company_id=company.id, address=address, address_hash=hash_address(app.suppression_key, address),
        address_domain="bedrijf.example", kind=AddressKind.PERSONAL, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    session.add(contact)
    session.flush()
    session.add(
        LegalBasis(
            contact_id=contact.id,
            basis=Basis.CONSENT,
            source="beurs",
            obtained_on=NOW.date(),
            actor="x",
            recorded_at=NOW,
        )
    )
    delivery = Delivery(
        campaign_id=campaign.id, contact_id=contact.id, company_id=company.id, cohort_id=cohort.id,
        address_hash=contact.address_hash, status=DeliveryStatus.SENT, sent_at=NOW - timedelta(hours=1), status_at=NOW,
    )  # fmt: skip
    session.add(delivery)
    session.flush()
    return delivery.id


@pytest.fixture
def browser(app: App, world: World) -> Iterator[TestClient]:
    """A browser somewhere on the internet."""
    with TestClient(create_site(app), base_url="http://news.example", follow_redirects=False) as client:
        client.headers.update(HEADERS)
        yield client


@pytest.fixture
def people(app: App, quick_passwords: None) -> None:
    """Ann and Bob are of the team, Dan is an analyst."""
    with app.database.writing() as session:
        for name, role in (("ann", Role.TEAM), ("bob", Role.TEAM), ("dan", Role.ANALYST)):
            users.add(
                session, f"{name}@federatie.example", name=name.title(), role=role, password=PASSWORD, now=app.now()
            )


@pytest.fixture
def site(app: App) -> Iterator[str]:
    """The site on a port of this machine, and a database whose mails point at it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = app.settings.model_copy(update={"site": app.settings.site.model_copy(update={"url": url})})
    object.__setattr__(app, "settings", settings)
    object.__setattr__(app, "links", type(app.links)(url, app.links.key))
    server = uvicorn.Server(uvicorn.Config(create_site(app), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield url
    server.should_exit = True
    thread.join()

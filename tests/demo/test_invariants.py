"""The invariants of the demo find every fault that is planted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from outreach.app import App
from outreach.audience import suppressing
from outreach.demo.inbox import Mailbox
from outreach.demo.invariants import verify
from outreach.leads import receiving
from outreach.leads.receiving import LeadForm
from outreach.links import hash_address
from outreach.models import (
    Campaign,
    CampaignStatus,
    Channel,
    Delivery,
    DeliveryStatus,
    Lead,
    Suppression,
    SuppressionReason,
)
from tests.conftest import NOW
from tests.leads.world import World

ADDRESSES = ("ann@x.example", "els@y.example", "tom@z.example")
CLEO = "cleo@x.example"


def keep(mailbox: Mailbox, recipient: str, number: int | str) -> None:
    lines = ("List-Unsubscribe: <http://news.example/u/x>", f"Message-ID: <{number}@federatie.example>", "Subject: x")
    mailbox.keep("b@federatie.example", recipient, ("\r\n".join(lines) + "\r\n\r\nDag").encode())


def suppress(app: App, address: str) -> None:
    with app.database.writing() as session:
        suppressing.suppress(
            session,
            hash_address(app.suppression_key, address),
            reason=SuppressionReason.IMPORTED,
            source="test",
            actor="test",
            now=NOW - timedelta(days=1),
        )


@pytest.fixture
def mailbox(app: App, tmp_path: Path) -> Mailbox:
    """A campaign that went well: three mails sent and kept, Cleo obeyed, one lead."""
    suppress(app, CLEO)
    with app.database.writing() as session:
        w = World(session, app.suppression_key)
        service, campaign = w.service(w.enterprise()), w.campaign("kennismaking")
        cohort = w.cohort(campaign, [service])
        for address in ADDRESSES:
            w.delivery(campaign, w.contact(w.company(address), address), cohort)
        w.delivery(campaign, w.contact(w.company(CLEO), CLEO), None, DeliveryStatus.SKIPPED)
        link = w.link(campaign, cohort, service)
        form = LeadForm("Bakkerij", service_id=service.id, email="ann@x.example")
        receiving.receive(
            session,
            form,
            code=link.code,
            channel=Channel.FORM,
            links=app.links,
            settings=app.settings,
            suppression_key=app.suppression_key,
            now=NOW + timedelta(hours=1),
        )
    kept = Mailbox(tmp_path / "inbox.db")
    for number, address in enumerate(ADDRESSES):
        keep(kept, address, number)
    return kept


def faults(app: App, mailbox: Mailbox) -> str:
    return "; ".join(verify(app, mailbox, "kennismaking"))


def test_a_campaign_that_went_well_has_no_fault(app: App, mailbox: Mailbox) -> None:
    assert verify(app, mailbox, "kennismaking") == []


def test_a_doubled_mail_is_found(app: App, mailbox: Mailbox) -> None:
    keep(mailbox, ADDRESSES[0], "other")
    assert faults(app, mailbox) == f"1 addresses got the campaign more than once, such as {ADDRESSES[0]}"


def test_a_message_id_used_twice_is_found(app: App, mailbox: Mailbox) -> None:
    keep(mailbox, ADDRESSES[0], 0)
    assert "a Message-ID was used twice" in faults(app, mailbox)


def test_a_lost_mail_is_found(app: App, mailbox: Mailbox) -> None:
    mailbox._connection.execute("DELETE FROM mail WHERE recipient = ?", (ADDRESSES[1],))
    assert faults(app, mailbox) == "1 rows say sent, but their mail never arrived"


def test_a_mail_to_a_suppressed_address_is_found(app: App, mailbox: Mailbox) -> None:
    keep(mailbox, CLEO, "cleo")
    found = faults(app, mailbox)
    assert f"1 suppressed addresses were mailed, such as {CLEO}" in found
    assert "1 mails arrived that no row accounts for" in found


def test_a_mail_to_somebody_suppressed_whose_row_says_sent_is_found(app: App, mailbox: Mailbox) -> None:
    suppress(app, ADDRESSES[2])
    assert faults(app, mailbox) == f"1 suppressed addresses were mailed, such as {ADDRESSES[2]}"


def test_a_row_without_final_status_is_found(app: App, mailbox: Mailbox) -> None:
    with app.database.writing() as session:
        last = session.scalars(select(Delivery.id).where(Delivery.status == DeliveryStatus.SENT)).all()[-1]
        session.execute(update(Delivery).where(Delivery.id == last).values(status=DeliveryStatus.PENDING, sent_at=None))
    assert "1 rows of the audience have no final status" in faults(app, mailbox)


def test_a_campaign_that_waits_is_found(app: App, mailbox: Mailbox) -> None:
    with app.database.writing() as session:
        session.execute(update(Campaign).values(status=CampaignStatus.PAUSED, pause_reason="te veel fouten"))
    assert "the campaign is paused, not sent: te veel fouten" in faults(app, mailbox)


def test_a_demo_without_leads_or_suppressions_proves_nothing(app: App, mailbox: Mailbox) -> None:
    with app.database.writing() as session:
        for table in (Lead, Suppression):
            session.execute(delete(table))
    assert faults(app, mailbox) == (
        "no suppression was imported, so none could be obeyed; no lead is owed to the campaign"
    )

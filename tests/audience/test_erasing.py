"""An erased person is gone under every spelling of the address: as typed, and as the relay gets it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
import world
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from outreach.app import App
from outreach.audience import cards, erasing
from outreach.audience.addresses import AddressError, parse_address
from outreach.delivery import outbox
from outreach.leads.receiving import LeadForm, receive
from outreach.links import hash_address, normalised_address
from outreach.models import (
    Company,
    Contact,
    Delivery,
    DeliveryStatus,
    Event,
    EventKind,
    Lead,
    OutboxMail,
    OutboxStatus,
    Service,
)

JAN = "jan@bücher.example"
SPELLINGS = (
    JAN,
    "Jan@xn--bcher-kva.example",
    "JAN@BÜCHER.example",
    "jan@bu\u0308cher.example",
    "jan@XN--BCHER-KVA.EXAMPLE",
)


@pytest.mark.parametrize("erased", [JAN, "JAN@xn--bcher-kva.example"])
def test_leads_typed_in_any_spelling_are_emptied_and_their_notices_stopped(both: App, erased: str) -> None:
    key, now = both.suppression_key, both.now()
    with both.database.writing() as session:
        world.add_catalogue(session, now)
        service = session.scalars(select(Service)).first()
        assert service is not None
        for number, email in enumerate(SPELLINGS):
            form = LeadForm(f"Bedrijf {number}", service.id, person="Jan Janssens", email=email, message=f"Van {email}")
            receive(session, form, code=None, links=both.links, settings=both.settings, now=now, suppression_key=key)
        other = LeadForm("Ander", service.id, person="Bob", email="bob@bücher.example", message="Van Bob")
        receive(session, other, code=None, links=both.links, settings=both.settings, now=now, suppression_key=key)
    with both.database.reading() as session:
        assert len(cards.export(session, JAN, key).leads) == len(SPELLINGS)
    with both.database.writing() as session:
        address = parse_address(erased).address
        assert erasing.erase(session, address, key=key, actor="t", now=now).leads == len(SPELLINGS)
    with both.database.reading() as session:
        leads = session.scalars(select(Lead)).all()
        assert [lead.person for lead in leads if lead.person or lead.email or lead.message] == ["Bob"]
        left = session.scalars(select(OutboxMail).where(OutboxMail.status == OutboxStatus.PENDING)).all()
        assert [b"Van Bob" in mail.message for mail in left] == [True]


def test_what_the_relay_answered_no_longer_holds_the_address(app: App) -> None:
    key, now = app.suppression_key, app.now()
    reply = "rcpt: 550 5.1.1 <jan@xn--bcher-kva.example> user unknown; to=JAN@BÜCHER.example. Not: bob@bücher.example"
    with app.database.writing() as session:
        world.add_catalogue(session, now)
        jan = world.add_contact(session, world.add_company(session, now), JAN, key=key, now=now)
        world.add_crowd(session, 12, key=key, now=now)
        world.sending(app, session)
        delivery = session.scalars(select(Delivery).where(Delivery.contact_id == jan.id)).one()
        delivery.status, delivery.reply = DeliveryStatus.REJECTED, reply
        session.add(Event(delivery_id=delivery.id, kind=EventKind.REJECTED, at=now, detail=reply))
        erasing.erase(session, JAN, key=key, actor="t", now=now)
    with app.database.reading() as session:
        told = [*session.scalars(select(Delivery.reply)), *session.scalars(select(Event.detail))]
    kept = [text for text in told if text and "550" in text]
    assert kept == ["rcpt: 550 5.1.1 <[erased]> user unknown; to=[erased]. Not: bob@bücher.example"] * 2


@pytest.mark.parametrize("hashed", [True, False])
def test_mail_in_the_outbox_is_stopped_in_any_spelling(both: App, hashed: bool) -> None:
    key, now = both.suppression_key, both.now()
    with both.database.writing() as session:
        for number, recipient in enumerate(("RENÉ@firma.example", "rene\u0301@firma.example", "bob@firma.example")):
            hash = hash_address(key, recipient) if hashed else None
            outbox.put(
                session, key=f"k{number}", kind="t", recipient=recipient, message=b"x", now=now, address_hash=hash
            )
        assert erasing.erase(session, "rené@firma.example", key=key, actor="t", now=now).mails == 2
    with both.database.reading() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
        assert [(mail.recipient, mail.message) for mail in mails] == [
            (erasing.NOBODY, b""), (erasing.NOBODY, b""), ("bob@firma.example", b"x")
        ]  # fmt: skip


def test_a_program_that_asks_for_json_must_say_yes(cli: Callable[..., Any], app: App) -> None:
    with app.database.writing() as session:
        company = world.add_company(session, app.now())
        world.add_contact(session, company, JAN, key=app.suppression_key, now=app.now())
    ran = cli("contact", "erase", JAN, "--json")
    assert ran.code == 2
    assert "--yes" in ran.err
    with app.database.reading() as session:
        assert session.scalars(select(Contact)).one().erased_at is None
        assert session.scalars(select(Company)).one()


MARKED = st.text(st.sampled_from("aAéΐǰŉßẞİıſΆςΣ\u0301\u0308\u030c\u0345\u0323K.x1"), min_size=1, max_size=8)


@given(st.one_of(MARKED, st.text(min_size=1, max_size=8)))
def test_the_hashed_form_is_one_for_every_spelling_and_stays_what_it_is(local: str) -> None:
    form = normalised_address(f"{local}@firma.example")
    assert normalised_address(form) == form
    for way in ("NFC", "NFD"):
        assert normalised_address(f"{unicodedata.normalize(way, local)}@firma.example") == form


@given(st.one_of(MARKED, st.text(min_size=1, max_size=8)))
def test_both_ways_to_the_hashed_form_agree(local: str) -> None:
    try:
        address = parse_address(f"{local}@Bücher.example")
    except AddressError:
        return
    assert address.hash_form == normalised_address(address.address)

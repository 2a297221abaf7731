"""The one who phones: find, show, suppress, erase, export; and what an erasure leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import contact_lists as lists
import pytest
from contact_lists import row, take_in
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience import cards, contacts, erasing, legal_basis, suppressing
from outreach.belgium.numbers import make_enterprise_number
from outreach.errors import NotFound, Refusal
from outreach.links import hash_address
from outreach.models import (
    Basis,
    Campaign,
    Channel,
    Company,
    Contact,
    Delivery,
    DeliveryStatus,
    Enterprise,
    Event,
    EventKind,
    Evidence,
    Lead,
    LegalBasis,
    OutboxMail,
    OutboxStatus,
    SuppressionReason,
)

Cli = Callable[..., Any]
ANN = "ann@jansen.example"


def fill(app: App, folder: Path) -> None:
    """Ann at two companies and Bob at one, with a mail, a lead and a notice each may be found in."""
    rows = [
        row(),
        row(ondernemingsnummer=make_enterprise_number(11), bedrijf="Café Élan"),
        row(email="bob@jansen.example", voornaam="Bob", achternaam="Élysée", datum="01/04/2026"),
    ]
    take_in(app, lists.write(folder / "l.csv", rows))
    with app.database.writing() as session:
        _correspond(session, app)


def _correspond(session: Session, app: App) -> None:
    now = app.now()
    campaign = Campaign(name="lente", title="Lente", segment="s", template="t", spec={}, created_by="x", created_at=now)
    enterprise = Enterprise(
        enterprise_number=make_enterprise_number(99), slug="m", name="Maatwerk", postcode="9000",
        email="m@m.example",
        created_at=now, updated_at=now,
    )  # fmt: skip
    session.add_all([campaign, enterprise])
    session.flush()
    for place, contact in enumerate(session.scalars(select(Contact).order_by(Contact.id)).all()):
        status = (DeliveryStatus.SENT, DeliveryStatus.PENDING, DeliveryStatus.PENDING)[place]
        delivery = Delivery(
            campaign_id=campaign.id, contact_id=contact.id, company_id=contact.company_id, status=status,
            address_hash=contact.address_hash if place != 1 else None, status_at=now,
            reply=f"250 to <{contact.address}>",
        )  # fmt: skip
        session.add(delivery)
        session.flush()
        session.add(Event(delivery_id=delivery.id, kind=EventKind.SENT, at=now, detail=f"to {contact.address}"))
    for number, email in enumerate((ANN.upper(), "bob@jansen.example"), 1):
        session.add(
            Lead(
                id=number, company_name="Jansen", enterprise_id=enterprise.id, channel=Channel.FORM,
                evidence=Evidence.NONE, person="Somebody", email=email, phone="09", message="Call me",
                happened_at=now, created_at=now, created_by="x",
                address_hash=hash_address(app.suppression_key, email),
            )
        )  # fmt: skip
        mail = OutboxMail(
            key=f"lead:{number}:notice", kind="lead", recipient="m@m.example", message=b"Somebody",
            created_at=now, status=OutboxStatus.SENT, status_at=now,
        )  # fmt: skip
        session.add(mail)
    ack = {"key": "ack", "kind": "opt_out", "recipient": ANN, "message": b"Dear Ann"}
    session.add(OutboxMail(**ack, status=OutboxStatus.PENDING, created_at=now, status_at=now))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ANN@jansen.example", {ANN}),
        ("Ann Jansen", {ANN}),
        ("bob", {"bob@jansen.example"}),
        ("élysée", {"bob@jansen.example"}),
        ("bakkerij", {ANN, "bob@jansen.example"}),
        ("CAFE ELAN", {ANN}),
        ("0203.201", {ANN, "bob@jansen.example"}),
        ("BE 0203201340", {ANN, "bob@jansen.example"}),
        ("@jansen", {ANN, "bob@jansen.example"}),
        ("100%", set()),
        ("_", set()),
    ],
)
def test_contacts_are_found_by_a_part_of_what_is_known(both: App, tmp_path: Path, text: str, found: set[str]) -> None:
    fill(both, tmp_path)
    with both.database.reading() as session:
        assert {contact.address for contact in contacts.find(session, text, both.suppression_key)} == found


def test_show_tells_everything_that_is_held(both: App, tmp_path: Path) -> None:
    fill(both, tmp_path)
    with both.database.reading() as session:
        held = cards.export(session, ANN, both.suppression_key)
    assert [card.company.name for card in held.contacts] == ["Bakkerij Jansen", "Café Élan"]
    card = held.contacts[0]
    assert [(basis.basis, basis.source, basis.obtained_on) for basis in card.bases] == [
        ("consent", "beurs", date(2026, 3, 1))
    ]
    assert [(mail.campaign, mail.status) for mail in card.deliveries] == [("lente", "sent")]
    assert [event.kind for event in card.deliveries[0].events] == ["sent"]
    assert [lead.message for lead in held.leads] == ["Call me"]
    assert (card.company.municipality, card.company.province) == ("Gent", "Oost-Vlaanderen")
    assert not card.suppressed


def test_erasure_empties_the_person_and_keeps_counts_and_suppression(both: App, tmp_path: Path) -> None:
    fill(both, tmp_path)
    with both.database.writing() as session:
        erased = erasing.erase(session, ANN, key=both.suppression_key, actor="test", now=both.now())
    assert (erased.contacts, erased.legal_bases, erased.deliveries_cancelled, erased.leads) == (2, 2, 1, 1)
    with both.database.reading() as session:
        ann = session.scalars(select(Contact).where(Contact.erased_at.is_not(None))).all()
        assert [(contact.address, contact.address_hash, contact.last_name) for contact in ann] == [
            (None, None, None)
        ] * 2
        assert session.scalar(select(func.count()).select_from(Delivery)) == 3
        statuses = session.scalars(select(Delivery.status).order_by(Delivery.id)).all()
        assert statuses == [DeliveryStatus.SENT, DeliveryStatus.CANCELLED, DeliveryStatus.PENDING]
        assert suppressing.is_suppressed(session, hash_address(both.suppression_key, ANN))
        everything = " ".join(
            str(tuple(found)) for table in Company.metadata.sorted_tables for found in session.execute(select(table))
        )
    for trace in (ANN, ANN.upper(), "Dear Ann"):
        assert trace not in everything
    for kept in ("bob@jansen.example", "Somebody", "Bakkerij Jansen"):
        assert kept in everything


def test_erasure_does_not_forget_the_suppression_that_was_there(both: App, tmp_path: Path) -> None:
    hash = hash_address(both.suppression_key, ANN)
    fill(both, tmp_path)
    with both.database.writing() as session:
        complaint = SuppressionReason.COMPLAINT
        suppressing.suppress(session, hash, reason=complaint, source="feedback", actor="x", now=both.now())
        erasing.erase(session, ANN, key=both.suppression_key, actor="x", now=both.now())
        erasing.erase(session, ANN, key=both.suppression_key, actor="x", now=both.now())
        live = suppressing.live(session, hash)
    assert live is not None
    assert live.reason is SuppressionReason.ERASED


def test_the_latest_live_evidence_is_the_current_one_and_of_one_day_the_strongest(app: App, tmp_path: Path) -> None:
    take_in(app, lists.write(tmp_path / "l.csv", [row()]))
    with app.database.writing() as session:
        contact = session.scalars(select(Contact.id)).one()
        for basis, day in ((Basis.ROLE_ADDRESS, date(2026, 3, 1)), (Basis.CUSTOMER, date(2026, 4, 1))):
            session.add(
                LegalBasis(
                    contact_id=contact, basis=basis, source="x", obtained_on=day, actor="x", recorded_at=app.now()
                )
            )
        session.flush()
        found = legal_basis.current(session, contact)
        assert found is not None
        assert found.basis is Basis.CUSTOMER
        assert legal_basis.withdraw(session, contact, now=app.now(), basis=Basis.CUSTOMER) == 1
        found = legal_basis.current(session, contact)
        assert found is not None
        assert found.basis is Basis.CONSENT
        assert legal_basis.withdraw(session, contact, now=app.now()) == 2
        assert legal_basis.current(session, contact) is None


def test_nothing_is_known_of_a_stranger(app: App) -> None:
    with app.database.reading() as session:
        with pytest.raises(NotFound):
            cards.export(session, "stranger@x.example", app.suppression_key)
        with pytest.raises(NotFound):
            cards.show(session, 12345)
        with pytest.raises(Refusal):
            contacts.find(session, " ", app.suppression_key)


def test_the_commands_for_the_one_who_phones(cli: Cli, project: Path, app: App, tmp_path: Path) -> None:
    fill(app, tmp_path)
    assert "bob@jansen.example" in cli("contact", "find", "bob").out
    assert json.loads(cli("contact", "find", "bob", "--json").out)[0]["suppressed"] == "no"
    assert "beurs" in cli("contact", "show", ANN).out
    assert cli("contact", "show", "1").code == 0
    assert json.loads(cli("contact", "show", ANN, "--json").out)["contacts"][0]["tags"] == []

    stranger = cli("contact", "suppress", "Stranger <stranger@x.example>", "--reason", "phoned", "--json")
    assert json.loads(stranger.out) == {"address": "stranger@x.example", "new": True, "contacts": 0}
    assert "phoned" in cli("contact", "show", "stranger@x.example").out
    assert "own opt-in" in cli("contact", "lift", "stranger@x.example", "--reason", "a typing error").err
    assert cli("contact", "suppress", "other@x.example", "--reason", "a competitor", "--our-decision").code == 0
    assert cli("contact", "lift", "other@x.example", "--reason", "a typing error").code == 0
    assert cli("contact", "lift", "other@x.example", "--reason", "again").code == 1

    assert cli("contact", "export", ANN, "--out", "ann.json").code == 0
    assert json.loads((project / "ann.json").read_text())["address"] == ANN
    assert cli("contact", "export", ANN, "--out", "ann.json").code == 1
    assert json.loads(cli("contact", "erase", ANN, "--yes", "--json").out)["contacts"] == 2
    assert cli("contact", "show", ANN).out.count("erased") >= 1
    assert "erased" in cli("contact", "show", "1").out

    for arguments in (
        ("show", "kapot@"),
        ("show", "99999"),
        ("suppress", ANN, "--reason", " "),
        ("export", "n@n.example"),
    ):
        ran = cli("contact", *arguments)
        assert ran.code == 1, arguments
        assert ran.err.startswith("error: ")
    assert cli("contact", "suppress", ANN).code == 2


def test_erasing_asks_first(cli: Cli, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    fill(app, tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert cli("contact", "erase", ANN).code == 1
    with app.database.reading() as session:
        assert len(contacts.of_address(session, ANN, app.suppression_key)) == 2


def test_midnight_in_brussels_is_shown_as_the_day_it_is_there(app: App, cli: Cli, tmp_path: Path) -> None:
    """A day of a list is midnight in Brussels, which is the day before in UTC."""
    (tmp_path / "uit.csv").write_text("Email Address,UNSUB_TIME\nbob@jansen.example,2026-07-01\n")
    assert cli("import", "suppressions", tmp_path / "uit.csv").code == 0
    shown = cli("contact", "show", "bob@jansen.example").out
    assert "since 2026-07-01" in shown
    assert "2026-06-30" not in shown
    for command in (("contact", "export"), ("contact", "show", "--json")):
        held = json.loads(cli(*command, "bob@jansen.example").out)
        assert held["suppressions"][0]["at"] == "2026-07-01T00:00:00+02:00"
    with app.database.writing() as session, pytest.raises(Refusal, match="suppressed since 2026-07-01"):
        key = hash_address(app.suppression_key, "bob@jansen.example")
        suppressing.lift(session, key, by="test", reason="asked", now=app.now())

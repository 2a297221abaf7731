"""Opting out: at once, for all campaigns, acknowledged once."""

from __future__ import annotations

import email
import threading
from dataclasses import replace
from email.policy import default

import pytest
import world
from delivery.conftest import make_campaign
from sqlalchemy import func, select

from outreach.app import App
from outreach.audience import suppressing
from outreach.delivery import opting_out, outbox
from outreach.delivery.opting_out import OptedOut
from outreach.models import Contact, Delivery, Event, EventKind, OutboxMail, Suppression, SuppressionReason


def delivery_of(app: App, name: str) -> int:
    with app.database.reading() as session:
        query = select(Delivery.id).join(Contact, Contact.id == Delivery.contact_id)
        return session.scalars(query.where(Contact.address == f"{name}@{name}.example")).one()


def opt_out(app: App, delivery_id: int, via: str = "one-click") -> OptedOut | None:
    with app.database.writing() as session:
        return opting_out.opt_out(session, delivery_id, via=via, settings=app.settings, now=app.now())


def outbox_mails(app: App) -> list[OutboxMail]:
    with app.database.reading() as session:
        return list(session.scalars(select(OutboxMail)))


def test_opting_out_suppresses_for_all_campaigns_and_is_acknowledged_once(both: App, clock: object) -> None:
    campaign = make_campaign(both, clock, crowd=1)
    ann = delivery_of(both, "ann")
    first, second = opt_out(both, ann), opt_out(both, ann, "page")
    assert first is not None
    assert second is not None
    assert (first.first, first.address, first.campaign_id) == (True, "ann@ann.example", campaign.id)
    assert second == replace(first, first=False)
    with both.database.reading() as session:
        suppression = session.scalars(select(Suppression).where(Suppression.campaign_id == campaign.id)).one()
        assert suppression.reason is SuppressionReason.UNSUBSCRIBED
        event = session.scalars(select(Event)).one()
        assert (event.kind, event.detail, event.delivery_id) == (EventKind.UNSUBSCRIBED, "one-click", ann)
    (mail,) = outbox_mails(both)
    assert (mail.kind, mail.recipient) == ("opt_out", "ann@ann.example")


def test_the_acknowledgement_says_who_and_that_nothing_is_left_to_do(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=0)
    opt_out(app, delivery_of(app, "ann"))
    (mail,) = outbox_mails(app)
    message = email.message_from_bytes(mail.message, policy=default)
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Subject"] == "U bent uitgeschreven"
    assert message["To"] == "ann@ann.example"
    assert message["From"] == "Federatie Voorbeeld <nieuws@federatie.example>"
    assert message["List-Unsubscribe"] is None
    text = message.get_content()
    for words in (
        "ann@ann.example",
        "Federatie Voorbeeld",
        "Voorbeeldstraat 1, 9000 Gent",
        app.settings.sender.enterprise_number,
    ):
        assert words in text


def test_two_one_click_posts_at_once_make_one_event_and_one_acknowledgement(both: App, clock: object) -> None:
    make_campaign(both, clock, crowd=0)
    ann = delivery_of(both, "ann")
    together = threading.Barrier(6)

    def click() -> None:
        together.wait()
        opt_out(both, ann)

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with both.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 1
    assert len(outbox_mails(both)) == 1


def test_an_opt_out_from_a_second_campaign_is_not_acknowledged_again(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=0)
    with app.database.writing() as session:
        world.sending(app, session, name="tweede", send_at="2026-12-02 10:00")
    with app.database.reading() as session:
        query = select(Delivery.id).join(Contact, Contact.id == Delivery.contact_id)
        ids = session.scalars(query.where(Contact.address == "ann@ann.example")).all()
    assert len(ids) == 2
    for id in ids:
        assert opt_out(app, id) is not None
    assert len(outbox_mails(app)) == 1
    with app.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 2


def test_who_was_suppressed_already_is_acknowledged_too(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=0)
    opted = opt_out(app, delivery_of(app, "bob"))
    assert opted is not None
    assert not opted.first
    assert [mail.recipient for mail in outbox_mails(app)] == ["bob@bob.example"]


def test_a_second_opt_out_after_an_own_opt_in_is_acknowledged_again(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=0)
    ann = delivery_of(app, "ann")
    opt_out(app, ann)
    with app.database.writing() as session:
        row = session.get_one(Delivery, ann)
        assert row.address_hash is not None
        suppressing.lift(session, row.address_hash, by="ann", reason="opt-in", now=app.now(), opted_in=True)
    opted = opt_out(app, ann)
    assert opted is not None
    assert opted.first
    assert len(outbox_mails(app)) == 2


def test_an_opt_out_lifts_no_complaint(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=0)
    opt_out(app, delivery_of(app, "cleo"))
    with app.database.reading() as session:
        row = session.get_one(Delivery, delivery_of(app, "cleo"))
        assert row.address_hash is not None
        live = suppressing.live(session, row.address_hash)
    assert live is not None
    assert live.reason is SuppressionReason.COMPLAINT


def test_a_delivery_that_is_not_there_opts_nobody_out(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=0)
    assert opt_out(app, 10**9) is None
    assert not outbox_mails(app)


def test_the_opt_out_of_an_erased_contact_holds_without_an_acknowledgement(app: App, clock: object) -> None:
    from outreach.audience import erasing

    make_campaign(app, clock, crowd=0)
    ann = delivery_of(app, "ann")
    with app.database.writing() as session:
        erasing.erase(session, "ann@ann.example", key=app.suppression_key, actor="t", now=app.now())
    opted = opt_out(app, ann)
    assert opted is not None
    assert (opted.first, opted.address) == (False, None)
    assert not outbox_mails(app)


def test_an_opt_out_holds_even_if_no_acknowledgement_can_be_written(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=0)
    sender = app.settings.sender.model_copy(update={"email": ""})
    broken = replace(app, settings=app.settings.model_copy(update={"sender": sender}))
    opted = opt_out(broken, delivery_of(app, "ann"))
    assert opted is not None
    assert opted.first
    assert not outbox_mails(app)


@pytest.mark.parametrize("times", [1, 2])
def test_a_key_of_the_outbox_is_used_once(both: App, times: int) -> None:
    for attempt in range(times):
        with both.database.writing() as session:
            put = outbox.put(session, key="k", kind="t", recipient="a@b.example", message=b"x", now=both.now())
        assert put is (attempt == 0)
    assert len(outbox_mails(both)) == 1

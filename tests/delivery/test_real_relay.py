"""A campaign over a real Postfix into real mailboxes, each of which is read."""

from __future__ import annotations

import mailbox
import re
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from conftest import Clock
from delivery.conftest import make_campaign, with_relay
from fastapi.testclient import TestClient
from postoffice import running_postfix
from sqlalchemy import select

from outreach.app import App
from outreach.delivery import sending
from outreach.links import Purpose
from outreach.models import Contact, Delivery
from outreach.web.site import create_site

CROWD = 6


def parsed(message: mailbox.MaildirMessage) -> EmailMessage:
    found = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def tokens_in(text: str) -> set[str]:
    """Return the tokens of all opt-out links in a text."""
    return set(re.findall(r"/u/([a-z0-9.]+)", text))


@pytest.mark.postfix
def test_a_real_postfix_puts_one_right_copy_in_each_mailbox(app: App, clock: Clock, postfix_installed: None) -> None:
    make_campaign(app, clock, crowd=CROWD)
    with app.database.reading() as session:
        rows = session.execute(
            select(Contact.address, Delivery).join(Delivery, Delivery.contact_id == Contact.id)
        ).all()
        everybody = list(session.scalars(select(Contact.address)))
    deliveries = {str(address): row for address, row in rows if row.status == "pending"}
    with running_postfix([str(address) for address in everybody]) as postfix:
        sent = with_relay(app, port=postfix.port)
        summary = sending.send_due(
            sent.database, sent.settings, sent.links, clock=app.clock, stop=threading.Event(), until_idle=True
        )
        assert summary.sent == len(deliveries) == CROWD + 1
        postfix.wait_until_idle()
        boxes = {address: [parsed(one) for one in postfix.mails_to(address)] for address in postfix.boxes}
    assert {address for address, mails in boxes.items() if mails} == set(deliveries)
    for address in ("bob@bob.example", "cleo@cleo.example", "dan@dan.example"):
        assert boxes[address] == []
    seen = set()
    for address, delivery in deliveries.items():
        (message,) = boxes[address]
        assert [part.defects for part in message.walk()] == [[] for _ in message.walk()]
        assert (message["To"], message["X-Original-To"] or address) == (address, address)
        assert message.get_all("To") == [address]
        seen.add(message["Message-ID"])
        # Its own opt-out link, in the header and in both parts, and nobody else's.
        (token,) = tokens_in(message["List-Unsubscribe"])
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert tokens_in(text_of(message, "plain")) == tokens_in(text_of(message, "html")) == {token}
        known = app.links.read_addressed(Purpose.OPT_OUT, token)
        assert known is not None
        assert (known.delivery_id, known.address_hash) == (delivery.id, delivery.address_hash)
        assert message["Return-Path"] == "<nieuws@federatie.example>"
    assert len(seen) == len(deliveries), "two mails have one Message-ID"
    opted_out(app, boxes["ann@ann.example"][0])


def opted_out(app: App, message: EmailMessage) -> None:
    """Opt out as a mail program does, by the header of the mail that arrived; only Ann is suppressed by it."""
    link = re.search(r"<(https?://[^>]+)>", message["List-Unsubscribe"])
    assert link is not None
    with TestClient(create_site(app), base_url=app.links.base) as site:
        assert site.post(link[1], data={"List-Unsubscribe": "One-Click"}, follow_redirects=False).status_code == 200
    from outreach.models import Suppression

    with app.database.reading() as session:
        hashes = set(session.scalars(select(Suppression.address_hash).where(Suppression.source.like("delivery %"))))
        ann = session.scalars(select(Contact.address_hash).where(Contact.address == "ann@ann.example")).one()
    assert hashes == {ann}

"""What leaves is signed, all of it, and nothing leaves unsigned because a key is gone."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import dkim
import pytest
from delivery.conftest import make_campaign, with_relay
from relays import Relay
from sqlalchemy import select

from outreach.app import App
from outreach.delivery import outbox, sending
from outreach.delivery.sending import Summary
from outreach.emails import signing
from outreach.emails.assembly import Headers, Mailbox, assemble_plain
from outreach.jobs import run_due
from outreach.models import Delivery
from outreach.settings import DkimSettings

DKIM = DkimSettings(domain="federatie.example", key_file="key.pem")


def signed(app: App, port: int) -> App:
    app = with_relay(app, port=port)
    return replace(app, settings=app.settings.model_copy(update={"dkim": DKIM}))


def send(app: App) -> Summary:
    return sending.send_due(
        app.database, app.settings, app.links, clock=app.clock, stop=threading.Event(), until_idle=True
    )


def test_campaigns_and_other_mail_are_signed(
    app: App, project: Path, clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_campaign(app, clock)
    signing.make_key(project / "key.pem")
    headers = Headers(Mailbox("nieuws@federatie.example"), Mailbox("ann@ann.example"), app.now(), "<1@x.example>")
    with app.database.writing() as session:
        # Line ends as another program might have written them.
        message = assemble_plain(headers, "Bevestiging", "Dag Ann.").replace(b"\r\n", b"\n")
        outbox.put(session, key="k", kind="test", recipient="ann@ann.example", message=message, now=app.now())
    with Relay() as relay:
        summary = send(signed(app, relay.port))
    assert (summary.sent, summary.outbox_sent) == (9, 1)
    # dkimpy believes no signature of tomorrow.
    monkeypatch.setattr(dkim, "time", SimpleNamespace(time=app.now().timestamp))
    record = next(iter(signing.record(DKIM, project).values()))
    for mail in relay.received:
        assert dkim.verify(mail.data, dnsfunc=lambda name, timeout=5: record.encode()), mail


def test_without_its_key_nothing_is_sent_and_nothing_lost(app: App, clock: object) -> None:
    make_campaign(app, clock)
    with Relay() as relay:
        done = run_due(signed(app, relay.port))
    assert not relay.received
    assert "key.pem: missing; make a key with `outreach dkim key`" in done.faults[0]
    with app.database.reading() as session:
        assert set(session.scalars(select(Delivery.worker_id))) == {None}

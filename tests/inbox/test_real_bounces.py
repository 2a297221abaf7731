"""The whole way with real parts: a campaign over Postfix, and its real bounces read over IMAP from Dovecot."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import world
from certificates import make_authority
from conftest import Clock
from delivery.conftest import with_relay
from inbox.conftest import Office, with_inbox
from postoffice import Postfix, running_dovecot, running_postfix
from relays import Relay, Talk

from outreach import jobs
from outreach.app import App, open_app
from outreach.delivery.sending import send_due
from outreach.models import DeliveryStatus, EventKind, SuppressionReason

BOUNCES, THERE = "bounces@terug.example", "info@bedrijf.example"
GONE, FULL, STRICT, NOWHERE = "weg@bedrijf.example", "an@vol.example", "jo@streng.example", "ann@ann.example"


def full(stage: str, talk: Talk) -> str | None:
    return "552 5.2.2 The mailbox is over its quota" if stage == "rcpt" else None


def strict(stage: str, talk: Talk) -> str | None:
    return "554 5.7.1 Message refused by policy: poor reputation" if stage == "dot" else None


def send(app: App, clock: Clock, postfix: Postfix) -> None:
    """Send a campaign over Postfix to Ann, whose domain is gone, and four others; wait for what comes back."""
    with app.database.writing() as session:
        world.add_cast(session, key=app.suppression_key, now=app.now())
        for address in (THERE, GONE, FULL, STRICT):
            company = world.add_company(session, app.now())
            world.add_contact(session, company, address, key=app.suppression_key, now=app.now())
        world.add_catalogue(session, app.now())
        campaign = world.sending(app, session)
        assert campaign.send_at is not None
        clock.at = campaign.send_at
        clock.move(seconds=30)
    sender = with_relay(app, port=postfix.port)
    send_due(sender.database, sender.settings, sender.links, clock=clock, stop=threading.Event(), until_idle=True)
    postfix.wait_until_idle()


@pytest.mark.postfix
@pytest.mark.dovecot
def test_real_bounces_of_refused_recipients_come_back_and_do_what_they_should(
    tmp_path: Path, project: Path, clock: Clock, postfix_installed: None, dovecot_installed: None
) -> None:
    authority = make_authority(tmp_path / "tls")
    files = {"chain": authority.chain, "key": authority.key, "ca_file": authority.ca_file}
    with Relay(full) as over_quota, Relay(strict) as picky:
        routes = {"vol.example": over_quota.port, "streng.example": picky.port}
        with (
            running_postfix([BOUNCES, THERE], routes) as postfix,
            running_dovecot({"terug": postfix.boxes[BOUNCES]}, **files) as dovecot,
        ):
            with_inbox(
                project,
                f'imap_host = "127.0.0.1"\nimap_port = {dovecot.port}\nimap_username = "terug"\n'
                f'imap_password = "{dovecot.password}"\nimap_ca_file = "{authority.ca_file}"\n',
            )
            app = open_app(project, clock=clock)
            office = Office(app, clock)
            send(app, clock, postfix)
            assert len(postfix.mails_to(THERE)) == 1
            read = jobs.read_inbox(app)
            assert (read.new, read.understood, read.faults) == (4, 4, [])
            assert jobs.read_inbox(app).new == 0
    reasons = {event.delivery_id: (event.klass, event.reason) for event in office.events(EventKind.BOUNCED)}
    told = {address: reasons.get(office.delivery(address).id) for address in (THERE, GONE, FULL, STRICT, NOWHERE)}
    assert told == {
        THERE: None,
        GONE: ("hard", "unknown_user"),
        FULL: ("soft", "mailbox_full"),
        STRICT: ("soft", "reputation"),
        NOWHERE: ("hard", "unknown_host"),
    }
    assert office.suppressed() == 2
    for address in (GONE, NOWHERE):
        suppression = office.suppression(address)
        assert suppression is not None
        assert suppression.reason is SuppressionReason.HARD_BOUNCE
    assert office.delivery(GONE).status is DeliveryStatus.SENT, "bounces are events, not statuses"
    app.close()

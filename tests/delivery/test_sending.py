"""Sending as a whole: what reaches the relay, and what the rows say afterwards."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import world
from certificates import Authority
from delivery.conftest import make_campaign, with_relay
from relays import Drop, Relay, Talk, aiosmtpd_relay, free_port
from sqlalchemy import func, select, update

from outreach.app import App
from outreach.audience.suppressing import suppress
from outreach.campaigns import life, progress
from outreach.delivery import outbox, sending
from outreach.delivery.sending import Summary
from outreach.models import (
    Campaign,
    CampaignStatus,
    Contact,
    Delivery,
    DeliveryStatus,
    Event,
    EventKind,
    OutboxMail,
    OutboxStatus,
    RelayRest,
    SuppressionReason,
    Worker,
)

ACK = b"Subject: x\r\n\r\nx\r\n"


def send(app: App, port: int, stop: threading.Event | None = None, **relay: Any) -> Summary:
    app = with_relay(app, port=port, **relay)
    return sending.send_due(
        app.database, app.settings, app.links, clock=app.clock, stop=stop or threading.Event(), until_idle=True
    )


def statuses(app: App) -> dict[str, int]:
    with app.database.reading() as session:
        counted = world.counted(session, Delivery.status)
    return {status.value: count for status, count in counted.items()}


def state(app: App, campaign: Campaign) -> Campaign:
    with app.database.reading() as session:
        return session.get_one(Campaign, campaign.id)


def resume(app: App, campaign: Campaign) -> None:
    with app.database.writing() as session:
        life.resume(session, session.get_one(Campaign, campaign.id), by="ann", now=app.now())


def rows(app: App, *where: Any) -> list[Delivery]:
    with app.database.reading() as session:
        return list(session.scalars(select(Delivery).where(*where).order_by(Delivery.id)))


def queue(app: App, key: str, recipient: str = "ann@ann.example") -> None:
    with app.database.writing() as session:
        outbox.put(session, key=key, kind="test", recipient=recipient, message=ACK, now=app.now())


def mail(app: App, key: str) -> OutboxMail:
    with app.database.reading() as session:
        return session.scalars(select(OutboxMail).where(OutboxMail.key == key)).one()


def refusing(recipient: str, answer: str, times: int = 10**6) -> Any:
    """Answer RCPT of one recipient with a refusal, so many times."""
    left = Counter({recipient: times})

    def answering(stage: str, talk: Talk) -> str | None:
        if stage == "rcpt" and left[talk.recipient] > 0:
            left[talk.recipient] -= 1
            return answer
        return None

    return answering


def test_everyone_who_may_be_mailed_gets_one_mail_and_the_campaign_ends(both: App, campaign: Campaign) -> None:
    with aiosmtpd_relay() as (port, inbox):
        summary = send(both, port)
    assert len(inbox.received) == 9
    assert len({message.recipient for message in inbox.received}) == 9
    assert not {"bob@bob.example", "cleo@cleo.example", "dan@dan.example"} & {m.recipient for m in inbox.received}
    assert (summary.sent, summary.finished, summary.trouble) == (9, 1, None)
    assert statuses(both) == {"sent": 9, "skipped": 3}
    finished = state(both, campaign)
    assert (finished.status, finished.finished_at) == (CampaignStatus.SENT, both.now())
    assert all(
        row.sent_at == both.now() and row.worker_id is None and row.attempts == 1
        for row in rows(both, Delivery.status == "sent")
    )
    with both.database.reading() as session:
        assert world.counted(session, Event.kind) == {EventKind.SENT: 9}
        assert not session.scalar(select(func.count()).select_from(Worker))


def test_over_tls_with_login(app: App, clock: Any, authority: Authority) -> None:
    make_campaign(app, clock, crowd=2)
    with aiosmtpd_relay(starttls=authority.server(), login=("team", "geheim")) as (port, inbox):
        send(app, port, security="starttls", ca_file=str(authority.ca_file), username="team", password="geheim")
    assert len(inbox.received) == 3


def test_450_and_454_are_not_final(both: App, campaign: Campaign, clock: Any) -> None:
    answer = refusing("ann@ann.example", "450 4.7.1 greylisted", times=1)
    with Relay(answer=answer) as relay:
        assert send(both, relay.port).deferred == 1
        (ann,) = rows(both, Delivery.status == DeliveryStatus.DEFERRED)
        assert ann.retry_at is not None
        assert timedelta(minutes=2) <= ann.retry_at - both.now() < timedelta(minutes=3)
        assert "450" in (ann.reply or "")
        assert state(both, campaign).status is CampaignStatus.SENDING
        assert send(both, relay.port).sent == 0  # not due yet
        clock.move(minutes=3)
        assert send(both, relay.port).sent == 1
    assert Counter(relay.recipients)["ann@ann.example"] == 1
    assert state(both, campaign).status is CampaignStatus.SENT


@pytest.mark.parametrize("reply", ["454 4.3.0 try again", "552 5.2.2 mailbox full"])
def test_soft_refusals_are_retried_with_growing_pauses_until_the_window_ends(app: App, clock: Any, reply: str) -> None:
    make_campaign(app, clock, crowd=0)
    with Relay(answer=refusing("ann@ann.example", reply)) as relay:
        pauses = []
        for _ in range(60):
            send(app, relay.port)
            (ann,) = rows(app, Delivery.status != DeliveryStatus.SKIPPED)
            if ann.status is not DeliveryStatus.DEFERRED:
                break
            assert ann.retry_at is not None
            pauses.append(ann.retry_at - app.now())
            clock.at = ann.retry_at
    assert pauses[:7] == sorted(pauses[:7])
    assert (ann.status, ann.reason) == (DeliveryStatus.FAILED, "expired")
    assert ann.first_tried_at is not None
    assert timedelta(hours=72) <= app.now() - ann.first_tried_at < timedelta(hours=78)
    assert not relay.received


def test_the_relays_refusal_of_an_address_is_of_that_address_alone(both: App, campaign: Campaign) -> None:
    with Relay(answer=refusing("ann@ann.example", "550 5.1.1 <ann@ann.example> unknown")) as relay:
        summary = send(both, relay.port)
    assert (summary.sent, summary.rejected) == (8, 1)
    (ann,) = rows(both, Delivery.status == DeliveryStatus.REJECTED)
    assert (ann.reason, "ann@" in (ann.reply or "")) == ("5.1.1", False)
    assert state(both, campaign).status is CampaignStatus.SENT
    with both.database.reading() as session:
        assert session.scalar(select(Event.kind).where(Event.delivery_id == ann.id)) is EventKind.REJECTED


def test_a_policy_refusal_pauses_the_campaign_with_the_relays_words_and_marks_no_address(
    both: App, campaign: Campaign
) -> None:
    def answer(stage: str, talk: Talk) -> str | None:
        return "550 5.7.1 your domain is not welcome" if stage == "rcpt" else None

    with Relay(answer=answer) as relay:
        send(both, relay.port)
    paused = state(both, campaign)
    assert paused.status is CampaignStatus.PAUSED
    assert "your domain is not welcome" in (paused.pause_reason or "")
    assert statuses(both) == {"pending": 9, "skipped": 3}
    resume(both, campaign)
    with Relay() as relay:
        assert send(both, relay.port).sent == 9
    assert state(both, campaign).status is CampaignStatus.SENT


def test_a_relay_that_refuses_every_address_pauses_the_campaign_instead_of_rejecting_them_all(
    both: App, clock: Any
) -> None:
    campaign = make_campaign(both, clock, crowd=60)

    def answer(stage: str, talk: Talk) -> str | None:
        return "550 no" if stage == "rcpt" else None

    with Relay(answer=answer) as relay:
        send(both, relay.port, connections=1)
    paused = state(both, campaign)
    assert paused.status is CampaignStatus.PAUSED
    assert "refused 20 mails in a row" in (paused.pause_reason or "")
    assert "550 no" in (paused.pause_reason or "")
    assert statuses(both) == {"pending": 61, "skipped": 3}
    resume(both, campaign)
    with Relay() as relay:
        assert send(both, relay.port).sent == 61
    assert state(both, campaign).status is CampaignStatus.SENT


def test_a_small_campaign_of_which_every_address_is_refused_pauses_once_and_then_ends(
    both: App, campaign: Campaign
) -> None:
    def answer(stage: str, talk: Talk) -> str | None:
        return "550 5.1.1 no such user" if stage == "rcpt" else None

    with Relay(answer=answer) as relay:
        send(both, relay.port)
        assert state(both, campaign).status is CampaignStatus.PAUSED
        resume(both, campaign)
        assert send(both, relay.port).rejected == 9
    assert state(both, campaign).status is CampaignStatus.SENT


def test_one_mail_that_the_relay_refuses_does_not_hold_up_the_others(app: App, clock: Any) -> None:
    campaign = make_campaign(app, clock, crowd=30)
    with Relay(answer=refusing("ann@ann.example", "550 5.7.1 content")) as relay:
        for _ in range(3):
            send(app, relay.port, connections=1)
            if state(app, campaign).status is CampaignStatus.PAUSED:
                resume(app, campaign)
    assert len(relay.received) == 30
    assert statuses(app) == {"sent": 30, "pending": 1, "skipped": 3}


def test_a_wrong_password_leaves_every_row_pending_and_says_so(app: App, clock: Any, authority: Authority) -> None:
    campaign = make_campaign(app, clock)
    tls = {"security": "starttls", "ca_file": str(authority.ca_file), "username": "team"}
    with aiosmtpd_relay(starttls=authority.server(), login=("team", "geheim")) as (port, inbox):
        summary = send(app, port, password="fout", **tls)
        assert "auth: 535" in (summary.trouble or "")
        assert not inbox.received
        assert statuses(app) == {"pending": 9, "skipped": 3}
        assert state(app, campaign).status is CampaignStatus.SENDING
        # The relay isn't asked again at every tick: accounts are locked for that.
        assert "rests until" in (send(app, port, password="fout", **tls).trouble or "")
        clock.move(minutes=6)
        assert send(app, port, password="geheim", **tls).sent == 9
    with app.database.reading() as session:
        assert session.scalar(select(RelayRest)) is None


def test_stuck_at_0_of_n_a_relay_that_is_away_is_named_and_sending_goes_on_by_itself(app: App, clock: Any) -> None:
    make_campaign(app, clock)
    port = free_port()
    summary = send(app, port)
    assert f"127.0.0.1:{port} can't be reached" in (summary.trouble or "")
    assert statuses(app) == {"pending": 9, "skipped": 3}
    clock.move(minutes=1)
    with Relay(port=port):
        assert send(app, port).sent == 9


def test_an_exception_never_marks_the_recipient_as_sent(
    both: App, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outreach.campaigns.mailing import Mailing
    from outreach.campaigns.recipients import Recipient

    compose = Mailing.message

    def broken(self: Mailing, recipient: Recipient, at: datetime | None = None) -> bytes:
        if recipient.address == "ann@ann.example":
            raise ZeroDivisionError("template")
        return compose(self, recipient, at)

    monkeypatch.setattr(Mailing, "message", broken)
    with Relay() as relay:
        summary = send(both, relay.port)
    assert (summary.sent, summary.failed) == (8, 1)
    (ann,) = rows(both, Delivery.status == DeliveryStatus.FAILED)
    assert (ann.reason, ann.sent_at, ann.attempts) == ("render_error", None, 0)
    assert "ann@ann.example" not in relay.recipients
    with both.database.reading() as session:
        event = session.scalars(select(Event).where(Event.delivery_id == ann.id)).one()
    assert event.kind is EventKind.FAILED
    assert "ZeroDivisionError" in event.detail
    assert state(both, campaign).status is CampaignStatus.SENT


def test_a_campaign_whose_mails_can_not_be_made_pauses_and_touches_no_row(
    app: App, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(app, clock)
    queue(app, "other")

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("template is damaged")

    monkeypatch.setattr("outreach.campaigns.mailing.load", broken)
    with Relay() as relay:
        send(app, relay.port)
    assert relay.recipients == ["ann@ann.example"]  # the outbox goes on
    paused = state(app, campaign)
    assert (paused.status, "template is damaged" in (paused.pause_reason or "")) == (CampaignStatus.PAUSED, True)
    assert statuses(app) == {"pending": 9, "skipped": 3}


def test_who_opts_out_after_the_freeze_is_not_mailed(both: App, campaign: Campaign) -> None:
    with both.database.writing() as session:
        ann = session.scalars(select(Contact).where(Contact.address == "ann@ann.example")).one()
        assert ann.address_hash is not None
        reason = SuppressionReason.UNSUBSCRIBED
        suppress(session, ann.address_hash, reason=reason, source="t", actor="t", now=both.now())
    with Relay() as relay:
        summary = send(both, relay.port)
    assert (summary.sent, summary.skipped) == (8, 1)
    assert "ann@ann.example" not in relay.recipients
    (row,) = rows(both, Delivery.contact_id == ann.id)
    assert (row.status, row.reason, row.attempts) == (DeliveryStatus.SKIPPED, "suppressed", 0)


def test_who_loses_the_legal_basis_after_the_freeze_is_not_mailed(app: App, clock: Any) -> None:
    from outreach.models import LegalBasis

    make_campaign(app, clock, crowd=0)
    with app.database.writing() as session:
        session.execute(update(LegalBasis).values(withdrawn_at=app.now()))
    with Relay() as relay:
        send(app, relay.port)
    assert not relay.received
    assert statuses(app) == {"skipped": 4}


def test_the_frequency_cap_counts_what_other_campaigns_sent_since_the_freeze(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=2)
    with app.database.writing() as session:
        for name in ("tweede", "derde"):
            world.sending(app, session, name=name, send_at="2026-12-02 10:00")
    with Relay() as relay:
        send(app, relay.port)
    assert set(Counter(relay.recipients).values()) == {2}  # frequency.max
    with app.database.reading() as session:
        capped = session.scalars(select(Delivery).where(Delivery.reason == "frequency_cap")).all()
        assert len(capped) == 3
        assert {row.status for row in capped} == {DeliveryStatus.SKIPPED}


def test_a_pause_in_mid_send_stops_at_once_and_resuming_sends_the_rest_once(both: App, clock: Any) -> None:
    campaign = make_campaign(both, clock, crowd=60)

    def pause_at_twenty(stage: str, talk: Talk) -> str | None:
        # All answers wait while it is paused: what goes out afterwards was on the wire before.
        with gate:
            if stage == "dot" and len(relay.received) >= 20 and not paused.is_set():
                paused.set()
                with both.database.writing() as session:
                    life.pause(session, session.get_one(Campaign, campaign.id), by="ann", now=both.now())
        return None

    paused, gate = threading.Event(), threading.Lock()
    with Relay(answer=pause_at_twenty, delay=0.01) as relay:
        send(both, relay.port)
        after_pause = len(relay.received)
        assert 20 <= after_pause <= 25
        assert statuses(both) == {"sent": after_pause, "pending": 61 - after_pause, "skipped": 3}
        assert send(both, relay.port).sent == 0
        resume(both, campaign)
        send(both, relay.port)
    assert len(relay.received) == len(set(relay.recipients)) == 61
    assert state(both, campaign).status is CampaignStatus.SENT


def test_a_cancelled_campaign_leaves_no_row_waiting(both: App, campaign: Campaign) -> None:
    """One mail is on the wire and gets a 4xx after the cancellation: it must not wait for ever."""

    def cancel_then_defer(stage: str, talk: Talk) -> str | None:
        if stage == "dot" and not cancelled.is_set():
            cancelled.set()
            with both.database.writing() as session:
                life.cancel(session, session.get_one(Campaign, campaign.id), by="ann", now=both.now())
            return "451 4.3.0 later"
        return None

    cancelled = threading.Event()
    with Relay(answer=cancel_then_defer) as relay:
        send(both, relay.port, connections=1)
    assert statuses(both) == {"cancelled": 9, "skipped": 3}


def test_a_drop_after_the_final_dot_is_uncertain_and_never_sent_again(
    both: App, campaign: Campaign, clock: Any
) -> None:
    def drop_once(stage: str, talk: Talk) -> None:
        if stage == "dot" and talk.recipient == "ann@ann.example":
            raise Drop

    with Relay(answer=drop_once) as relay:
        summary = send(both, relay.port, connections=2)
        assert (summary.sent, summary.uncertain) == (8, 1)
        clock.move(days=4)
        send(both, relay.port)
    assert Counter(relay.recipients)["ann@ann.example"] == 1
    assert statuses(both) == {"sent": 8, "uncertain": 1, "skipped": 3}
    assert state(both, campaign).status is CampaignStatus.SENT
    with both.database.writing() as session:
        loaded = session.get_one(Campaign, campaign.id)
        assert progress.settle(session, loaded, outcome="give_up", by="ann", now=both.now()) == 1


def test_a_relay_that_never_answers_after_the_dot_makes_few_rows_uncertain(app: App, clock: Any) -> None:
    campaign = make_campaign(app, clock, crowd=50)

    def drop(stage: str, talk: Talk) -> None:
        if stage == "dot":
            raise Drop

    with Relay(answer=drop) as relay:
        for _ in range(10):
            send(app, relay.port, connections=2)
            clock.move(minutes=20)
    assert state(app, campaign).status is CampaignStatus.PAUSED
    assert statuses(app)["uncertain"] <= 8
    assert sum(statuses(app).values()) == 54


def test_a_drop_before_the_final_dot_is_retried(app: App, clock: Any) -> None:
    make_campaign(app, clock)

    def drop_once(stage: str, talk: Talk) -> None:
        if stage == "data" and not dropped:
            dropped.append(talk)
            raise Drop

    dropped: list[Talk] = []
    with Relay(answer=drop_once) as relay:
        assert send(app, relay.port, connections=1).deferred == 1
        clock.move(minutes=3)
        send(app, relay.port)
    assert len(relay.received) == len(set(relay.recipients)) == 9
    assert statuses(app) == {"sent": 9, "skipped": 3}


def test_an_idle_connection_that_the_relay_closed_costs_no_mail_a_pause(app: App, clock: Any) -> None:
    make_campaign(app, clock)

    def close_after_two(stage: str, talk: Talk) -> None:
        if stage == "mail" and talk.messages == 2:
            raise Drop

    with Relay(answer=close_after_two) as relay:
        summary = send(app, relay.port, connections=1)
    assert (summary.sent, summary.deferred, relay.connections) == (9, 0, 5)


def test_421_slows_the_relay_down_and_every_mail_still_goes(app: App, clock: Any) -> None:
    make_campaign(app, clock)

    def busy_once(stage: str, talk: Talk) -> str | None:
        if stage == "mail" and talk.messages == 3 and not said:
            said.append(talk)
            return "421 4.7.0 slow down"
        return None

    said: list[Talk] = []
    with Relay(answer=busy_once) as relay:
        summary = send(app, relay.port, connections=1)
        assert (summary.sent, summary.deferred) == (8, 1)
        clock.move(minutes=3)
        send(app, relay.port)
    assert len(relay.received) == len(set(relay.recipients)) == 9


def test_failures_that_stopped_the_sending_are_retried(app: App, clock: Any) -> None:
    make_campaign(app, clock)
    with Relay(answer=lambda stage, talk: "421 4.3.2 closing" if stage == "rcpt" else None) as relay:
        assert send(app, relay.port).trouble
    for _ in range(8):
        clock.move(minutes=20)
        with Relay() as relay:
            send(app, relay.port)
    assert statuses(app) == {"sent": 9, "skipped": 3}


def test_a_relay_that_takes_two_connections_gets_two(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=40)
    with Relay(
        answer=lambda stage, talk: "421 too many" if stage == "connect" and talk.number > 2 else None, delay=0.01
    ) as relay:
        summary = send(app, relay.port, connections=4)
    assert (summary.sent, summary.trouble) == (41, None)


def test_no_more_than_so_many_a_second_over_all_connections(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=20)
    with Relay() as relay:
        started = time.monotonic()
        send(app, relay.port, connections=4, per_second=20)
        seconds = time.monotonic() - started
    assert len(relay.received) == 21
    assert seconds >= 20 / 20


def test_a_polite_stop_finishes_what_is_on_the_wire(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=100)
    stop = threading.Event()

    def stop_at_ten(stage: str, talk: Talk) -> None:
        if stage == "dot" and len(relay.received) == 10:
            stop.set()

    with Relay(answer=stop_at_ten, delay=0.02) as relay:
        send(both, relay.port, stop)
    found = statuses(both)
    assert found["sent"] == len(relay.received) < 20
    assert found == {"sent": len(relay.received), "pending": 101 - len(relay.received), "skipped": 3}
    assert not rows(both, Delivery.worker_id.is_not(None))


def test_rows_with_the_same_timestamp_are_all_sent(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=100)
    with app.database.writing() as session:
        at = app.now() - timedelta(minutes=1)
        session.execute(
            update(Delivery).where(Delivery.status == "pending").values(status="deferred", retry_at=at, status_at=at)
        )
    with Relay() as relay:
        send(app, relay.port)
    assert len(relay.received) == len(set(relay.recipients)) == 101


def test_a_campaign_that_takes_over_a_day_is_not_declared_finished(app: App, clock: Any) -> None:
    campaign = make_campaign(app, clock)
    with Relay(answer=refusing("ann@ann.example", "450 later", times=3)) as relay:
        for _ in range(5):
            send(app, relay.port)
            done = len(relay.received) == 9
            assert state(app, campaign).status is (CampaignStatus.SENT if done else CampaignStatus.SENDING)
            clock.move(hours=13)
    assert len(relay.received) == len(set(relay.recipients)) == 9


def test_a_clock_that_was_wrong_for_a_moment_keeps_no_mail_back(app: App, clock: Any) -> None:
    make_campaign(app, clock)
    right = clock.at
    clock.move(days=4000)
    with Relay(answer=lambda stage, talk: "450 later" if stage == "rcpt" else None) as relay:
        send(app, relay.port, connections=1)
    send(app, free_port())  # rests until a day far ahead
    clock.at = right
    with Relay() as relay:
        send(app, relay.port)
    assert statuses(app) == {"sent": 9, "skipped": 3}


def test_two_campaigns_at_once_both_go_on(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=40)
    with app.database.writing() as session:
        world.sending(app, session, name="tweede", send_at="2026-12-02 10:00")
    seen: list[str] = []

    def note(stage: str, talk: Talk) -> None:
        if stage == "dot":
            seen.append("tweede" if b"Feedback-ID: tweede" in talk.data else "eerste")

    with Relay(answer=note) as relay:
        send(app, relay.port, connections=2)
    assert Counter(seen) == {"eerste": 41, "tweede": 41}
    assert len(set(seen[:41])) == 2


def test_the_outbox_is_sent_once_by_the_same_rules(both: App, clock: Any) -> None:
    for key in ("good", "later", "dead", "policy", "lost"):
        queue(both, key, f"{key}@x.example")
    queue(both, "good", "good@x.example")

    def answer(stage: str, talk: Talk) -> str | None:
        if stage == "dot" and talk.recipient.startswith("lost"):
            raise Drop
        said = {"later": "450 later", "dead": "550 5.1.1 unknown", "policy": "550 5.7.1 no"}
        return said.get(talk.recipient.partition("@")[0]) if stage == "rcpt" else None

    with Relay(answer=answer) as relay:
        summary = send(both, relay.port, connections=1)
        assert (summary.outbox_sent, summary.outbox_unsent) == (1, 4)
        clock.move(minutes=3)
        send(both, relay.port)
    assert sorted(relay.recipients) == ["good@x.example", "lost@x.example"]
    found = {key: mail(both, key).status for key in ("good", "later", "dead", "policy", "lost")}
    assert found == {
        "good": OutboxStatus.SENT,
        "later": OutboxStatus.DEFERRED,
        "dead": OutboxStatus.REJECTED,
        "policy": OutboxStatus.DEFERRED,
        "lost": OutboxStatus.UNCERTAIN,
    }


def test_a_suppressed_address_still_gets_its_other_mail(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=0)
    queue(app, "ack", "bob@bob.example")
    with Relay() as relay:
        send(app, relay.port)
    assert sorted(relay.recipients) == ["ann@ann.example", "bob@bob.example"]


def test_an_address_that_smtp_can_not_carry_fails_its_own_row_only(app: App, clock: Any) -> None:
    queue(app, "bad", "a b>\r\nRCPT TO:<x@y.example")
    queue(app, "good")
    with Relay() as relay:
        send(app, relay.port)
    assert relay.recipients == ["ann@ann.example"]
    assert (mail(app, "bad").status, mail(app, "bad").reason) == (OutboxStatus.FAILED, "render_error")


def test_progress_is_told_while_it_goes(app: App, clock: Any) -> None:
    make_campaign(app, clock)
    told: list[int] = []
    with Relay() as relay:
        app = replace(with_relay(app, port=relay.port))
        sending.send_due(
            app.database,
            app.settings,
            app.links,
            clock=app.clock,
            stop=threading.Event(),
            until_idle=True,
            progress=lambda summary: told.append(summary.handled),
        )
    assert told[-1] == 9
    assert told == sorted(told)

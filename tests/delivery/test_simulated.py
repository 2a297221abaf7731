"""What is begun with the built-in inbox is a simulation: it never leaves it, and leaves no trace in what is real."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import world
from delivery.conftest import with_relay
from relays import Relay
from sqlalchemy import select

from outreach import jobs
from outreach.app import App
from outreach.audience.eligibility import mailed_since
from outreach.campaigns import life, reviewing
from outreach.campaigns.spec import CampaignSpec
from outreach.catalogue import matching
from outreach.models import Campaign, CampaignStatus, Delivery
from outreach.models.audience import Contact


def scheduled(app: App, clock: Any) -> int:
    with app.database.writing() as session:
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 5, key=app.suppression_key, now=app.now())
        world.add_catalogue(session, app.now())
        campaign = world.scheduled(app, session)
    clock.at = campaign.send_at
    clock.move(seconds=20)
    return campaign.id


def inbox(app: App, port: int) -> App:
    return replace(with_relay(app, port=port), simulated=True)


def found(app: App, campaign_id: int) -> Campaign:
    with app.database.reading() as session:
        return session.get_one(Campaign, campaign_id)


def test_a_campaign_started_with_the_inbox_is_simulated_and_counts_for_nothing(both: App, clock: Any) -> None:
    campaign_id = scheduled(both, clock)
    with Relay() as relay:
        assert jobs.run_due(inbox(both, relay.port)).sending.sent == 6
    campaign = found(both, campaign_id)
    assert (campaign.status, campaign.simulated) == (CampaignStatus.SENT, True)
    with both.database.reading() as session:
        assert not session.scalars(select(Delivery.id).where(mailed_since(None))).all()
        assert matching.exposures_so_far(session) == {}
        assert session.scalar(select(Contact.id).limit(1))


def test_a_simulated_campaign_is_never_sent_to_a_real_relay(both: App, clock: Any) -> None:
    campaign_id = scheduled(both, clock)
    jobs.start_due(inbox(both, 1))
    with Relay() as relay:
        for _ in range(2):
            jobs.run_due(with_relay(both, port=relay.port))
            paused = found(both, campaign_id)
            assert paused.status is CampaignStatus.PAUSED
            assert f"campaign copy {paused.name}" in (paused.pause_reason or "")
            with both.database.writing() as session:
                life.resume(session, session.get_one(Campaign, campaign_id), by="ann", now=both.now(), accept=True)
        assert not relay.received
        assert jobs.run_due(inbox(both, relay.port)).sending.sent == 6


def test_a_real_campaign_is_left_alone_by_the_inbox(both: App, clock: Any) -> None:
    campaign_id = scheduled(both, clock)
    jobs.start_due(both)
    with Relay() as relay:
        assert jobs.run_due(inbox(both, relay.port)).sending.sent == 0
        assert found(both, campaign_id).status is CampaignStatus.SENDING
        assert jobs.run_due(with_relay(both, port=relay.port)).sending.sent == 6
    assert found(both, campaign_id).simulated is False


def test_a_copy_of_a_simulated_campaign_is_sent_for_real(both: App, clock: Any) -> None:
    """What the docs promise: try it out with `up --inbox`, then send the copy to the same people."""
    campaign_id = scheduled(both, clock)
    with Relay() as mailbox:
        assert jobs.run_due(inbox(both, mailbox.port)).sending.sent == 6
    with both.database.writing() as session:
        tried = session.get_one(Campaign, campaign_id)
        assert tried.simulated
        copy = life.copy(session, tried, "echt", sending=both.settings.sending, by=world.AUTHOR, now=both.now())
        again = CampaignSpec.from_json({**copy.spec, "send_at": "2026-12-02 10:00"})
        life.edit(session, copy, again, sending=both.settings.sending, by=world.AUTHOR, now=both.now())
        sources = both.sources
        reviewing.submit(session, copy, sources=sources, by=world.AUTHOR, now=both.now())
        reviewing.approve(session, copy, sources=sources, by=world.COLLEAGUE, now=both.now())
        life.schedule(session, copy, by=world.COLLEAGUE, now=both.now())
        assert copy.send_at is not None
        clock.at = copy.send_at
        copy_id = copy.id
    clock.move(seconds=20)
    with Relay() as relay:
        assert jobs.run_due(with_relay(both, port=relay.port)).sending.sent == 6
        assert len(relay.received) == 6
    sent = found(both, copy_id)
    assert (sent.status, sent.simulated) == (CampaignStatus.SENT, False)
    with both.database.reading() as session:
        assert len(session.scalars(select(Delivery.id).where(mailed_since(None))).all()) == 6

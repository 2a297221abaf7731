"""Counts that always add up, cancelling in mid-send, settling what is uncertain, retrying what failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import world
from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.campaigns import life, progress
from outreach.errors import Refusal
from outreach.models import Campaign, CampaignStatus, Delivery, DeliveryStatus, Event, EventKind

S = DeliveryStatus


@pytest.fixture
def session(both: App) -> Iterator[Session]:
    with both.database.writing() as session:
        yield session


def sending(app: App, session: Session, crowd: int = 9) -> tuple[Campaign, list[Delivery]]:
    """Return a campaign being sent and its pending deliveries; three more are skipped."""
    world.add_catalogue(session, app.now())
    world.add_cast(session, key=app.suppression_key, now=app.now())
    world.add_crowd(session, crowd, key=app.suppression_key, now=app.now())
    campaign = world.sending(app, session)
    pending = select(Delivery).where(Delivery.campaign_id == campaign.id, Delivery.status == S.PENDING)
    return campaign, list(session.scalars(pending.order_by(Delivery.id)))


def become(app: App, session: Session, rows: list[Delivery], *states: DeliveryStatus) -> None:
    for row, state in zip(rows, states, strict=False):
        row.status, row.status_at = state, app.now()
        if state in (S.SENT, S.UNCERTAIN, S.FAILED, S.DEFERRED):
            row.first_tried_at = app.now()
        if state is S.SENT:
            row.sent_at = app.now()
    session.flush()


def statuses(session: Session, campaign: Campaign) -> dict[DeliveryStatus, int]:
    return world.counted(session, Delivery.status, Delivery.campaign_id == campaign.id)


def test_the_statuses_add_up_to_the_frozen_audience(both: App, session: Session) -> None:
    campaign, rows = sending(both, session)
    become(both, session, rows, S.SENT, S.SENT, S.DEFERRED, S.REJECTED, S.FAILED, S.UNCERTAIN, S.SENDING)
    rows[2].retry_at = both.now() + timedelta(minutes=5)
    rows[4].reason = "expired"
    session.flush()
    found = progress.status(session, campaign, both.now())
    assert found.holds
    assert sum(found.counts.values()) == found.audience == 13
    assert found.counts["skipped"] == 3
    assert found.remaining == 5
    assert found.reasons == {"skipped": {"suppressed": 2, "no_legal_basis": 1}, "failed": {"expired": 1}}
    assert found.next_retry_at == rows[2].retry_at
    session.delete(rows[9])
    session.flush()
    assert not progress.status(session, campaign, both.now()).holds


def test_before_the_start_there_is_nothing_to_count(both: App, session: Session) -> None:
    world.add_catalogue(session, both.now())
    world.add_crowd(session, 3, key=both.suppression_key, now=both.now())
    found = progress.status(session, world.scheduled(both, session), both.now())
    assert (found.audience, found.remaining, found.holds) == (0, 0, True)


@pytest.mark.parametrize("open_state", [S.PENDING, S.SENDING, S.DEFERRED])
def test_a_campaign_is_sent_only_when_nothing_is_open(both: App, session: Session, open_state: DeliveryStatus) -> None:
    campaign, rows = sending(both, session)
    become(both, session, rows, *[S.SENT] * 9, open_state)
    assert not progress.finish_if_done(session, campaign.id, both.now())
    # However long it takes: over a day later it is still being sent.
    assert not progress.finish_if_done(session, campaign.id, both.now() + timedelta(days=3))
    become(both, session, rows[9:], S.UNCERTAIN)
    assert progress.finish_if_done(session, campaign.id, both.now())
    assert not progress.finish_if_done(session, campaign.id, both.now())
    session.refresh(campaign)
    assert (campaign.status, campaign.finished_at) == (CampaignStatus.SENT, both.now())


def test_a_paused_campaign_is_not_finished_behind_ones_back(both: App, session: Session) -> None:
    campaign, rows = sending(both, session)
    become(both, session, rows, *[S.SENT] * 10)
    life.pause(session, campaign, by="x", now=both.now())
    assert not progress.finish_if_done(session, campaign.id, both.now())
    life.resume(session, campaign, by="x", now=both.now())
    assert progress.finish_if_done(session, campaign.id, both.now())


def test_cancel_works_while_sending_and_lets_the_wire_finish(both: App, session: Session) -> None:
    campaign, rows = sending(both, session)
    become(both, session, rows, S.SENT, S.SENDING, S.DEFERRED, S.UNCERTAIN)
    assert life.cancel(session, campaign, by="x", now=both.now()) == 7
    assert statuses(session, campaign) == {S.SENT: 1, S.SENDING: 1, S.UNCERTAIN: 1, S.CANCELLED: 7, S.SKIPPED: 3}
    session.refresh(rows[1])
    become(both, session, rows[1:], S.DEFERRED)  # the relay answered 4xx after the cancel
    progress.finish_if_done(session, campaign.id, both.now())
    assert statuses(session, campaign)[S.CANCELLED] == 8
    assert progress.status(session, campaign, both.now()).holds


@pytest.mark.parametrize(("outcome", "status", "reason"), [("sent", S.SENT, None), ("give_up", S.FAILED, "given_up")])
def test_uncertain_mails_are_settled_by_a_person_and_never_sent_again(
    both: App, session: Session, outcome: progress.Outcome, status: DeliveryStatus, reason: str | None
) -> None:
    campaign, rows = sending(both, session)
    become(both, session, rows, S.UNCERTAIN, S.UNCERTAIN, *[S.SENT] * 8)
    tried, later = both.now(), both.now() + timedelta(hours=1)
    assert progress.settle(session, campaign, outcome=outcome, by="x", now=later) == 2
    session.expire_all()
    assert {(row.status, row.reason) for row in rows[:2]} == {(status, reason)}
    if outcome == "sent":
        assert {row.sent_at for row in rows[:2]} == {tried}
    events = session.scalars(select(Event)).all()
    assert {(event.delivery_id, event.kind) for event in events} == {(r.id, EventKind.SETTLED) for r in rows[:2]}
    assert progress.settle(session, campaign, outcome=outcome, by="x", now=later) == 0
    assert progress.retry(session, campaign, by="x", now=later) == 0
    assert progress.status(session, campaign, later).holds


def test_failed_mails_can_be_retried_and_only_those(both: App, session: Session) -> None:
    campaign, rows = sending(both, session)
    become(both, session, rows, S.FAILED, S.FAILED, S.REJECTED, S.UNCERTAIN, *[S.SENT] * 6)
    rows[0].reason, rows[1].reason = "expired", "given_up"
    rows[0].attempts = 20
    session.flush()
    assert progress.finish_if_done(session, campaign.id, both.now())
    session.refresh(campaign)
    assert progress.retry(session, campaign, by="x", now=both.now()) == 1
    session.expire_all()
    assert (rows[0].status, rows[0].attempts, rows[0].first_tried_at) == (S.PENDING, 0, None)
    assert campaign.status is CampaignStatus.SENDING
    assert campaign.finished_at is None
    assert statuses(session, campaign)[S.SENT] == 6


def test_nothing_is_retried_in_a_cancelled_campaign(both: App, session: Session) -> None:
    campaign, rows = sending(both, session)
    become(both, session, rows, S.FAILED)
    life.cancel(session, campaign, by="x", now=both.now())
    with pytest.raises(Refusal, match="is cancelled"):
        progress.retry(session, campaign, by="x", now=both.now())

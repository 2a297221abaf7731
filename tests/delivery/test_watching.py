"""The canary goes first and is judged; a campaign pauses by itself past a limit; mail goes within its hours."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import world
from delivery.conftest import make_campaign
from delivery.test_sending import resume, rows, send, state, statuses
from hypothesis import given
from hypothesis import strategies as st
from relays import Relay, Talk
from sqlalchemy import func, select

from outreach import jobs
from outreach.app import App
from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.windows import parse_window
from outreach.campaigns import life
from outreach.delivery.watching import Histories, Outcomes, past_limit
from outreach.models import (
    Campaign,
    CampaignStatus,
    Canary,
    Cohort,
    Delivery,
    Event,
    EventKind,
    OutboxMail,
    PauseKind,
)
from outreach.settings import LimitSettings
from outreach.web.dutch import in_dutch


def limited(app: App, **limits: Any) -> App:
    return replace(app, settings=app.settings.model_copy(update={"limits": LimitSettings.model_validate(limits)}))


def come_back(app: App, kind: EventKind, count: int) -> None:
    """Write down that mails came back, as the inbox does."""
    with app.database.writing() as session:
        sent = session.scalars(select(Delivery.id).where(Delivery.status == "sent").order_by(Delivery.id).limit(count))
        session.add_all(Event(delivery_id=id, kind=kind, at=app.now()) for id in sent)


def history(app: App, campaign: Campaign) -> list[str]:
    with app.database.reading() as session:
        return [change.action for change in life.history(session, session.get_one(Campaign, campaign.id))]


def test_the_canary_goes_first_and_the_others_wait_and_follow_by_themselves(both: App, clock: Any) -> None:
    campaign = make_campaign(both, clock, crowd=49, canary=10, canary_minutes=30)
    with both.database.reading() as session:
        chosen = set(session.scalars(select(Canary.delivery_id)))
    with Relay() as relay:
        for _ in range(3):  # however often somebody tries
            send(both, relay.port)
            jobs.watch(both)
        assert len(relay.received) == 10
        assert {row.id for row in rows(both, Delivery.status == "sent")} == chosen
        assert state(both, campaign).status is CampaignStatus.SENDING
        assert statuses(both) == {"sent": 10, "pending": 40, "skipped": 3}
        clock.move(minutes=29)
        assert jobs.watch(both) == []
        clock.move(minutes=2)
        assert jobs.watch(both) == ["december-2026: its canary is back, the others go"]
        assert send(both, relay.port).sent == 40
    assert len(set(relay.recipients)) == 50
    assert state(both, campaign).status is CampaignStatus.SENT
    assert "canary_passed" in history(both, campaign)


@pytest.mark.parametrize(("kind", "dutch"), [(EventKind.BOUNCED, "kwamen terug"), (EventKind.COMPLAINED, "klacht")])
def test_a_canary_that_comes_back_pauses_the_campaign_with_the_reason(
    app: App, clock: Any, kind: EventKind, dutch: str
) -> None:
    campaign = make_campaign(app, clock, crowd=49, canary=10, canary_minutes=30)
    with Relay() as relay:
        send(app, relay.port)
        jobs.watch(app)
        come_back(app, kind, 2)
        jobs.watch(app)
        paused = state(app, campaign)
        assert (paused.status, paused.pause_kind) == (CampaignStatus.PAUSED, PauseKind.POLICY)
        assert (paused.pause_reason or "").startswith("of its canary, 2 of 10 mails")
        assert dutch in in_dutch(paused.pause_reason or "")
        assert statuses(app) == {"sent": 10, "pending": 40, "skipped": 3}
        # A person lets it go on: what was known then doesn't stop it again.
        resume(app, campaign)
        assert jobs.watch(app) == []
        assert send(app, relay.port).sent == 40


def test_one_bounce_or_complaint_is_no_pattern(app: App, clock: Any) -> None:
    campaign = make_campaign(app, clock, crowd=30, canary=10, canary_minutes=5)
    with Relay() as relay:
        send(app, relay.port)
        jobs.watch(app)
        come_back(app, EventKind.COMPLAINED, 1)
        clock.move(minutes=6)
        jobs.watch(app)
    assert state(app, campaign).status is CampaignStatus.SENDING


def test_the_canary_is_spread_over_cohorts_and_providers(both: App, clock: Any) -> None:
    with both.database.writing() as session:
        company = world.add_company(session, both.now(), province="10000", section="G")
        for number in range(24):
            company = world.add_company(session, both.now(), province="10000", section="G")
            domain = "gmail.com" if number < 2 else f"bedrijf{company.id}.example"
            world.add_contact(session, company, f"info{number}@{domain}", key=both.suppression_key, now=both.now())
    make_campaign(both, clock, crowd=47, canary=12)
    with both.database.reading() as session:
        query = select(Delivery.cohort_id, Delivery.provider).join(Canary, Canary.delivery_id == Delivery.id)
        chosen = session.execute(query).all()
        cohorts = session.scalar(select(func.count()).select_from(Cohort))
    assert len(chosen) == 12
    assert cohorts == 2
    by_cohort = Counter(row.cohort_id for row in chosen)
    assert sorted(by_cohort.values()) == [4, 8]
    assert {row.provider for row in chosen} == {"google", "other"}


def test_a_canary_as_large_as_the_audience_is_none(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=5, canary=6)
    with Relay() as relay:
        assert send(app, relay.port).sent == 6


def test_too_many_refusals_pause_the_campaign_and_the_team_is_told(both: App, clock: Any) -> None:
    campaign = make_campaign(both, clock, crowd=60)
    app = limited(both, rejected=0.2, least=20, notify="team@federatie.example")
    count = iter(range(10**6))

    def refusing(stage: str, talk: Talk) -> str | None:
        return "550 5.1.1 no such user" if stage == "rcpt" and next(count) % 3 == 0 else None

    stop = threading.Event()
    with Relay(answer=refusing, delay=0.01) as relay:
        send(app, relay.port, stop, connections=1, per_second=8)
        if state(both, campaign).status is CampaignStatus.SENT:
            pytest.fail("the whole campaign went before anybody looked")
        paused = state(both, campaign)
        assert paused.status is CampaignStatus.PAUSED
        assert "were refused: more than 20.0% (limits.rejected)" in (paused.pause_reason or "")
        found = statuses(both)
        assert sum(found.values()) == 64
        assert found["pending"] > 0
        with both.database.reading() as session:
            notice = session.scalars(select(OutboxMail).where(OutboxMail.kind == "paused")).one()
        assert notice.recipient == "team@federatie.example"
        assert b"december-2026" in notice.message


def test_the_last_mails_count_beside_all() -> None:
    limits = LimitSettings(rejected=0.1, among=100, least=50)
    histories = Histories()
    whole = Outcomes(10_000, 100)
    assert histories.latest(1, whole, 100) is None
    assert past_limit(whole, limits, 50) is None
    now = Outcomes(10_100, 130)
    last = histories.latest(1, now, 100)
    assert last == Outcomes(100, 30)
    assert past_limit(now, limits, 50) is None
    assert past_limit(last, limits, 50) == "30 of 100 mails were refused: more than 10.0% (limits.rejected)"


def test_a_share_needs_enough_mails_to_count() -> None:
    limits = LimitSettings()
    assert past_limit(Outcomes(99, 99), limits, 100) is None
    assert past_limit(Outcomes(100, 11), limits, 100) is not None
    assert past_limit(Outcomes(100, 10), limits, 100) is None
    assert past_limit(Outcomes(1000, 0, 0, 4), limits, 100) is not None


def test_outside_its_hours_a_campaign_under_way_waits_and_goes_on_by_itself(both: App, clock: Any) -> None:
    campaign = make_campaign(both, clock, crowd=20, window="09:30-10:15")
    with Relay() as relay:
        clock.move(minutes=20)  # 10:20
        assert send(both, relay.port).sent == 0
        assert relay.connections == 0
        assert not rows(both, Delivery.worker_id.is_not(None))
        assert state(both, campaign).status is CampaignStatus.SENDING
        clock.at = datetime(2026, 12, 2, 9, 30, tzinfo=BRUSSELS)
        assert send(both, relay.port).sent == 21


def test_what_is_claimed_when_the_hours_end_waits_for_the_next_day(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=30, office_hours=True)

    def late(stage: str, talk: Talk) -> None:
        if stage == "dot" and len(relay.received) == 5:
            clock.at = datetime(2026, 12, 1, 17, 0, 1, tzinfo=BRUSSELS)

    with Relay(answer=late) as relay:
        sent = send(app, relay.port, connections=2).sent
        assert 5 <= sent <= 9
        assert statuses(app) == {"sent": sent, "pending": 31 - sent, "skipped": 3}
        clock.at = datetime(2026, 12, 2, 9, 0, tzinfo=BRUSSELS)
        assert send(app, relay.port).sent == 31 - sent
    assert len(set(relay.recipients)) == len(relay.recipients) == 31


@given(
    moment=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2030, 1, 1)),
    text=st.sampled_from(["always", "office", "08:00-20:00", "daily 02:30-03:30", "daily 20:00-24:00", "00:00-02:30"]),
)
def test_a_window_opens_when_it_says_also_when_the_clock_is_changed(moment: datetime, text: str) -> None:
    now = moment.replace(tzinfo=BRUSSELS)
    window = parse_window(text, datetime(2026, 1, 1, 9).time(), datetime(2026, 1, 1, 17).time())
    opens = window.opens_at(now)
    assert opens >= now
    assert opens - now < timedelta(days=14)
    if window.is_open(now):
        assert opens == now
    else:
        assert not window.is_open(opens - timedelta(seconds=1))


def test_the_hours_of_a_clock_change_are_told_by_the_clock_on_the_wall() -> None:
    window = parse_window("daily 02:30-03:30", datetime(2026, 1, 1, 9).time(), datetime(2026, 1, 1, 17).time())
    spring = [
        datetime(2027, 3, 28, 0, 0, tzinfo=BRUSSELS).astimezone(UTC) + timedelta(minutes=10 * n) for n in range(36)
    ]
    open_at = [at.astimezone(BRUSSELS).strftime("%H:%M") for at in spring if window.is_open(at)]
    assert open_at == ["03:00", "03:10", "03:20"]
    autumn = [datetime(2027, 10, 31, tzinfo=BRUSSELS).astimezone(UTC) + timedelta(minutes=30 * n) for n in range(12)]
    open_at = [at.astimezone(BRUSSELS).strftime("%H:%M") for at in autumn if window.is_open(at)]
    assert open_at == ["02:30", "02:30", "03:00"]

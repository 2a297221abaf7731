"""Following a campaign: on a terminal it moves, in a pipe each change is a line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from conftest import Clock, Ran
from delivery.conftest import make_campaign, with_relay
from relays import Relay, Talk, free_port
from rich.console import Console
from sqlalchemy import select

from outreach.app import App
from outreach.campaigns import life, progress
from outreach.commands import live
from outreach.delivery import looking, sending
from outreach.errors import Refusal
from outreach.models import Campaign, Delivery, DeliveryStatus


def send(app: App, port: int) -> None:
    app = with_relay(app, port=port, connections=1)
    sending.send_due(app.database, app.settings, app.links, clock=app.clock, stop=threading.Event(), until_idle=True)


def status(app: App) -> progress.CampaignProgress:
    with app.database.reading() as session:
        return progress.status(session, session.scalars(select(Campaign)).one(), app.now())


def look(app: App) -> looking.Watched:
    with app.database.reading() as session:
        return looking.look(session, app.now())


def drawn(app: App, width: int = 110) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    console.print(live.drawn(look(app)))
    console.file.close()
    return console.export_text()


def test_progress_says_what_the_relay_said_and_when_it_will_be_done(both: App, clock: Clock) -> None:
    make_campaign(both, clock, crowd=19)

    turns = count()

    def refuse_some(stage: str, talk: Talk) -> str | None:
        if stage != "rcpt":
            return None
        return {0: "550 5.1.1 unknown", 1: "450 4.2.0 later"}.get(next(turns) % 4)

    with Relay(answer=refuse_some) as relay:
        send(both, relay.port)
    found = status(both)
    assert found.by_class.get("rejected", {}) == {"rcpt 5xx": found.counts["rejected"]}
    assert found.by_class.get("deferred", {}) == {"rcpt 4xx": found.counts["deferred"]}
    assert "sent" not in found.by_class
    assert found.remaining == found.counts["deferred"] > 0
    assert found.ends_at is not None
    left = (found.ends_at - both.now()).total_seconds() / 60
    assert found.next_retry_at is not None
    wait = (found.next_retry_at - both.now()).total_seconds() / 60
    assert left == pytest.approx(max(found.remaining / found.per_minute, wait), rel=0.01)


def test_the_minutes_of_a_pause_do_not_slow_the_rate(app: App, clock: Clock) -> None:
    campaign = make_campaign(app, clock, crowd=3)
    with app.database.writing() as session:
        loaded = session.get_one(Campaign, campaign.id)
        life.pause(session, loaded, by="ann", now=app.now())
        clock.move(minutes=4)
        life.resume(session, loaded, by="ann", now=app.now())
    clock.move(seconds=30)
    with Relay(
        answer=lambda stage, talk: "450 later" if (stage, talk.recipient[:3]) == ("rcpt", "ann") else None
    ) as relay:
        send(app, relay.port)
    assert status(app).per_minute == 6  # three in half a minute


@pytest.mark.parametrize("outcome", ["sent", "give_up"])
def test_uncertain_mails_are_settled_one_by_one_or_all(both: App, clock: Clock, outcome: Any) -> None:
    campaign = make_campaign(both, clock, crowd=3)
    with both.database.writing() as session:
        rows = list(session.scalars(select(Delivery).where(Delivery.status == DeliveryStatus.PENDING)))
        for row in rows:
            row.status = DeliveryStatus.UNCERTAIN
        session.flush()
        loaded = session.get_one(Campaign, campaign.id)
        settle = lambda contacts=None: progress.settle(  # noqa: E731
            session, loaded, outcome=outcome, by="ann", now=both.now(), contacts=contacts
        )
        with pytest.raises(Refusal, match="contact 999999 has no uncertain mail"):
            settle([rows[0].contact_id, 999999])
        assert settle([rows[0].contact_id]) == 1
        with pytest.raises(Refusal, match="has no uncertain mail"):
            settle([rows[0].contact_id])
        assert settle() == 3
        session.expire_all()
        assert {row.status.value for row in rows} == {"sent" if outcome == "sent" else "failed"}


def test_what_is_drawn_says_rate_rest_outcomes_and_why_it_rests(app: App, clock: Clock) -> None:
    make_campaign(app, clock, crowd=9)
    with Relay() as relay:
        send(app, relay.port)
    shown = drawn(app)
    assert "nothing is being sent" in shown  # it is sent: only what is under way is drawn
    make_rest(app, clock)
    shown = drawn(app)
    assert "rests until" in shown
    assert "can't be reached" in shown


def make_rest(app: App, clock: Clock) -> None:
    with app.database.writing() as session:
        session.execute(Delivery.__table__.update().where(Delivery.status == "sent").values(status="pending"))
        session.execute(Campaign.__table__.update().values(status="sending"))
    send(app, free_port())


def test_a_campaign_that_waits_for_a_person_says_why(app: App, clock: Clock) -> None:
    make_campaign(app, clock, crowd=9)
    with Relay(answer=lambda stage, talk: "550 5.7.1 \x1b[31mnot welcome" if stage == "rcpt" else None) as relay:
        send(app, relay.port)
    shown = drawn(app)
    assert "december-2026" in shown
    assert "paused" in shown
    assert "waits because: the relay refuses our mail" in shown
    assert "\x1b[31mnot" not in shown


def test_watching_in_a_pipe_prints_a_line_for_each_change_until_the_end(
    app: App, clock: Clock, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_campaign(app, clock, crowd=9)

    def sleep(seconds: float) -> None:
        with Relay() as relay:
            send(app, relay.port)

    monkeypatch.setattr("outreach.commands.live.time.sleep", sleep)
    monkeypatch.setattr("outreach.commands.door._clock", lambda: clock)
    ran = cli("campaign", "watch", "december-2026")
    assert ran.code == 0, ran.err
    first, last = ran.out.splitlines()
    assert first.startswith("december-2026: sending; 10 pending, 3 skipped")
    assert last == "december-2026: sent; 3 skipped, 10 sent"
    again = json.loads(cli("campaign", "watch", "december-2026", "--json").out)
    assert (again["status"], again["counts"]["sent"], again["rests"]) == ("sent", 10, [])


def test_watching_ends_with_1_if_the_campaign_is_paused_and_refuses_a_draft(
    app: App, clock: Clock, cli: Callable[..., Ran]
) -> None:
    import world

    campaign = make_campaign(app, clock, crowd=2)
    with app.database.writing() as session:
        life.pause(session, session.get_one(Campaign, campaign.id), by="ann", now=app.now(), reason="even wachten")
        world.draft(app, session, name="later")
    ran = cli("campaign", "watch", "december-2026")
    assert (ran.code, "waits because: even wachten" in ran.out) == (1, True)
    refused = cli("campaign", "watch", "later")
    assert (refused.code, "until it is scheduled" in refused.err) == (1, True)


def test_spans_are_read_by_people() -> None:
    spans = {45: "45 s", 61: "1 min", 720: "12 min", 12_000: "3 h 20 min", -5: "0 s"}
    assert {seconds: live.duration(timedelta(seconds=seconds)) for seconds in spans} == spans


def test_the_database_is_asked_no_more_often_than_a_tenth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    asked = []

    def slow() -> Any:
        asked.append(now[0])
        now[0] += 3.0
        return "seen"

    monkeypatch.setattr("outreach.commands.live.time.monotonic", lambda: now[0])
    looking = live.Looking(slow)
    for _ in range(100):
        looking.seen()
        now[0] += 1.0
    assert len(asked) <= 4

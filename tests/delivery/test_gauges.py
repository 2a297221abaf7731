"""What a person sees of the pace, and how to let go what was held back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import Ran
from delivery.conftest import make_campaign
from delivery.test_pace import to_domains
from delivery.test_routes import with_relays
from delivery.test_sending import send
from relays import Relay

from outreach import jobs
from outreach.app import App
from outreach.delivery import gauges, pace, sending
from outreach.models import Campaign, PaceOf, RelayRest
from outreach.web.dutch import in_dutch


def shown(app: App, campaign: Campaign) -> gauges.Wait | None:
    with app.database.reading() as session:
        return gauges.wait_of(session, app.settings, session.get_one(Campaign, campaign.id), app.now())


def test_each_relay_says_how_it_does(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=19)
    with (
        Relay() as first,
        Relay(answer=lambda stage, talk: "421 4.3.2 closed" if stage == "connect" else None) as second,
    ):
        app = with_relays(
            app,
            first={"port": first.port, "per_second": 200, "per_day": 8},
            second={"port": second.port, "warmup_start": 500, "backup": True},
        )
        send_over(app)
        with app.database.reading() as session:
            one, two = gauges.relays(session, app.settings, app.now())
    assert (one.name, one.state, one.today, one.ceiling) == ("first", "used_up", 8, 8)
    assert one.until == pace.next_day(app.now())
    assert one.per_second == one.per_second_set == 200
    assert (two.name, two.state, two.backup, two.ceiling, two.today) == ("second", "rests", True, 500, 0)
    assert "4.3.2 closed" in (two.reply or "")


def send_over(app: App) -> None:
    import threading

    sending.send_due(app.database, app.settings, app.links, clock=app.clock, stop=threading.Event(), until_idle=True)


def test_a_campaign_says_what_it_waits_for(app: App, clock: Any) -> None:
    campaign = make_campaign(app, clock, crowd=20, canary=6, canary_minutes=30, window="09:00-12:00")
    first = shown(app, campaign)
    assert first is not None
    assert first.reason == "its first 6 mails go before the others: 6 of them are to go"
    with Relay() as relay:
        send(app, relay.port)
        jobs.watch(app)
        out = shown(app, campaign)
        assert out is not None
        assert out.until == app.now() + timedelta(minutes=30)
        clock.move(minutes=31)
        jobs.watch(app)
        assert shown(app, campaign) is None
        clock.move(hours=3)
        closed = shown(app, campaign)
    assert closed is not None
    assert closed.until is not None
    assert closed.until > app.now()
    for wait in (first, out, closed):
        assert in_dutch(wait.reason) != wait.reason


def test_of_a_simulation_the_built_in_inbox_is_named_and_no_relay(
    app: App, project: Path, clock: Any, cli: Callable[..., Ran]
) -> None:
    campaign = make_campaign(app, clock)
    relay = app.settings.all_relays[0]
    assert relay.name in cli("campaign", "status", "december-2026").out
    with app.database.writing() as session:
        session.get_one(Campaign, campaign.id).simulated = True
        rest = {"reply": "421 busy", "configuration": False, "failures": 1, "since": app.now()}
        session.add(RelayRest(relay=relay.name, until=app.now() + timedelta(days=1), **rest))
    told = cli("campaign", "status", "december-2026")
    assert told.code == 0
    assert "relay: the built-in inbox; nothing of it leaves this machine\n" in told.out
    assert relay.name not in told.out
    found = json.loads(cli("campaign", "status", "december-2026", "--json").out)
    assert (found["wait"], found["pace"]) == (None, {"relays": [], "providers": []})


def test_status_shows_providers_and_wake_lets_them_go(
    app: App, project: Path, clock: Any, cli: Callable[..., Ran]
) -> None:
    make_campaign(app, clock, crowd=9)
    to_domains(app, "gmail.com", "bedrijf.example")
    permits = pace.Permits.of(app.settings.all_relays, app.settings.providers)
    permits.slow(PaceOf.PROVIDER, "google", "dot: 450 4.7.28 unusual rate - gsmtp")
    with app.database.writing() as session:
        permits.look(session, app.now())
    found = json.loads(cli("campaign", "status", "december-2026", "--json").out)
    google, other = found["pace"]["providers"]
    assert (google["name"], google["waiting"], google["per_minute"], google["per_minute_set"]) == (
        "google",
        5,
        300,
        600,
    )
    assert "gsmtp" in google["reply"]
    assert (other["name"], other["waiting"], other["per_minute"]) == ("other", 5, None)
    assert found["pace"]["relays"][0]["state"] == "works"
    told = cli("relay", "status")
    assert told.code == 0
    assert "google, slowed down at" in told.out
    assert json.loads(cli("relay", "wake", "google", "--json").out) == {"woken": ["google"]}
    assert cli("relay", "wake").out == "nothing was held back\n"
    refused = cli("relay", "wake", "gogle")
    assert refused.code == 1
    assert "there are:" in refused.err
    providers = json.loads(cli("relay", "status", "--json").out)["providers"]
    assert next(one for one in providers if one["name"] == "google")["per_minute"] == 600

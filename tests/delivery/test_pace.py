"""How fast mail goes: permits shared by all who send, ceilings a day, and rates that give way and come back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import world
from delivery.conftest import make_campaign
from delivery.test_sending import queue, rows, send, statuses
from hypothesis import given
from hypothesis import strategies as st
from relays import Relay, Talk
from sqlalchemy import select, update

from outreach.app import App, open_app
from outreach.belgium.calendar import BRUSSELS
from outreach.delivery import pace
from outreach.delivery.buckets import Bucket, burst
from outreach.delivery.pace import Permits
from outreach.delivery.turns import Turns
from outreach.models import Contact, Delivery, PaceOf, RelayDay
from outreach.relays import ProviderSettings, RelaySettings, known_providers, only

ROOT = Path(__file__).parent.parent.parent
START = 1_800_000_000.0
# Seconds between two questions, how many are wanted, and whether a slowdown comes in between.
STEPS = st.lists(st.tuples(st.floats(-2, 400), st.integers(0, 60), st.booleans()), max_size=60)


def relay_of(**changes: Any) -> Any:
    return only(RelaySettings.model_validate(changes))


@given(rate=st.floats(0.01, 50), steps=STEPS)
def test_never_more_goes_than_the_rate_allows_over_any_stretch_of_time(
    rate: float, steps: list[tuple[float, int, bool]]
) -> None:
    bucket, now, given_out = Bucket(filled_at=START), START, list[tuple[float, int]]()
    for seconds, wanted, slowed in steps:
        now += seconds  # backwards too: a clock is corrected
        bucket = bucket.at(now, rate)
        granted, bucket = bucket.take(wanted, rate)
        assert 0 <= granted <= wanted
        if slowed:
            bucket = bucket.slowed(now, rate, "450 slow down")
        given_out.append((max([now, *(at for at, _ in given_out)]), granted))
    for first, (since, _) in enumerate(given_out):
        for last in range(first, len(given_out)):
            stretch = given_out[last][0] - since
            assert sum(count for _, count in given_out[first : last + 1]) <= rate * stretch + burst(rate) + 1e-6


@given(steps=STEPS)
def test_what_is_given_back_is_not_given_out_twice(steps: list[tuple[float, int, bool]]) -> None:
    rate, bucket, now, net = 5.0, Bucket(filled_at=START), START, 0
    for seconds, wanted, back in steps:
        now += abs(seconds)
        granted, bucket = bucket.at(now, rate).take(wanted, rate)
        if back:
            bucket = bucket.used(-granted, rate)
        else:
            net += granted
    assert net <= rate * (now - START) + burst(rate) + 1e-6


def test_a_rate_is_halved_and_comes_back_step_by_step() -> None:
    bucket = Bucket(filled_at=START).at(START + 1, 10).slowed(START + 1, 10, "421 4.7.28")
    assert bucket.limit(10) == 5
    assert bucket.take(5, 10)[0] == 0
    assert bucket.slowed(START + 5, 10, "421 again") == bucket  # one cause, told twice
    assert bucket.slowed(START + 20, 10, "421 again").limit(10) == 2.5
    later = bucket.at(START + 61, 10).at(START + 61 + 120, 10)
    assert later.limit(10) == pytest.approx(7, rel=0.01)
    recovered = later.at(START + 1000, 10)
    assert (recovered.limit(10), recovered.slowed_at, recovered.reply) == (10, None, None)


def test_without_a_set_rate_half_of_what_went_lately_is_what_may_go() -> None:
    bucket = Bucket(filled_at=START, counted_since=START)
    for second in range(10):
        granted, bucket = bucket.at(START + second, 0).take(40, 0)
        assert granted == 40
    slowed = bucket.at(START + 10, 0).slowed(START + 10, 0, "450 too fast")
    assert slowed.limit(0) == pytest.approx(20)
    assert slowed.at(START + 100, 0).at(START + 2000, 0).limit(0) is None


def test_a_bucket_filled_by_a_wrong_clock_holds_nobody_up() -> None:
    ahead = Bucket(filled_at=START + 10**6, slowed_at=START + 10**6)
    assert ahead.at(START, 2).at(START + 1, 2).take(5, 2)[0] == 1


def spawn_taker(app: App, relay: Any, seconds: float) -> subprocess.Popen[str]:
    """Start a process that takes permits of a relay as fast as it can, and prints when it got how many."""
    code = f"""
import json, sys, time
from pathlib import Path
from outreach.database import open_database
from outreach.delivery.pace import Permits
from outreach.models import PaceOf
from outreach.relays import RelaySettings, only
from datetime import datetime, UTC
relay = only(RelaySettings.model_validate(json.loads(sys.argv[1])))
database = open_database(sys.argv[2], Path(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
permits, got, until = Permits.of([relay], {{}}), [], time.time() + {seconds}
while time.time() < until:
    if permits.is_due():
        with database.writing() as session:
            permits.look(session, datetime.now(UTC))
    granted = permits.grant(PaceOf.RELAY, relay.name, 3)
    if granted:
        got.append((time.time(), granted))
    time.sleep(0.005)
print(json.dumps(got))
"""
    url = app.database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    given = [sys.executable, "-c", code, relay.settings.model_dump_json(exclude={"password"}), url, str(app.project)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.postgres
def test_two_processes_share_one_rate(project: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project)
    relay = relay_of(per_second=40)
    takers = [spawn_taker(app, relay, 1.5) for _ in range(2)]
    for taker in takers:
        assert taker.stdout is not None
        assert taker.stdout.readline() == "ready\n"
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("go\n")
        taker.stdin.flush()
    got = [json.loads(taker.communicate(timeout=60)[0]) for taker in takers]
    assert all(got), "one of them got nothing"
    together = sorted((at, count) for one in got for at, count in one)
    for first, (since, _) in enumerate(together):
        for last in range(first, len(together)):
            total = sum(count for _, count in together[first : last + 1])
            # A permit may be in a process's hand for a look and a half before it is used.
            assert total <= 40 * (together[last][0] - since + 2 * pace.HUNGRY_SECONDS) + burst(40)
    seconds = together[-1][0] - together[0][0]
    assert sum(count for _, count in together) >= 0.5 * 40 * seconds
    app.close()


def take_day(app: App, relay: Any, now: datetime, wanted: int = 10_000, holders: int = 1, looks: int = 12) -> int:
    """Take what a relay may have on a day, in turn by several processes' permits."""
    permits, got = [Permits.of([relay], {}) for _ in range(holders)], 0
    for _ in range(looks):
        for one in permits:
            with app.database.writing() as session:
                one.look(session, now)
            got += one.grant(PaceOf.RELAY, relay.name, max(wanted // 4, 1))
    for one in permits:
        with app.database.writing() as session:
            one.finish(session, now)
    return got


def test_a_ceiling_a_day_counts_all_who_send(both: App, clock: Any) -> None:
    relay = relay_of(per_day=1000)
    assert take_day(both, relay, both.now(), wanted=500, holders=3) == 1000
    assert take_day(both, relay, both.now()) == 0
    assert take_day(both, relay, both.now() + timedelta(days=1)) == 1000


def test_what_was_not_used_of_the_ceiling_is_there_for_others(app: App) -> None:
    relay, first = relay_of(per_day=100), Permits.of([relay_of(per_day=100)], {})
    for _ in range(3):
        with app.database.writing() as session:
            first.look(session, app.now())
        first.grant(PaceOf.RELAY, relay.name, 30)
    with app.database.writing() as session:
        first.finish(session, app.now())
    assert take_day(app, relay, app.now()) == 40


def test_the_ceiling_of_a_new_relay_grows_by_days_that_used_it(app: App) -> None:
    relay = relay_of(warmup_start=100, warmup_growth=2, warmup_until=500, per_day=2000)
    monday = datetime(2026, 11, 30, 9, tzinfo=BRUSSELS)
    assert take_day(app, relay, monday) == 100
    assert take_day(app, relay, monday + timedelta(days=1), wanted=4) < 100  # so few say nothing
    assert take_day(app, relay, monday + timedelta(days=9)) == 200
    assert take_day(app, relay, monday + timedelta(days=10)) == 400
    assert take_day(app, relay, monday + timedelta(days=11)) == 2000  # 800 is past 500: warm


@pytest.mark.parametrize(
    ("evening", "hours"),
    [(datetime(2027, 3, 27, 23, 30, tzinfo=BRUSSELS), 23), (datetime(2027, 10, 30, 23, 30, tzinfo=BRUSSELS), 25)],
)
def test_a_day_is_a_day_in_brussels_also_when_the_clock_is_changed(app: App, evening: datetime, hours: int) -> None:
    relay, start = relay_of(per_day=50), evening.astimezone(UTC)
    midnight = pace.next_day(start)
    assert midnight - start == timedelta(minutes=30)
    assert pace.next_day(midnight) - midnight == timedelta(hours=hours)
    got = [take_day(app, relay, start + timedelta(minutes=30 * half), wanted=200, looks=2) for half in range(56)]
    days = [half for half, taken in enumerate(got) if taken]
    assert days == [0, 1, 1 + 2 * hours]
    assert {taken for taken in got if taken} == {50}


def test_past_the_ceiling_campaigns_wait_for_tomorrow_and_other_mail_goes(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=20)
    with Relay() as relay:
        assert send(both, relay.port, per_day=8).sent == 8
        queue(both, "ack:1")
        summary = send(both, relay.port, per_day=8)
        assert (summary.sent, summary.outbox_sent, summary.trouble) == (0, 1, None)
        assert statuses(both) == {"sent": 8, "pending": 13, "skipped": 3}
        assert not rows(both, Delivery.worker_id.is_not(None))
        clock.at = pace.next_day(both.now())
        # A mail beyond the ceiling counts on its own day.
        assert send(both, relay.port, per_day=8).sent == 8
        with both.database.reading() as session:
            days = session.scalars(select(RelayDay).order_by(RelayDay.day)).all()
        assert [(day.granted, day.ceiling) for day in days] == [(9, 8), (8, 8)]
        assert send(both, relay.port).sent == 5
    assert len(relay.recipients) == 22  # 21, and the acknowledgement to Ann
    assert len(set(relay.recipients)) == 21


def to_domains(app: App, *domains: str) -> None:
    """Spread the waiting mails over domains, as if their contacts had been there at the freeze."""
    providers = known_providers()
    with app.database.writing() as session:
        waiting = session.execute(
            select(Delivery.id, Contact.id, Contact.address).join(Contact).where(Delivery.status == "pending")
        ).all()
        for number, (delivery, contact, address) in enumerate(waiting):
            domain = domains[number % len(domains)]
            new = f"{address.replace('@', '.')}@{domain}"
            hashed = world.hash_address(app.suppression_key, new)
            provider = next((name for name, one in providers.items() if domain in one.domains), "other")
            columns = {"address": new, "address_domain": domain, "address_hash": hashed}
            session.execute(update(Contact).where(Contact.id == contact).values(**columns))
            session.execute(
                update(Delivery).where(Delivery.id == delivery).values(provider=provider, address_hash=hashed)
            )


def with_providers(app: App, **per_minute: float) -> App:
    providers = known_providers()
    for name, rate in per_minute.items():
        domains = providers[name].domains
        providers[name] = ProviderSettings.model_validate({"domains": domains, "per_minute": rate})
    return replace(app, settings=app.settings.model_copy(update={"providers": providers}))


def slowed(app: App, name: str) -> Bucket | None:
    with app.database.reading() as session:
        found = pace.buckets(session).get((PaceOf.PROVIDER, name))
    return found if found is not None and found.slowed_at is not None else None


def test_one_slow_provider_never_holds_up_the_others(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=120)
    to_domains(both, "gmail.com", "gmail.com", "gmail.com", "bedrijf.example")
    app = with_providers(both, google=60)
    order, stop = list[str](), threading.Event()

    def noting(stage: str, talk: Talk) -> None:
        if stage == "dot":
            order.append(talk.recipient)
            if sum(not one.endswith("gmail.com") for one in order) == 30:
                threading.Timer(1.0, stop.set).start()

    started = time.monotonic()
    with Relay(answer=noting) as relay:
        send(app, relay.port, stop)
    google = [one for one in order if one.endswith("gmail.com")]
    assert len(order) - len(google) == 30  # all of the others are out
    assert 1 <= len(google) <= 1 + time.monotonic() - started
    assert not rows(both, Delivery.worker_id.is_not(None))  # and nothing is claimed that can't go


def test_the_provider_stands_in_the_row_from_the_freeze_on(app: App, clock: Any) -> None:
    with app.database.writing() as session:
        company = world.add_company(session, app.now())
        for domain in ("gmail.com", "skynet.be", "bedrijf.example"):
            world.add_contact(session, company, f"info@{domain}", key=app.suppression_key, now=app.now())
    make_campaign(app, clock, crowd=0)
    with app.database.reading() as session:
        found = session.execute(select(Contact.address_domain, Delivery.provider).join(Contact)).all()
    assert {"gmail.com": "google", "skynet.be": "proximus", "bedrijf.example": "other"}.items() <= {
        row[0]: row[1] for row in found
    }.items()


def test_providers_get_turns_by_how_much_mail_they_have() -> None:
    turns = Turns({"google": 60, "other": 30, "yahoo": 10})
    first = [next(iter(turns.order())) for _ in range(100)]
    assert {name: first.count(name) for name in turns.weights} == {"google": 60, "other": 30, "yahoo": 10}
    assert len(set(first[:4])) >= 2
    turns.pass_over("google")
    assert "google" not in [next(iter(turns.order())) for _ in range(20)]
    assert list(turns.order())[-1] == "google"

"""The clock: a lost tick loses nothing, a double tick does nothing."""

from __future__ import annotations

import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import world
from delivery.conftest import make_campaign, with_relay
from delivery.processes import ended, in_seconds, keep_real_time, spawn, wait_for
from relays import Relay
from sqlalchemy import select, update

from outreach import jobs, scheduler
from outreach.app import App
from outreach.delivery import outbox
from outreach.models import Campaign, CampaignChange, CampaignStatus, Delivery, Installation, OutboxMail, OutboxStatus


def run(app: App, port: int) -> jobs.Done:
    return jobs.run_due(with_relay(app, port=port))


def status(app: App, name: str = "december-2026") -> CampaignStatus:
    with app.database.reading() as session:
        return session.scalars(select(Campaign.status).where(Campaign.name == name)).one()


def prepare(app: App, *names: str, **changes: object) -> None:
    with app.database.writing() as session:
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 3, key=app.suppression_key, now=app.now())
        world.add_catalogue(session, app.now())
        for name in names:
            world.scheduled(app, session, name=name, **changes)


def queue(app: App) -> None:
    with app.database.writing() as session:
        outbox.put(session, key="k", kind="t", recipient="a@b.example", message=b"x\r\n", now=app.now())


def test_a_due_campaign_is_started_sent_and_finished_in_one_run(both: App, clock: Any) -> None:
    prepare(both, "december-2026")
    with Relay() as relay:
        assert not run(both, relay.port).worked
        clock.at = datetime(2026, 12, 1, 9, 0, 5, tzinfo=UTC)
        done = run(both, relay.port)
        assert (done.starts.started, done.sending.sent, done.sending.finished, done.faults) == (1, 4, 1, ())
        assert not run(both, relay.port).worked  # a second press, a double tick
    assert status(both) is CampaignStatus.SENT
    assert len(relay.received) == len(set(relay.recipients)) == 4


def test_one_step_that_fails_does_not_stop_the_others(app: App, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(app, "eerste", "tweede")
    queue(app)
    clock.at = datetime(2026, 12, 1, 9, 0, 5, tzinfo=UTC)
    real = jobs.starting.start

    def broken(session: Any, campaign_id: int, **given: Any) -> Any:
        if session.get_one(Campaign, campaign_id).name == "eerste":
            raise RuntimeError("disk on fire")
        return real(session, campaign_id, **given)

    monkeypatch.setattr(jobs.starting, "start", broken)
    monkeypatch.setattr(jobs.notices, "remind_due", broken)
    with Relay() as relay:
        done = run(app, relay.port)
    assert len(done.faults) == 2
    assert "disk on fire" in done.faults[0]
    assert (status(app, "eerste"), status(app, "tweede")) == (CampaignStatus.SCHEDULED, CampaignStatus.SENT)
    assert len(relay.received) == 5


def test_a_restored_database_sends_nothing_until_a_person_says_so(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=3)
    queue(app)
    with app.database.writing() as session:
        world.scheduled(app, session, name="later", send_at="2026-12-02 10:00")
        session.execute(update(Installation).values(instance_id="0" * 32))
    clock.at = datetime(2026, 12, 2, 9, 0, 5, tzinfo=UTC)
    with Relay() as relay:
        done = run(app, relay.port)
        run(app, relay.port)
    assert not relay.received
    assert "restored or copied" in (done.sending.trouble or "")
    assert (status(app), status(app, "later")) == (CampaignStatus.PAUSED, CampaignStatus.PAUSED)
    with app.database.reading() as session:
        assert session.scalars(select(OutboxMail.status)).one() is OutboxStatus.PENDING
        assert not session.scalar(select(Delivery.id).where(Delivery.attempts > 0))


def test_a_missed_tick_is_not_dropped(app: App) -> None:
    ran = threading.Event()
    with scheduler.running(app, threading.Event()) as clockwork:
        late = datetime.now(UTC) - timedelta(hours=2)
        clockwork.add_job(ran.set, "date", run_date=late)
        assert ran.wait(5)
        for job in clockwork.get_jobs():
            assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (None, True, 1)


def test_a_clock_set_back_does_not_stop_the_scheduler(app: App) -> None:
    with scheduler.running(app, threading.Event()) as clockwork:
        times = []
        scheduler.add_job(clockwork, "count", 0.2, lambda: times.append(time.monotonic()))
        time.sleep(0.5)
        for job in clockwork.get_jobs():
            job.modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))  # as after a clock set back by an hour
        before = len(times)
        time.sleep(2.5)
        assert len(times) > before


def test_the_scheduler_starts_and_sends_what_falls_due(app: App, clock: Any) -> None:
    prepare(app, "december-2026")
    clock.at = datetime(2026, 12, 1, 9, 0, 5, tzinfo=UTC)
    with Relay() as relay, scheduler.running(with_relay(app, port=relay.port), threading.Event()):
        until = time.monotonic() + 20
        while status(app) is not CampaignStatus.SENT and time.monotonic() < until:
            time.sleep(0.1)
    assert status(app) is CampaignStatus.SENT
    assert len(relay.received) == 4


def changes(app: App, action: str) -> int:
    with app.database.reading() as session:
        return len(session.scalars(select(CampaignChange.id).where(CampaignChange.action == action)).all())


def test_two_schedulers_at_once_start_and_send_once(both: App, clock: Any) -> None:
    prepare(both, "december-2026")
    clock.at = datetime(2026, 12, 1, 9, 0, 5, tzinfo=UTC)
    with Relay(delay=0.01) as relay:
        here = with_relay(both, port=relay.port)
        with scheduler.running(here, threading.Event()), scheduler.running(here, threading.Event()):
            until = time.monotonic() + 60
            while status(both) is not CampaignStatus.SENT and time.monotonic() < until:
                time.sleep(0.1)
    assert status(both) is CampaignStatus.SENT
    assert len(relay.recipients) == len(set(relay.recipients)) == 4
    assert (changes(both, "started"), changes(both, "finished")) == (1, 1)


def test_a_machine_asleep_over_the_due_time_starts_when_it_wakes_and_once(app: App, clock: Any) -> None:
    keep_real_time(clock)
    prepare(app, "december-2026", send_at=in_seconds(clock, 3600))
    with Relay() as relay:
        worker = spawn(app, relay.port, "worker")
        try:
            wait_for(lambda: "sending what is due" in (worker.stderr.readline() if worker.stderr else ""), 60)
            with app.database.writing() as session:
                session.execute(update(Campaign).values(send_at=datetime.now(UTC) + timedelta(seconds=2)))
            worker.send_signal(signal.SIGSTOP)
            time.sleep(2 + scheduler.START_SECONDS + 1)  # every tick of it is missed
            assert status(app) is CampaignStatus.SCHEDULED
            worker.send_signal(signal.SIGCONT)
            wait_for(lambda: status(app) is CampaignStatus.SENT, 60)
            worker.terminate()
            ended(worker)
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.communicate()
    assert len(relay.recipients) == len(set(relay.recipients)) == 4
    assert changes(app, "started") == 1


@pytest.mark.parametrize(
    ("day", "before", "after", "hours"),
    [("2027-03-28", "+01:00", "+02:00", 2), ("2027-10-31", "+02:00", "+01:00", 4)],
    ids=["spring", "autumn"],
)
def test_both_clock_changes_leave_each_campaign_its_moment(
    app: App, clock: Any, monkeypatch: pytest.MonkeyPatch, day: str, before: str, after: str, hours: int
) -> None:
    """One at half past one and one at half past four by the wall: two hours lie between in spring, four in autumn."""
    monkeypatch.setenv("TZ", "Europe/Brussels")
    time.tzset()
    with app.database.writing() as session:
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 3, key=app.suppression_key, now=app.now())
        world.add_catalogue(session, app.now())
        for name, at in (("vroeg", f"{day} 01:30"), ("laat", f"{day} 04:30")):
            world.scheduled(app, session, name=name, send_at=at)
    early = datetime.fromisoformat(f"{day} 01:30{before}").astimezone(UTC)
    late = datetime.fromisoformat(f"{day} 04:30{after}").astimezone(UTC)
    assert late - early == timedelta(hours=hours)
    started = []
    clock.at = early - timedelta(minutes=30)
    while clock.at <= late + timedelta(minutes=30):
        started += [(clock.at, number) for number in range(jobs.start_due(app).started)]
        clock.move(minutes=10)
    assert started == [(early, 0), (late, 0)]
    assert jobs.start_due(app).started == 0
    with scheduler.running(app, threading.Event()) as clockwork:
        # The clockwork itself knows no summer time: its ticks are moments, wherever the machine thinks it is.
        assert {job.next_run_time.utcoffset() for job in clockwork.get_jobs()} == {timedelta(0)}
    monkeypatch.delenv("TZ")
    time.tzset()

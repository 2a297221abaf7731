"""Sending by real processes that are killed, stopped, and run beside each other."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from typing import Any
from urllib.request import urlopen

import pytest
import world
from delivery.processes import (
    assert_accounted,
    by_address,
    campaign_status,
    ended,
    in_seconds,
    make_campaign,
    sink,
    spawn,
    wait_for,
)
from relays import Talk, free_port
from sqlalchemy import select, text

from outreach.app import App
from outreach.delivery import presence
from outreach.models import Campaign, CampaignStatus, Delivery, Worker


def test_killed_in_mid_batch_twenty_times_no_mail_goes_twice_and_every_row_is_accounted_for(
    app: App, clock: object
) -> None:
    make_campaign(app, clock, crowd=1999)
    audience, kills, connections = 2000, 20, 4
    chance = random.Random(2026)
    with sink(delay=0.005) as relay:  # or all of it would be out before the last kill
        for number in range(kills):
            worker = spawn(app, relay.port, relay__connections=connections)
            if number % 5 == 4:
                time.sleep(chance.uniform(0.1, 1.5))  # also while it starts
            else:
                aim = len(relay.received) + chance.randint(1, 80)
                wait_for(lambda aim=aim: len(relay.received) >= aim)  # type: ignore[misc]
                time.sleep(chance.uniform(0, 0.02))
            worker.kill()
            worker.communicate()
            counts = assert_accounted(app, relay, audience)
            assert counts["sending"] <= 2 * connections  # one each, until a hundred went without trouble
            assert campaign_status(app) is CampaignStatus.SENDING
        assert len(relay.received) < audience, "the kills came too late to prove anything"
        # Nothing to wait for: the file lock says that nobody lives.
        done = ended(spawn(app, relay.port, relay__connections=connections))
    counts = assert_accounted(app, relay, audience)
    assert set(counts) <= {"sent", "uncertain"}
    assert counts["uncertain"] <= kills * connections
    assert done["finished"] == 1
    assert campaign_status(app) is CampaignStatus.SENT


@pytest.mark.postgres
def test_killed_in_mid_batch_on_postgresql_and_taken_over_at_once(on_postgres: App, clock: Any) -> None:
    app = on_postgres
    make_campaign(app, clock, crowd=299)
    with sink() as relay:
        for aim in (40, 90, 150):
            worker = spawn(app, relay.port)
            wait_for(lambda aim=aim: len(relay.received) >= aim)  # type: ignore[misc]
            worker.kill()
            worker.communicate()
            assert_accounted(app, relay, 300)
        started = time.monotonic()
        done = ended(spawn(app, relay.port, sending__lease_seconds=3600))
        assert time.monotonic() - started < 60
    counts = assert_accounted(app, relay, 300)
    assert set(counts) <= {"sent", "uncertain"}
    assert counts["uncertain"] <= 12
    assert done["finished"] == 1


def test_two_processes_never_send_the_same_campaign_twice(both: App, clock: object) -> None:
    make_campaign(both, clock, crowd=299)
    with sink(delay=0.01) as relay:
        first, second = spawn(both, relay.port), spawn(both, relay.port)
        results = [ended(first), ended(second)]
    counts = assert_accounted(both, relay, 300)
    assert counts == {"sent": 300}
    assert sum(result["sent"] for result in results) == 300
    if not both.database.is_sqlite:
        assert all(result["sent"] > 0 for result in results)
    assert campaign_status(both) is CampaignStatus.SENT


def test_two_campaigns_at_once_never_pass_the_frequency_cap_together(both: App, clock: object) -> None:
    make_campaign(both, clock, crowd=59)
    with both.database.writing() as session:
        world.sending(both, session, name="tweede", send_at=in_seconds(clock, 10))
    with sink(delay=0.01) as relay:
        workers = [spawn(both, relay.port, frequency__max=1) for _ in range(2)]
        for worker in workers:
            ended(worker)
    assert len(relay.received) == len(set(relay.recipients)) == 60
    with both.database.reading() as session:
        assert world.counted(session, Delivery.reason, Delivery.status == "skipped")["frequency_cap"] == 60


def stop_between_transactions(app: App, process: subprocess.Popen[str]) -> None:
    """Stop a process that holds no row: else others would wait for as long as it stands still."""
    name = f"outreach {socket.gethostname()[:40]}:{process.pid}"
    query = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND state <> 'idle'")

    def stopped() -> bool:
        process.send_signal(signal.SIGSTOP)
        with app.database.reading() as session:
            if session.scalar(query, {"name": name}) == 0:
                return True
        process.send_signal(signal.SIGCONT)
        return False

    wait_for(stopped)


@pytest.mark.postgres
def test_a_worker_given_up_for_dead_may_still_write_the_answer_it_got(on_postgres: App, clock: Any) -> None:
    app = on_postgres
    make_campaign(app, clock, crowd=20)
    reached, go_on = threading.Event(), threading.Event()

    def hold(stage: str, talk: Talk) -> None:
        if stage == "dot" and talk.number == 1 and talk.messages == 3:
            reached.set()
            go_on.wait(60)

    with sink(answer=hold) as relay:
        slow = spawn(app, relay.port, relay__connections=1, sending__lease_seconds=5)
        assert reached.wait(60)
        stop_between_transactions(app, slow)
        time.sleep(6)
        other = ended(spawn(app, relay.port, sending__lease_seconds=5))
        assert (other["recovered"], other["sent"]) == (1, 18)
        assert Counter(by_address(app).values()) == {"sent": 20, "uncertain": 1}
        slow.send_signal(signal.SIGCONT)
        go_on.set()
        ended(slow)
    assert assert_accounted(app, relay, 21) == {"sent": 21}


def test_pause_restart_resume_gives_nobody_a_second_copy(app: App, clock: object) -> None:
    from outreach.campaigns import life

    campaign = make_campaign(app, clock, crowd=199)

    def change(name: str) -> None:
        with app.database.writing() as session:
            getattr(life, name)(session, session.get_one(Campaign, campaign.id), by="ann", now=app.now())

    with sink() as relay:
        for aim in (30, 80):
            worker = spawn(app, relay.port)
            wait_for(lambda aim=aim: len(relay.received) >= aim)  # type: ignore[misc]
            change("pause")
            ended(worker)
            counts = assert_accounted(app, relay, 200)
            assert counts["pending"] > 0
            ended(spawn(app, relay.port))
            assert assert_accounted(app, relay, 200) == counts
            change("resume")
        ended(spawn(app, relay.port))
    assert assert_accounted(app, relay, 200) == {"sent": 200}


def test_a_worker_that_runs_on_stops_politely(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=199)
    with sink(delay=0.02) as relay:
        worker = spawn(app, relay.port, "worker")
        wait_for(lambda: len(relay.received) >= 20)
        worker.send_signal(signal.SIGTERM)
        ended(worker, code=0)
    counts = assert_accounted(app, relay, 200)
    assert counts == {"sent": len(relay.received), "pending": 200 - len(relay.received)}
    with app.database.reading() as session:
        assert session.scalar(select(Worker.id)) is None


def test_up_serves_and_sends_and_refuses_a_second_up_and_stops_politely(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=19)
    port = free_port()
    with sink() as relay:
        up = spawn(app, relay.port, "up", site__port=port, site__url="http://127.0.0.1:1")
        wait_for(lambda: len(relay.received) == 20)
        with urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
        again = ended(spawn(app, relay.port, "up", site__port=free_port()), code=1)
        assert f"another process runs `outreach up` on this project already (process {up.pid})" in again["err"]
        wait_for(lambda: campaign_status(app) is CampaignStatus.SENT)
        up.send_signal(signal.SIGTERM)
        said = ended(up, code=0)
    assert f"http://127.0.0.1:{port}/" in said["out"]
    assert f"careful: site.url names port 1, the site listens on {port}: " in said["err"]
    assert "Traceback" not in said["err"]
    assert assert_accounted(app, relay, 20) == {"sent": 20}


def test_up_refuses_a_port_that_is_taken(app: App) -> None:
    with sink() as relay:
        refused = ended(spawn(app, relay.port, "up", site__port=relay.port), code=1)
    assert f"site.port {relay.port}: another program listens there already" in refused["err"]
    assert "Traceback" not in refused["err"]


def test_a_worker_beside_a_sender_stands_by(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=1)
    with sink() as relay, presence.locked(presence.sender_lock(app.database), "sends from this database"):
        done = ended(spawn(app, relay.port))
    assert done["standby"] is True
    assert not relay.received


def test_what_a_crash_left_is_recovered_with_the_campaign_alone(app: App, clock: object) -> None:
    """Nothing else is due: the row that was on its way must not keep the campaign open for ever."""
    make_campaign(app, clock, crowd=0)
    stuck = threading.Event()

    def never(stage: str, talk: Talk) -> None:
        if stage == "dot":
            stuck.set()
            time.sleep(60)

    with sink(answer=never) as relay:
        worker = spawn(app, relay.port)
        assert stuck.wait(30)
        worker.kill()
        worker.communicate()
        done = ended(spawn(app, relay.port))
    assert (done["recovered"], done["finished"]) == (1, 1)
    assert by_address(app) == {"ann@ann.example": "uncertain"}
    assert campaign_status(app) is CampaignStatus.SENT


def test_the_worker_says_what_went_wrong_and_ends_with_1(app: App, clock: object) -> None:
    make_campaign(app, clock, crowd=0)
    port = free_port()
    said = ended(spawn(app, port, "worker", "--once"), code=1)
    assert f"error: connect: 127.0.0.1:{port} can't be reached" in said["err"]
    assert "Traceback" not in said["err"]
    assert by_address(app) == {"ann@ann.example": "pending"}

"""Many workers on one PostgreSQL, killed and left alone: the queue hands out work, the rows say what is true."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import world
from clusters import cluster
from delivery.processes import (
    assert_accounted,
    by_address,
    campaign_status,
    ended,
    in_seconds,
    keep_real_time,
    make_campaign,
    sink,
    spawn,
)
from delivery.processes import wait_for as waiting
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from outreach.app import App, open_app
from outreach.models import Campaign, CampaignStatus, Delivery, Worker

Start = Callable[..., subprocess.Popen[str]]

pytestmark = pytest.mark.postgres


@pytest.fixture
def app(on_postgres: App) -> App:
    return on_postgres


@pytest.fixture
def start() -> Iterator[Start]:
    """Start workers by the real command; whatever becomes of the test, none outlives it."""
    started: list[subprocess.Popen[str]] = []

    def spawned(app: App, port: int, **settings: object) -> subprocess.Popen[str]:
        started.append(spawn(app, port, "worker", **settings))
        return started[-1]

    yield spawned
    for worker in started:
        if worker.poll() is None:
            killed(worker)


def stopped(workers: list[subprocess.Popen[str]]) -> list[str]:
    """Ask workers to stop, and return what each said."""
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    return [ended(worker)["err"] for worker in workers]


def wait_for(true: Callable[[], object]) -> None:
    waiting(true, 120)


def killed(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.communicate()


def test_three_workers_share_a_campaign_by_the_queue_and_leave_it_empty(app: App, clock: Any, start: Start) -> None:
    make_campaign(app, clock, crowd=299)
    with sink(delay=1.0) as relay:
        workers = [start(app, relay.port) for _ in range(3)]
        wait_for(lambda: relay.connections > 4)  # of more than one worker
        relay.delay = 0.02
        wait_for(lambda: campaign_status(app) is CampaignStatus.SENT)
        said = stopped(workers)
        with app.database.reading() as session:
            left = session.scalar(text("SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status <> 'todo'"))
    assert assert_accounted(app, relay, 300) == {"sent": 300}
    assert left == 0
    assert not any("Traceback" in one for one in said), said


def test_three_workers_killed_in_turn_lose_nothing_and_send_nothing_twice(app: App, clock: Any, start: Start) -> None:
    make_campaign(app, clock, crowd=399)
    chance, kills, connections = random.Random(5), 4, 2
    with sink(delay=0.02) as relay:
        settings = {"relay__connections": connections, "sending__lease_seconds": 5}
        workers = [start(app, relay.port, **settings) for _ in range(3)]
        for number in range(kills):
            aim = len(relay.received) + chance.randint(20, 60)
            wait_for(lambda aim=aim: len(relay.received) >= aim)  # type: ignore[misc]
            killed(workers[number % 3])
            assert_accounted(app, relay, 400)
            workers[number % 3] = start(app, relay.port, **settings)
        assert len(relay.received) < 400, "the kills came too late to prove anything"
        wait_for(lambda: campaign_status(app) is CampaignStatus.SENT)
        for worker in workers:  # not asked: the last may still be starting, deaf to a signal
            killed(worker)
    counts = assert_accounted(app, relay, 400)
    assert set(counts) <= {"sent", "uncertain"}
    assert counts["uncertain"] <= kills * connections * 5


def test_what_a_dead_worker_held_is_seen_to_though_nothing_else_is_due(app: App, clock: Any, start: Start) -> None:
    make_campaign(app, clock, crowd=2)
    with app.database.writing() as session:
        session.execute(text("INSERT INTO worker VALUES (4711, 'dead', now(), now())"))
        first = session.scalars(select(Delivery.id).where(Delivery.status == "pending").order_by(Delivery.id)).first()
        session.execute(update(Delivery).where(Delivery.status == "pending").values(worker_id=4711))
        session.execute(update(Delivery).where(Delivery.id == first).values(status="sending"))
    with sink() as relay:
        worker = start(app, relay.port)
        wait_for(lambda: campaign_status(app) is CampaignStatus.SENT)
        said = stopped([worker])[0]
    assert Counter(by_address(app).values()) == {"sent": 2, "uncertain": 1}
    assert "1 mails were on their way when another sender stopped" in said
    with app.database.reading() as session:
        assert session.scalar(select(Worker.id)) is None


def test_postgresql_restarted_in_mid_send_loses_nothing_and_sending_goes_on_by_itself(
    project: Path, clock: Any, start: Start, monkeypatch: pytest.MonkeyPatch, postgres_binaries: Path
) -> None:
    with cluster(postgres_binaries) as server:
        monkeypatch.setenv("OUTREACH_DATABASE__URL", server.url)
        app = open_app(project, clock=clock)
        make_campaign(app, clock, crowd=399)

        def finished() -> bool:
            try:
                return campaign_status(app) is CampaignStatus.SENT
            except OperationalError:
                return False

        with sink(delay=0.02) as relay:
            workers = [start(app, relay.port, relay__connections=2) for _ in range(2)]
            for aim, mode, away in ((60, "immediate", 0.0), (160, "fast", 2.0)):
                wait_for(lambda aim=aim: len(relay.received) >= aim)  # type: ignore[misc]
                server.stop(mode)
                time.sleep(away)
                server.start()
                assert len(relay.received) < 400
            wait_for(finished)
            said = stopped(workers)
        counts = assert_accounted(app, relay, 400)
        app.close()
    assert set(counts) <= {"sent", "uncertain"}
    assert counts["uncertain"] <= 2 * 2 * 2 * 5
    assert not any("Traceback" in one for one in said), said


def test_killed_in_the_middle_of_a_start_the_next_tick_starts_it_whole(app: App, clock: Any, start: Start) -> None:
    """The audience is half written when the worker dies: nothing of it is left, and it is frozen once."""
    keep_real_time(clock)
    with app.database.writing() as session:
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 20, key=app.suppression_key, now=app.now())
        world.add_catalogue(session, app.now())
        world.scheduled(app, session, send_at=in_seconds(clock, 60))
        session.execute(update(Campaign).values(send_at=text("now()")))
    with sink() as relay:
        with app.database.writing() as session:
            session.execute(text("LOCK TABLE link IN ACCESS EXCLUSIVE MODE"))  # where the start writes last
            worker = start(app, relay.port)
            wait_for(lambda: _waits_for(app, "link"))
            killed(worker)
        assert campaign_status(app) is CampaignStatus.SCHEDULED
        with app.database.reading() as session:
            assert session.scalar(select(Delivery.id)) is None
        workers = [start(app, relay.port) for _ in range(2)]
        wait_for(lambda: campaign_status(app) is CampaignStatus.SENT)
        stopped(workers)
    assert assert_accounted(app, relay, 21) == {"sent": 21}


def _waits_for(app: App, table: str) -> bool:
    with app.database.reading() as session:
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = CAST(:table AS regclass)")
        return bool(session.scalar(query, {"table": table}))

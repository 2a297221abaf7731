"""The queue: its tables, what waits in it once, and what becomes of a job whose worker died."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import procrastinate
import pytest
import world
from delivery.conftest import make_campaign, with_relay
from delivery.processes import in_seconds, wait_for
from relays import Relay, Talk
from sqlalchemy import text

from outreach import database as databases
from outreach import jobs, queue, queue_tables, scheduler
from outreach.app import App, open_app
from outreach.delivery import outbox
from outreach.models import OutboxMail, OutboxStatus

pytestmark = pytest.mark.postgres


@pytest.fixture
def app(on_postgres: App) -> App:
    return on_postgres


def queued(app: App) -> list[tuple[str, str]]:
    with app.database.reading() as session:
        rows = session.execute(text("SELECT queueing_lock, status FROM procrastinate.procrastinate_jobs ORDER BY id"))
        return [(key, status) for key, status in rows]


def working(app: App, tasks: dict[str, queue.Task], stop: threading.Event) -> Any:
    return queue.working(app.database, tasks, stop, lambda: True)


def shape(app: App) -> list[Any]:
    """Return what the queue's schema is made of."""
    with app.database.reading() as session:
        columns = text(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
            "WHERE table_schema = 'procrastinate' ORDER BY 1, 2"
        )
        functions = text(
            "SELECT proname, pg_get_function_arguments(oid), prosrc FROM pg_proc "
            "WHERE pronamespace = 'procrastinate'::regnamespace ORDER BY 1, 2"
        )
        indexes = text("SELECT indexname FROM pg_indexes WHERE schemaname = 'procrastinate' ORDER BY 1")
        return [sorted(map(tuple, session.execute(one).all())) for one in (columns, functions, indexes)]


def test_the_queues_tables_of_an_older_version_become_those_of_the_installed_one(app: App) -> None:
    fresh = shape(app)
    steps = sorted(path.name for path in (queue_tables._folder() / "migrations").glob("*.sql"))
    old = [name for name in steps if name < "02"]
    with app.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA procrastinate CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA procrastinate")
        connection.exec_driver_sql("CREATE TABLE procrastinate.applied (migration text NOT NULL)")
        connection.exec_driver_sql(f"INSERT INTO procrastinate.applied VALUES ('{old[-1]}')")
    for name in old:
        with app.database.engine.begin() as connection:
            queue_tables._run(connection, queue_tables._folder() / "migrations" / name)
    assert [row[0] for row in shape(app)[1]] != [row[0] for row in fresh[1]]
    assert databases.upgrade(app.database) is True
    columns, functions, _ = shape(app)
    assert columns == fresh[0]
    assert {name for name, _, _ in functions} == {name for name, _, _ in fresh[1]}
    assert databases.upgrade(app.database) is False


def test_a_newer_queue_is_left_alone(app: App) -> None:
    with app.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE procrastinate.applied SET migration = '99.00.00_01_later.sql'")
    assert databases.upgrade(app.database) is False


def test_two_hosts_that_start_at_once_make_the_tables_once(app: App, project: Path, tmp_path: Path) -> None:
    with app.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("DROP SCHEMA procrastinate CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    both = threading.Barrier(4)
    faults: list[BaseException] = []

    def start() -> None:
        database = databases.open_database(app.settings.database.url, project)
        both.wait()
        try:
            databases.upgrade(database)
        except BaseException as error:
            faults.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert databases.current_revision(app.database) == databases.latest_revision()
    assert queued(app) == []


def test_a_job_waits_once_and_again_when_a_host_has_taken_it(app: App) -> None:
    taken, go_on = threading.Event(), threading.Event()
    ran: list[int | None] = []

    def send(over: threading.Event, campaign_id: int | None) -> None:
        ran.append(campaign_id)
        taken.set()
        go_on.wait(20)

    with queue.putting(app.database) as putter:
        assert putter.put("send", queue.SENDING, 7)
        assert not putter.put("send", queue.SENDING, 7)
        assert putter.put("send", queue.SENDING, 8)
        with working(app, {"send": send}, threading.Event()):
            assert taken.wait(20)
            assert putter.put("send", queue.SENDING, 7)
            assert queued(app) == [("send 7", "doing"), ("send 8", "todo"), ("send 7", "todo")]
            go_on.set()
            wait_for(lambda: not queued(app))
    assert ran == [7, 8, 7]


def test_a_job_that_fails_keeps_nobody_from_the_next(app: App, caplog: pytest.LogCaptureFixture) -> None:
    ran = threading.Event()

    def broken(over: threading.Event, campaign_id: int | None) -> None:
        raise RuntimeError("disk on fire")

    with (
        queue.putting(app.database) as putter,
        working(app, {"a": broken, "b": lambda *_: ran.set()}, threading.Event()),
    ):
        putter.put("a", queue.CHORES)
        wait_for(lambda: queued(app) == [("a", "failed")])
        assert putter.put("a", queue.CHORES)
        putter.put("b", queue.CHORES)
        assert ran.wait(20)
    assert "disk on fire" in caplog.text


def test_a_job_left_by_a_dead_worker_holds_nobody_up_and_is_removed(app: App) -> None:
    with app.database.writing() as session:
        for statement in (
            "INSERT INTO procrastinate.procrastinate_workers (last_heartbeat) VALUES (now() - interval '31 seconds')",
            "INSERT INTO procrastinate.procrastinate_jobs (queue_name, task_name, queueing_lock, status, worker_id) "
            "SELECT 'sending', 'send', 'send 7', 'doing', max(id) FROM procrastinate.procrastinate_workers",
            "INSERT INTO procrastinate.procrastinate_jobs (queue_name, task_name, queueing_lock, status) "
            "VALUES ('sending', 'send', 'send 6', 'failed')",
            "INSERT INTO procrastinate.procrastinate_events (job_id, type, at) SELECT id, 'failed', now() - "
            "interval '73 hours' FROM procrastinate.procrastinate_jobs WHERE status = 'failed'",
        ):
            session.execute(text(f"SET LOCAL search_path TO procrastinate; {statement}"))
    ran = threading.Event()
    with queue.putting(app.database) as putter:
        assert putter.put("send", queue.SENDING, 7)
        with working(app, {"send": lambda *_: ran.set()}, threading.Event()):
            assert ran.wait(20)
            putter.put(queue.PRUNE, queue.CHORES)
            wait_for(lambda: not queued(app))


def test_a_job_that_runs_twice_sends_nothing_twice(app: App, clock: Any) -> None:
    campaign = make_campaign(app, clock, crowd=79)
    with Relay(delay=0.01) as relay:
        here = with_relay(app, port=relay.port)
        results: list[Any] = []
        threads = [
            threading.Thread(target=lambda: results.append(jobs.send_for_a_while(here, threading.Event(), campaign.id)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(relay.recipients) == len(set(relay.recipients)) == 80
    assert sum(one.sent for one in results) == 80


def test_a_shift_ends_and_the_rest_waits_for_the_next(app: App, clock: Any) -> None:
    campaign = make_campaign(app, clock, crowd=99)
    with pytest.MonkeyPatch.context() as patch:

        def tenth(stage: str, talk: Talk) -> None:
            if stage == "dot" and talk.messages == 10:  # the minute is over
                patch.setattr(jobs._Shift, "is_set", lambda shift: True)

        with Relay(answer=tenth, delay=0.02) as relay:
            here = with_relay(app, port=relay.port, connections=1)
            done = jobs.send_for_a_while(here, threading.Event(), campaign.id)
    assert 10 <= done.sent == len(relay.received) < 100
    assert (done.uncertain, done.deferred, done.trouble) == (0, 0, None)
    assert jobs.waiting_mail(here) == [campaign.id]


def test_a_shift_is_over_by_itself_or_when_the_worker_is_told_to_stop() -> None:
    over = threading.Event()
    long, short = jobs._Shift(60, over), jobs._Shift(0.05, over)
    assert not long.wait(0.01)
    assert short.wait()
    assert short.is_set()
    over.set()
    assert long.is_set()
    assert long.wait()


def test_a_job_sends_of_its_own_campaign_and_other_mail_before_it(app: App, clock: Any) -> None:
    first = make_campaign(app, clock, crowd=3)
    with app.database.writing() as session:
        second = world.sending(app, session, name="tweede", send_at=in_seconds(clock, 10))
        outbox.put(session, key="k", kind="t", recipient="a@b.example", message=b"x\r\n", now=app.now())
    assert jobs.waiting_mail(app) == [None, first.id, second.id]
    with Relay() as relay:
        here = with_relay(app, port=relay.port)
        done = jobs.send_for_a_while(here, threading.Event(), second.id)
        assert (done.sent, done.outbox_sent) == (4, 1)
        assert jobs.waiting_mail(app) == [first.id]
        assert not jobs.send_for_a_while(here, threading.Event(), None).sent


def test_a_host_that_has_not_joined_takes_no_work_and_puts_none(app: App, tmp_path: Path, clock: Any) -> None:
    other = tmp_path / "other"
    shutil.copytree(app.project, other)
    stranger = open_app(other, clock=clock)
    with app.database.writing() as session:
        outbox.put(session, key="k", kind="t", recipient="a@b.example", message=b"x\r\n", now=app.now())
    with ExitStack() as stack:
        relay = stack.enter_context(Relay())
        stack.callback(stranger.close)
        stack.enter_context(scheduler.running(with_relay(stranger, port=relay.port), threading.Event()))
        time.sleep(3)
        assert queued(app) == []
        with queue.putting(app.database) as putter:
            putter.put("send", queue.SENDING)
        time.sleep(2)
        assert queued(app) == [("send", "todo")]
        stack.enter_context(scheduler.running(with_relay(app, port=relay.port), threading.Event()))
        wait_for(lambda: len(relay.received) == 1)
    with app.database.reading() as session:
        assert session.query(OutboxMail.status).scalar() is OutboxStatus.SENT


def test_the_app_that_works_is_procrastinates_own(app: App) -> None:
    """What we count on and it promises: these names, in the version that is locked."""
    worker = procrastinate.App(connector=procrastinate.PsycopgConnector())
    for name in ("get_stalled_jobs", "finish_job", "delete_old_jobs"):
        assert asyncio.iscoroutinefunction(getattr(worker.job_manager, name))


def test_a_dead_host_is_known_within_a_minute(app: App) -> None:
    """The server drops a host that is silent; failing that, its lease lapses; then others look and take."""
    idle, interval, count = (databases.SERVER_SIDE[f"tcp_keepalives_{name}"] for name in ("idle", "interval", "count"))
    look = scheduler.TIDY_SECONDS + queue.POLL_SECONDS + scheduler.SEND_SECONDS + queue.POLL_SECONDS
    assert idle + interval * count + look < 60
    assert app.settings.sending.lease_seconds + look < 60
    with app.database.reading() as session:  # as it is for a connection over TCP; on a socket of this machine it is 0
        assert session.scalar(text("SHOW tcp_keepalives_idle")) in ("0", str(idle))

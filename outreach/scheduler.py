"""The clock: it finds what is due and starts it. The tables hold the truth, so a lost tick loses nothing.

On SQLite, and with the built-in inbox, what is due is done in this process. On PostgreSQL the clock of every host puts
it in the queue (`outreach/queue.py`), and every host that runs a clock takes its share from there.

A tick for each matter, so that a send of hours doesn't keep the next campaign from starting. A tick that comes late
still counts (APScheduler drops one that is a second late unless told otherwise), ticks that piled up are one, and none
runs beside itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError

from outreach import jobs
from outreach.app import App, Vitals
from outreach.database import damage

START_SECONDS = 5
SEND_SECONDS = 2
TIDY_SECONDS = 2
REMIND_SECONDS = 300
JUDGE_SECONDS = 60
FORGET_SECONDS = 3600
INBOX_SECONDS = 60
PRUNE_SECONDS = 30
LOOK_SECONDS = 15
WATCH_SECONDS = 1.0

log = logging.getLogger(__name__)

# What is done every so often, whatever is due; each by a function of its own, which may run twice or late.
CHORES: Mapping[str, tuple[float, Callable[[App], object]]] = {
    "remind": (REMIND_SECONDS, jobs.remind_due),
    "judge": (JUDGE_SECONDS, jobs.judge_hits),
    "forget": (FORGET_SECONDS, jobs.forget_due),
    "inbox": (INBOX_SECONDS, jobs.read_inbox),
    "watch": (LOOK_SECONDS, jobs.watch),
    "answers": (FORGET_SECONDS, jobs.forget_answers),
}
Ticks = dict[str, tuple[float, Callable[[], object]]]


@contextmanager
def running(app: App, stop: threading.Event) -> Iterator[BackgroundScheduler]:
    """Do what falls due while the block runs; at its end mails on the wire are finished first."""
    # A send longer than its tick is no news; APScheduler warns of every tick it leaves out.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    in_process = app.database.is_sqlite or app.simulated
    with _in_process(app, stop) if in_process else _by_queue(app, stop) as ticks:
        for id, (seconds, work) in ticks.items():
            add_job(scheduler, id, seconds, _tick(id, work, app.vitals))
        scheduler.start()
        over = threading.Event()
        watch = threading.Thread(target=_watch, args=(scheduler, over), name="clock-watch", daemon=True)
        watch.start()
        try:
            yield scheduler
        finally:
            stop.set()
            over.set()
            watch.join()
            scheduler.shutdown(wait=True)


@contextmanager
def _in_process(app: App, stop: threading.Event) -> Iterator[Ticks]:
    """Do everything in this process."""
    yield {
        "start": (START_SECONDS, lambda: jobs.start_due(app)),
        "send": (SEND_SECONDS, lambda: jobs.send(app, stop)),
        **{name: (seconds, _given(work, app)) for name, (seconds, work) in CHORES.items()},
    }


@contextmanager
def _by_queue(app: App, stop: threading.Event) -> Iterator[Ticks]:
    """Put what is due in the queue, and take from it."""
    from outreach import queue  # a tenth of a second, and ten megabytes, that SQLite needn't pay

    def ours(work: Callable[[threading.Event, int | None], object]) -> queue.Task:
        def task(over: threading.Event, campaign_id: int | None) -> None:
            if not jobs.is_ours(app):
                raise queue.NotHere
            work(over, campaign_id)

        return task

    tasks = {
        "start": ours(lambda over, campaign_id: campaign_id and jobs.start(app, campaign_id)),
        "send": ours(lambda over, campaign_id: jobs.send_for_a_while(app, over, campaign_id)),
        "tidy": ours(lambda over, campaign_id: jobs.tidy(app)),
        **{name: ours(_alone(work, app)) for name, (_, work) in CHORES.items()},
    }
    with queue.putting(app.database) as putter, queue.working(app.database, tasks, stop, lambda: jobs.is_ours(app)):

        def start() -> None:
            for campaign_id in jobs.due_campaigns(app):
                putter.put("start", queue.CHORES, campaign_id)

        def send() -> None:
            for campaign_id in jobs.waiting_mail(app):
                putter.put("send", queue.SENDING, campaign_id, first=campaign_id is None)

        def tidy() -> None:
            if jobs.is_ours(app) and jobs.is_untidy(app):
                putter.put("tidy", queue.CHORES, first=True)

        def chore(name: str) -> Callable[[], object]:
            return lambda: jobs.is_ours(app) and putter.put(name, queue.CHORES)

        yield {
            "start": (START_SECONDS, start),
            "send": (SEND_SECONDS, send),
            "tidy": (TIDY_SECONDS, tidy),
            **{name: (seconds, chore(name)) for name, (seconds, _) in CHORES.items()},
            queue.PRUNE: (PRUNE_SECONDS, chore(queue.PRUNE)),
        }


def _given(work: Callable[[App], object], app: App) -> Callable[[], object]:
    return lambda: work(app)


def _alone(work: Callable[[App], object], app: App) -> Callable[[threading.Event, int | None], object]:
    return lambda _over, _campaign_id: work(app)


def _tick(id: str, work: Callable[[], object], vitals: Vitals) -> Callable[[], None]:
    """Return `work` as the clock calls it: what fails is told, and tried again by the next tick."""

    def tick() -> None:
        try:
            work()
        except (OperationalError, OSError) as error:  # the database is away, the disk is full: its words say all
            log.warning("%s failed: %s", id, str(getattr(error, "orig", error)).strip())
        except Exception as error:
            if told := damage(error):
                log.critical("%s failed: %s", id, told)
            else:
                log.exception("%s failed", id)
        else:
            vitals.ticks[id] = datetime.now(UTC)

    return tick


def add_job(scheduler: BackgroundScheduler, id: str, seconds: float, work: Callable[[], object]) -> None:
    """Add a job that runs at once and then every so many seconds."""
    scheduler.add_job(work, "interval", seconds=seconds, id=id, next_run_time=datetime.now(UTC))


def _watch(scheduler: BackgroundScheduler, over: threading.Event) -> None:
    while not over.wait(WATCH_SECONDS):
        pull_forward(scheduler, datetime.now(UTC))


def pull_forward(scheduler: BackgroundScheduler, now: datetime) -> None:
    """Run at once what a clock that was set back would put off: APScheduler keeps wall-clock times."""
    for job in scheduler.get_jobs():
        planned = job.next_run_time
        if planned is not None and planned - now > job.trigger.interval + timedelta(seconds=WATCH_SECONDS):
            job.modify(next_run_time=now)

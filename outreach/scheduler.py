"""The clock: it finds what is due and starts it. The tables hold the truth, so a lost tick loses nothing.

A job for each matter, so that a send of hours doesn't keep the next campaign from starting. A tick that comes late
still counts (APScheduler drops one that is a second late unless told otherwise), ticks that piled up are one, and no
job runs beside itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from outreach import jobs
from outreach.app import App

START_SECONDS = 5
SEND_SECONDS = 2
REMIND_SECONDS = 300
JUDGE_SECONDS = 60
FORGET_SECONDS = 3600
INBOX_SECONDS = 60
WATCH_SECONDS = 1.0


@contextmanager
def running(app: App, stop: threading.Event) -> Iterator[BackgroundScheduler]:
    """Do what falls due while the block runs; at its end mails on the wire are finished first."""
    # A send longer than its tick is no news; APScheduler warns of every tick it leaves out.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    add_job(scheduler, "start", START_SECONDS, lambda: jobs.start_due(app))
    add_job(scheduler, "send", SEND_SECONDS, lambda: jobs.send(app, stop))
    add_job(scheduler, "remind", REMIND_SECONDS, lambda: jobs.remind_due(app))
    add_job(scheduler, "judge", JUDGE_SECONDS, lambda: jobs.judge_hits(app))
    add_job(scheduler, "forget", FORGET_SECONDS, lambda: jobs.forget_due(app))
    add_job(scheduler, "inbox", INBOX_SECONDS, lambda: jobs.read_inbox(app))
    add_job(scheduler, "answers", FORGET_SECONDS, lambda: jobs.forget_answers(app))
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

"""The queue that any number of hosts take their work from: Procrastinate, on the PostgreSQL that has the data.

A job says what to look at, never what to do: "campaign 7", and the tables tell what of it is due. So a job that runs
twice does nothing twice, and one that is lost is put again by the next tick of any host's clock. While a job waits it
isn't put again; once a host has taken it, the next one may wait for another host: that is how as many hosts as have
nothing else to do work on one campaign. A job holds no lock, so a host that dies with one holds nobody up.

Procrastinate's worker is asynchronous; that stays in here. What it runs are plain functions, in threads of their own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import procrastinate
from procrastinate import JobContext, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from sqlalchemy.exc import OperationalError

from outreach.database import CLIENT_SIDE, SERVER_SIDE, Database, own_name
from outreach.queue_tables import SCHEMA

log = logging.getLogger(__name__)

# Mail has places of its own: a send of a minute must not keep the next campaign from starting, nor the reverse.
SENDING, CHORES = "sending", "chores"
_PLACES = {SENDING: 1, CHORES: 2}
POLL_SECONDS = 1.0
RETRY_SECONDS = 3.0
# A worker's heart beats every 10 seconds. Its job is forgotten after three beats missed: it says nothing about mails.
STALLED_SECONDS = 30.0
KEEP_FAILED_HOURS = 72
PRUNE = "prune"  # a task of the queue's own: it removes jobs that died with their worker, or failed long ago

Task = Callable[[threading.Event, int | None], None]


class QueueAway(ConnectionError):
    """The queue's database can't be reached."""


class NotHere(Exception):
    """Raised by a task where this host may do no work; it takes none until `may_work` says otherwise."""


@dataclass(frozen=True)
class Putter:
    """Puts jobs in the queue."""

    app: procrastinate.App

    def put(self, task: str, place: str, campaign_id: int | None = None, *, first: bool = False) -> bool:
        """Put a job in the queue; False if the same one waits there already."""
        key = task if campaign_id is None else f"{task} {campaign_id}"
        job = self.app.configure_task(task, queue=place, queueing_lock=key, priority=10 if first else 0)
        try:
            # Looked for first, since the server's log would fill with keys that were there already.
            if any(self.app.job_manager.list_jobs(status=Status.TODO.value, queueing_lock=key)):
                return False
            job.defer(campaign_id=campaign_id)
        except AlreadyEnqueued:
            return False
        except ConnectorException as error:
            raise QueueAway(_words(error)) from error
        return True


@contextmanager
def putting(database: Database) -> Iterator[Putter]:
    """Open the queue for putting."""
    app = procrastinate.App(connector=SyncPsycopgConnector(**_pool(database, most=2)))
    app.open()
    try:
        yield Putter(app)
    finally:
        app.close()


@contextmanager
def working(
    database: Database, tasks: Mapping[str, Task], stop: threading.Event, may_work: Callable[[], bool]
) -> Iterator[None]:
    """Take jobs while the block runs; at its end those under way are told to stop, and waited for."""
    # What goes wrong is told by us, in one line; these tell it with pages of their own.
    for name in ("procrastinate", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    thread = threading.Thread(target=_keep_working, args=(database, tasks, stop, may_work), name="queue")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _keep_working(
    database: Database, tasks: Mapping[str, Task], stop: threading.Event, may_work: Callable[[], bool]
) -> None:
    """Work until told to stop; again a little later when the database was away."""
    while not stop.is_set():
        try:
            if may_work():
                asyncio.run(_work(database, tasks, stop))
        except (OperationalError, ConnectorException, OSError) as error:
            log.warning("the queue can't be reached: %s; again in %s s", _words(error), RETRY_SECONDS)
        except Exception:
            log.exception("taking work from the queue failed; again in %s s", RETRY_SECONDS)
        stop.wait(RETRY_SECONDS)


def _words(error: BaseException) -> str:
    told = str(getattr(error, "orig", None) or error.__cause__ or error).strip().splitlines()
    return told[0] if told else type(error).__name__


async def _work(database: Database, tasks: Mapping[str, Task], stop: threading.Event) -> None:
    """Take jobs until told to stop, or until one of the places can't be served any more."""
    asyncio.get_running_loop().set_exception_handler(lambda _loop, about: log.debug("%s", about.get("message")))
    over = threading.Event()
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(**_pool(database, most=4)))
    for name, task in tasks.items():
        app.task(name=name)(_plain(name, task, over))
    app.task(name=PRUNE, pass_context=True)(_prune)
    async with app.open_async():
        served = [asyncio.create_task(_serve(app, place, count)) for place, count in _PLACES.items()]
        while not (stop.is_set() or over.is_set() or any(one.done() for one in served)):
            await asyncio.sleep(0.2)
        over.set()  # the jobs under way end soon
        for one in served:
            one.cancel()
        ends = await asyncio.gather(*served, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _serve(app: procrastinate.App, place: str, count: int) -> None:
    await app.run_worker_async(
        queues=[place],
        name=place,
        concurrency=count,
        fetch_job_polling_interval=POLL_SECONDS,
        abort_job_polling_interval=3600,
        # Looking once a second costs two small queries, and no connection that must be kept alive for listening.
        listen_notify=False,
        delete_jobs="successful",
        install_signal_handlers=False,
        stalled_worker_timeout=STALLED_SECONDS,
    )


def _plain(name: str, task: Task, over: threading.Event) -> Callable[..., None]:
    def run(campaign_id: int | None) -> None:
        about = name if campaign_id is None else f"{name} (campaign {campaign_id})"
        try:
            task(over, campaign_id)
        except NotHere:
            over.set()
        except OperationalError as error:
            log.warning("%s: the database is away: %s", about, _words(error))
            raise
        except Exception:
            log.exception("%s failed", about)
            raise

    return run


async def _prune(context: JobContext, campaign_id: None) -> None:
    jobs = context.app.job_manager
    for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        log.warning("job %s was left by a worker that died", job.task_name)
        await jobs.finish_job(job, Status.FAILED, delete_job=True)
    await jobs.delete_old_jobs(KEEP_FAILED_HOURS, include_failed=True, include_cancelled=True, include_aborted=True)


def _pool(database: Database, *, most: int) -> dict[str, Any]:
    url = database.engine.url.set(drivername="postgresql")
    options = [str(url.query["options"])] if "options" in url.query else []
    options += [f"-c {name}={value}" for name, value in {"search_path": SCHEMA, **SERVER_SIDE}.items()]
    given = {"application_name": own_name(), **CLIENT_SIDE}
    ours = {name: value for name, value in given.items() if name not in url.query}
    return {
        "conninfo": url.render_as_string(hide_password=False),
        "kwargs": {**ours, "options": " ".join(options)},
        "min_size": 1,
        "max_size": most,
        "timeout": 15.0,
    }

"""Writing hits down before they are answered: in the database if it is free, else in a file beside it.

Hits that come while others are being written share the next commit, so that a hundred visitors wait for one
`fsync` and not for a hundred. Nothing is remembered between two commits: where a code leads is read from the database
for each, so that a link that is gone leads nowhere at once, in every process.

The file is one line of JSON per hit, in `.state/`; what stands there goes into the database a few seconds later. A
crash between the two can only count a hit twice, never lose it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from outreach.app import App
from outreach.campaigns import hits
from outreach.campaigns.hits import Target
from outreach.database import Database
from outreach.keys import STATE

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0
# One commit takes no more, so that a flood neither outgrows the statement's limits nor makes the first of it wait long.
MOST_AT_ONCE = 500

Waiting = tuple[hits.Request, "asyncio.Future[Target | None]"]


class HitBook:
    """Keeps the hits of one process; `database` gives up soon when it is locked, since visitors wait."""

    def __init__(self, database: Database, project: Path) -> None:
        self._database = database
        self._file = file_of(project)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hits")
        self._waiting: list[Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def write_down(self, hit: hits.Request) -> Target | None:
        """Return where the hit's code leads, once the hit is on the disk; None, and no hit, for no code of ours."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Target | None] = loop.create_future()
        self._waiting.append((hit, answer))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # lets in who is at the door already: one commit fewer, measured 15 % more answers
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                work = asyncio.get_running_loop().run_in_executor(self._thread, self._keep, [hit for hit, _ in batch])
                targets = await work
            except BaseException as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error if isinstance(error, Exception) else RuntimeError("shutting down"))
                if not isinstance(error, Exception):
                    raise
                continue
            for hit, answer in batch:
                if not answer.done():
                    answer.set_result(targets.get(hit.code))

    def _keep(self, batch: Sequence[hits.Request]) -> dict[str, Target]:
        """Write hits down in one commit, or aside; return where their codes lead."""
        with self._database.reading() as session:
            targets = hits.leading(session, {hit.code for hit in batch})
        known = [hit for hit in batch if hit.code in targets]
        if not known:
            return targets
        try:
            with self._database.writing() as session:
                hits.record(session, known, targets)
        except SQLAlchemyError as error:
            log.warning("the database is busy or gone, %s hits wait in %s: %s", len(known), self._file, error)
            put_aside(self._file, known)
        return targets

    def close(self) -> None:
        """Finish what is being written, and let go of the database."""
        self._thread.shutdown()
        self._database.close()


def file_of(project: Path) -> Path:
    return project / STATE / "hits.jsonl"


def catch_up(app: App) -> int:
    """Bring the hits that wait in the file into the database; return how many."""
    file = file_of(app.project)
    taken = file.with_suffix(".taken")
    if not file.exists() and not taken.exists():
        return 0
    with _alone(taken):
        if not taken.exists():
            with _alone(file):
                file.rename(taken)
        found = [hit for line in taken.read_text().splitlines() if (hit := _read(line))]
        written = 0
        with app.database.writing() as session:
            for start in range(0, len(found), MOST_AT_ONCE):
                some = found[start : start + MOST_AT_ONCE]
                written += hits.record(session, some, hits.leading(session, {hit.code for hit in some}))
        taken.unlink()
    return written


def _read(line: str) -> hits.Request | None:
    try:
        return hits.Request.from_json(json.loads(line))
    except (ValueError, TypeError, KeyError):
        log.error("a line of the hits set aside cannot be read: %r", line)  # torn by a power cut
        return None


def put_aside(file: Path, batch: Sequence[hits.Request]) -> None:
    """Write hits into the file, durably; never raises, since a full disk must not keep a visitor from the page."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(file), file.open("a") as book:
            book.write("".join(json.dumps(hit.to_json()) + "\n" for hit in batch))
            book.flush()
            os.fsync(book.fileno())
    except OSError:
        log.exception("hits are lost: %s", batch)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Keep other processes away from the file."""
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

"""Writing hits down without making a visitor wait or losing one: the database if it is free, else a file beside it.

The file is one line of JSON per hit, in `.state/`; what stands there goes into the database a few seconds later. A
crash between the two can only count a hit twice, never lose it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from outreach.app import App
from outreach.campaigns import hits
from outreach.database import Database
from outreach.keys import STATE

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0


def file_of(project: Path) -> Path:
    return project / STATE / "hits.jsonl"


def write_down(database: Database, project: Path, hit: hits.Request) -> None:
    """Keep a hit, whatever happens; never raises."""
    try:
        with database.writing() as session:
            hits.record(session, hit)
    except SQLAlchemyError as error:
        log.warning("the database is busy or gone, a hit waits in %s: %s", file_of(project), error)
        _put_aside(file_of(project), hit)


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
        with app.database.writing() as session:
            for hit in found:
                hits.record(session, hit)
        taken.unlink()
    return len(found)


def _read(line: str) -> hits.Request | None:
    try:
        return hits.Request.from_json(json.loads(line))
    except (ValueError, TypeError, KeyError):
        log.error("a line of the hits set aside cannot be read: %r", line)  # torn by a power cut
        return None


def _put_aside(file: Path, hit: hits.Request) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(file), file.open("a") as book:
            book.write(json.dumps(hit.to_json()) + "\n")
            book.flush()
            os.fsync(book.fileno())
    except OSError:
        log.exception("a hit is lost: %s", hit)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Keep other processes away from the file."""
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

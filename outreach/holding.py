"""Who has the database of a project open, so that no restore puts another one under a running process.

On SQLite everything that opens the project holds a shared file lock beside the database, which the kernel drops when
the process dies, however it dies. On PostgreSQL the server tells who is connected, by the name that we give ourselves.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import text

from outreach.database import APPLICATION, Database, own_name
from outreach.errors import Refusal
from outreach.keys import STATE

_LOCKS = Path("/proc/locks")
_STOP_THEM = "stop `outreach up`, workers and other commands of this project first, then try again"


def hold(database: Database) -> IO[str] | None:
    """Say that this process has the database open, until the file returned is closed; Refusal while it is restored."""
    file = _file(database)
    if file is None:
        return None
    handle = _opened(file)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise Refusal("the database is being restored this moment: try again when that is done") from None
    return handle


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """Keep every other process out of the database while the block runs; Refusal, naming them, if there are any.

    PostgreSQL's server can't keep newcomers out: those who are there already are named.
    """
    if not database.is_sqlite:
        _refuse_connected(database)
        yield
        return
    file = _file(database)
    if file is None:
        yield
        return
    with _opened(file) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _holders(file)
            named = f" ({'process' if len(who) == 1 else 'processes'} {', '.join(map(str, who))})" if who else ""
            raise Refusal(f"the database is in use{named}: {_STOP_THEM}") from None
        yield


def _file(database: Database) -> Path | None:
    """Return the file to lock, None where there is no database that could be in use."""
    if not database.is_sqlite:
        return None
    file = Path(database.engine.url.database or "").resolve()
    return file.parent / STATE / f"{file.name}.in-use" if file.parent.is_dir() else None


def _opened(file: Path) -> IO[str]:
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        return os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except OSError as error:
        raise Refusal(f"{file}: cannot be opened ({error.strerror}): this folder must be writable") from error


def _holders(file: Path) -> list[int]:
    """Return the numbers of the processes that hold the lock, where Linux tells them."""
    inode = str(file.stat().st_ino)
    try:
        rows = [line.split() for line in _LOCKS.read_text().splitlines()]
    except OSError:
        return []
    found = {int(row[4]) for row in rows if row[1] == "FLOCK" and row[5].rpartition(":")[2] == inode}
    return sorted(found - {0, -1})


def _refuse_connected(database: Database) -> None:
    database.close()  # the connections of our own pool, but for the one that asks
    with database.reading() as session:
        names = session.scalars(
            text(
                "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name LIKE :ours AND application_name <> :me ORDER BY 1"
            ),
            {"ours": f"{APPLICATION} %", "me": own_name()},
        ).all()
    if names:
        raise Refusal(f"the database is in use ({', '.join(names)}): {_STOP_THEM}")

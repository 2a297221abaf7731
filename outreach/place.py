"""Where an SQLite database lives and what was last seen of it there: what tells a copy, or an older file, from it.

The keys beside a database travel along when its folder is copied. So `.state/place.json`, which is in no backup, keeps
the path of the database, the inode of the `.state` folder and the machine's id; a copy has others. And it keeps a
token that is drawn anew, here and in the database, while mail is sent: a database put back from before has an older
one. PostgreSQL is one server for all hosts and needs none of this.
"""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from outreach.database import Database
from outreach.keys import STATE, write_private
from outreach.models import Installation

PLACE_FILE = "place.json"
_MACHINE = Path("/etc/machine-id")


def fits(database: Database) -> bool:
    """Tell whether this is the database that was last seen here, in the place where that was."""
    # Twice: a sender may have drawn a new token between our two looks.
    if not database.is_sqlite or _fits(database):
        return True
    with _alone(database):
        return _fits(database)


def claim(database: Database) -> None:
    """Write down that this database, as it is now, lives here."""
    if database.is_sqlite:
        with _alone(database):
            _draw(database)


def draw(database: Database) -> None:
    """Draw a new token, so that the database as it was before is known as older; nothing if it doesn't fit."""
    if not database.is_sqlite:
        return
    with _alone(database):
        if _fits(database):
            _draw(database)


def _draw(database: Database) -> None:
    old, new = _token(database), secrets.token_hex(16)
    place = _here(database)
    # Both at first: a crash on either side of the commit leaves a pair that fits.
    _write(database, {**place, "tokens": [old, new]})
    with database.writing() as session:
        session.execute(update(Installation).values(generation=new))
    _write(database, {**place, "tokens": [new]})


def _fits(database: Database) -> bool:
    token = _token(database)  # before the file: what we read there is never older
    try:
        seen = json.loads(_file(database).read_text())
        return token in seen.pop("tokens") and seen == _here(database)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _token(database: Database) -> str | None:
    with database.reading() as session:
        return session.scalar(select(Installation.generation))


def _here(database: Database) -> dict[str, Any]:
    folder = _file(database).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Not the device's number: it may be another after the machine starts anew.
    return {"database": str(_database_file(database)), "inode": folder.stat().st_ino, "machine": _machine()}


def _machine() -> str:
    try:
        return _MACHINE.read_text().strip()
    except (OSError, ValueError):
        return ""


def _database_file(database: Database) -> Path:
    return Path(database.engine.url.database or "").resolve()


def _file(database: Database) -> Path:
    file = _database_file(database)
    # Beside the database, like the sender's lock, and one for each database in that folder.
    return file.parent / STATE / (PLACE_FILE if file.name == "outreach.db" else f"{file.name}.{PLACE_FILE}")


def _write(database: Database, data: dict[str, Any]) -> None:
    write_private(_file(database), json.dumps(data, indent=1))


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    file = _file(database).with_suffix(".lock")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

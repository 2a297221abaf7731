"""Where a database lives, who sends from it, and what was last seen of it: what tells a copy, or an older one, from it.

A database says who it is: on SQLite its path, on PostgreSQL the server's own number, its timeline and the database's
number in it; a copy, a dump restored elsewhere, or a server that failed over has others. The keys beside it travel
along when a project folder is copied, so `.state/place.json`, which is in no backup, keeps the inode of that folder and
the machine's id. And each folder that sends (one on SQLite, one per host on PostgreSQL) has a row in the table `host`
with a token that is drawn anew, there and here, while mail is sent: a database put back from before has an older one.

A file backup that is put back whole, over the same folder, brings `place.json` back too. So the token is kept a third
time, in this user's state folder (`$XDG_STATE_HOME/outreach`, else `~/.local/state/outreach`). Whoever puts that back
as well (a whole machine, a home folder with the project in it) is told by the clock at most: see
`campaigns/holding_back.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from outreach.database import Database
from outreach.errors import Refusal
from outreach.keys import STATE, write_private
from outreach.models import Host, Installation

PLACE_FILE = "place.json"
_MACHINE = Path("/etc/machine-id")


class Standing(StrEnum):
    """Whether mail may leave from here: `ours`; `stranger`, a host that hasn't joined; or another database."""

    OURS = "ours"
    STRANGER = "stranger"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class _Seen:
    """What this folder knows: itself, the database and host row it had, and the tokens of which one must be there."""

    database: str
    inode: int
    machine: str
    host: str
    tokens: list[str]
    generation: int
    keeper: str  # the file that has them too, outside the project; "" if that couldn't be written


def standing(database: Database, instance_id: str) -> Standing:
    """Tell whether this is the database that was last seen here, in the place where that was."""
    found = _standing(database, instance_id)
    if found is Standing.OURS:
        return found
    with _alone(database):  # a sender may have drawn a new token between our two looks
        return _standing(database, instance_id)


def claim(database: Database, instance_id: str, now: datetime) -> None:
    """Write down that this database, as it is now, lives here, and that this folder alone sends from it."""
    with _alone(database):
        with database.writing() as session:
            session.execute(delete(Host))
            session.execute(update(Installation).values(instance_id=instance_id, server=_identity(session, database)))
            seen = _settled(session, database, instance_id, now)
        _write(database, seen, seen.tokens, seen.generation)


def join(database: Database, instance_id: str, now: datetime) -> str:
    """Let this folder send beside those that do; return the database's instance id, which is the folder's from now."""
    if (found := standing(database, instance_id)) is not Standing.STRANGER:
        why = {
            Standing.OURS: "this host sends from this database already",
            Standing.FOREIGN: "nobody sends from this database, as it was restored or copied: `outreach db adopt`",
        }
        raise Refusal(why[found])
    with _alone(database):
        with database.writing() as session:
            theirs = session.scalars(select(Installation.instance_id)).one()
            seen = _settled(session, database, theirs, now)
        _write(database, seen, seen.tokens, seen.generation)
    return theirs


def draw(database: Database, now: datetime) -> bool:
    """Draw a new token, so that the database as it was before is known as older; False if this isn't the database."""
    with _alone(database):
        seen = _read(_file(database))
        if seen is None:
            return False
        with database.reading() as session:
            instance_id = session.scalars(select(Host.instance_id).where(Host.id == seen.host)).one_or_none()
        if instance_id is None or _standing(database, instance_id) is not Standing.OURS:
            return False
        return _draw(database, seen, now)


def _draw(database: Database, seen: _Seen, now: datetime) -> bool:
    with database.reading() as session:
        old = session.scalars(select(Host.token).where(Host.id == seen.host)).one()
    new = secrets.token_hex(16)
    # Both at first: a crash on either side of the commit leaves a pair that fits.
    _write(database, seen, [old, new], seen.generation)
    with database.writing() as session:
        mine = update(Host).where(Host.id == seen.host, Host.token == old).values(token=new, drawn_at=now)
        if session.scalar(mine.returning(Host.id)) is None:
            return False
        generation = _advance(session, now)
    _write(database, seen, [new], generation)
    return True


def note(database: Database) -> None:
    """Remember how far the database has come by the work of other hosts, so that an older one is known here too."""
    with database.reading() as session:
        generation = session.scalars(select(Installation.generation)).one()
    seen = _read(_file(database))
    if seen is not None and seen.generation < generation:
        with _alone(database):
            seen = _read(_file(database))
            if seen is not None and seen.generation < generation:
                _write(database, seen, seen.tokens, generation)


def _advance(session: Session, now: datetime) -> int:
    further = update(Installation).values(generation=Installation.generation + 1, seen_at=now)
    return session.scalars(further.returning(Installation.generation)).one()


def _settled(session: Session, database: Database, instance_id: str, now: datetime) -> _Seen:
    """Give this folder a row of its own; return what it knows from then on."""
    token, host, name = secrets.token_hex(16), secrets.token_hex(16), socket.gethostname()[:200]
    row = {"id": host, "name": name, "instance_id": instance_id, "token": token, "drawn_at": now}
    session.execute(insert(Host).values(row))
    generation = _advance(session, now)
    return _Seen(_identity(session, database), _inode(database), _machine(), host, [token], generation, "")


def _standing(database: Database, instance_id: str) -> Standing:
    with database.reading() as session:  # before the file: what we read there is never older
        installation = session.scalars(select(Installation)).one()
        identity = _identity(session, database)
        hosts = {host.id: host for host in session.scalars(select(Host))}
    if installation.server != identity:
        return Standing.FOREIGN
    seen = _read(_file(database))
    if seen is not None and (seen.inode, seen.machine) != (_inode(database), _machine()):
        seen = None  # another folder's
    host = hosts.get(seen.host) if seen is not None else None
    if seen is not None and (
        installation.generation < seen.generation
        or seen.database != identity
        or (host is not None and not _is_known(host.token, seen))
    ):
        return Standing.FOREIGN
    if host is not None and installation.instance_id == instance_id:
        return Standing.OURS
    sends = any(host.instance_id == installation.instance_id for host in hosts.values())
    return Standing.STRANGER if sends and not database.is_sqlite else Standing.FOREIGN


def _is_known(token: str, seen: _Seen) -> bool:
    if token not in seen.tokens:
        return False
    outside = _read(Path(seen.keeper)) if seen.keeper else None
    # Another user's file, or none in a container that was made anew, says nothing.
    return outside is None or token in outside.tokens


def _identity(session: Session, database: Database) -> str:
    if database.is_sqlite:
        return str(Path(database.engine.url.database or "").resolve())
    parts = [session.scalar(text("SELECT oid::text FROM pg_database WHERE datname = current_database()"))]
    for function, query in _SERVER.items():  # everybody may ask, unless a host of databases forbids it
        if session.scalar(select(func.has_function_privilege(function, "execute"))):
            parts.append(session.scalar(text(query)))
    return "postgresql " + " ".join(str(part) for part in parts)


_SERVER = {
    "pg_control_system()": "SELECT system_identifier::text FROM pg_control_system()",
    "pg_walfile_name(pg_lsn)": "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)",
}


def _inode(database: Database) -> int:
    folder = _file(database).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.stat().st_ino  # without the device's number: it may be another after the machine starts anew


def _machine() -> str:
    try:
        return _MACHINE.read_text().strip()
    except (OSError, ValueError):
        return ""


def _file(database: Database) -> Path:
    if not database.is_sqlite:
        return database.folder / STATE / f"postgresql.{PLACE_FILE}"
    file = Path(database.engine.url.database or "").resolve()
    # Beside the database, like the sender's lock, and one for each database in that folder.
    return file.parent / STATE / (PLACE_FILE if file.name == "outreach.db" else f"{file.name}.{PLACE_FILE}")


def _keeper(file: Path) -> Path | None:
    """Return where this user keeps the token outside the project; None for a user without a home."""
    named = os.environ.get("XDG_STATE_HOME", "")
    try:
        state = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return state / "outreach" / f"{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:24]}.json"


def _read(file: Path) -> _Seen | None:
    try:
        data = json.loads(file.read_text())
        return _Seen(**data) if isinstance(data.get("tokens"), list) else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _write(database: Database, seen: _Seen, tokens: list[str], generation: int) -> None:
    file = _file(database)
    keeper, kept = _keeper(file), ""
    data = {**asdict(seen), "tokens": tokens, "generation": generation}
    if keeper is not None:
        with suppress(OSError):
            write_private(keeper, json.dumps(data, indent=1))
            kept = str(keeper)
    write_private(file, json.dumps({**data, "keeper": kept}, indent=1))


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    file = _file(database).with_suffix(".lock")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

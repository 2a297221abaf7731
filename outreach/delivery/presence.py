"""Who is sending: one row per sending process, and the proof that a process which wrote there is dead.

On SQLite one process sends at a time: a file lock beside the database, which the kernel drops when the process dies,
however it dies. On PostgreSQL each process holds an advisory lock on a connection of its own; a free lock, or a
heartbeat older than the lease, means dead. Heartbeats are told by the database's clock: the hosts' clocks may differ.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, DateTime, delete, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from outreach import place
from outreach.database import Database
from outreach.errors import Refusal
from outreach.models import Worker

log = logging.getLogger(__name__)

# The upper half of our advisory locks' 64 bits, so that they are nobody else's ("outr").
LOCK_SPACE = 0x6F757472 << 32


class AnotherSender(Refusal):
    """Another process sends from this SQLite database; the text names it."""


class NotOurs(Refusal):
    """The database is no longer the one that this process opened."""


@dataclass(frozen=True)
class Presence:
    """This process as a sender; `lost` is set when others may take it for dead."""

    worker_id: int
    lost: threading.Event = field(default_factory=threading.Event)


@contextmanager
def present(database: Database, *, now: Callable[[], datetime], lease: timedelta) -> Iterator[Presence]:
    """Be a sender while the block runs; AnotherSender if there is one already on this SQLite database."""
    with _only_sender(database), _connection_of_its_own(database) as connection:
        me = Presence(_register(database, connection, now()))
        if not place.draw(database, now()):
            raise NotOurs("this database was put back or copied while this process ran: nothing is sent from it")
        over = threading.Event()
        arguments = (database, connection, me, over, lease.total_seconds() / 4, now)
        heart = threading.Thread(target=_beat, args=arguments, name="heartbeat", daemon=True)
        heart.start()
        try:
            yield me
        finally:
            over.set()
            heart.join()
            with database.writing() as session:
                session.execute(delete(Worker).where(Worker.id == me.worker_id))
            place.draw(database, now())


def bury_dead(session: Session, me: Presence | None, lease: timedelta) -> None:
    """Delete the rows of workers that are dead: what they held belongs to nobody from then on.

    Without a presence of its own, on PostgreSQL only, a process may ask this too: its own workers hold their locks.
    """
    mine = me.worker_id if me is not None else None
    if session.get_bind().dialect.name == "sqlite":
        assert mine is not None
        # We hold the file lock, so whoever held it before is gone.
        session.execute(delete(Worker).where(Worker.id != mine))
        return
    for worker_id in _dead(session, mine, lease):
        session.execute(delete(Worker).where(Worker.id == worker_id))


def anybody_dead(session: Session, lease: timedelta) -> bool:
    """Tell, on PostgreSQL, whether a worker died and nobody has buried it yet."""
    return bool(_dead(session, None, lease))


def _dead(session: Session, mine: int | None, lease: timedelta) -> list[int]:
    """Return the workers whose lock is free, or whose heartbeat is older than the lease."""
    others = select(Worker.id, Worker.heartbeat_at < _database_time() - lease)
    if mine is not None:
        others = others.where(Worker.id != mine)
    return [worker_id for worker_id, silent in session.execute(others).all() if silent or _is_free(session, worker_id)]


def _is_free(session: Session, worker_id: int) -> bool:
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(LOCK_SPACE | worker_id))))


@contextmanager
def _only_sender(database: Database) -> Iterator[None]:
    if not database.is_sqlite:
        yield
        return
    with locked(sender_lock(database), "sends from this database"):
        yield


def sender_lock(database: Database) -> Path:
    """Return the file whose lock a sender on SQLite holds; it belongs to the database and not to a project folder."""
    file = Path(database.engine.url.database or "").resolve()
    return file.parent / ".state" / f"{file.name}.sending"


@contextmanager
def locked(file: Path, what: str) -> Iterator[None]:
    """Hold the lock of `file` while the block runs; AnotherSender, with the other's number, if it is held."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            other = handle.read(20).strip() or "unknown"
            raise AnotherSender(f"another process {what} already (process {other}): stop it first, or let it") from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


@contextmanager
def _connection_of_its_own(database: Database) -> Iterator[Connection | None]:
    if database.is_sqlite:
        yield None
        return
    with database.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            yield connection
        finally:
            # Never back into the pool: the lock would live on with it.
            connection.invalidate()


def _register(database: Database, connection: Connection | None, now: datetime) -> int:
    name = f"{socket.gethostname()}:{os.getpid()}"
    row = insert(Worker).returning(Worker.id)
    if connection is None:
        with database.writing() as session:
            return session.scalars(row.values(name=name, started_at=now, heartbeat_at=now)).one()
    # The number is drawn and locked before the row is there: nobody ever sees this worker without its lock.
    number: int = connection.scalar(text("SELECT nextval(pg_get_serial_sequence('worker', 'id'))"))
    connection.execute(select(func.pg_advisory_lock(LOCK_SPACE | number)))
    beat = _database_time()
    return connection.scalars(row.values(id=number, name=name, started_at=now, heartbeat_at=beat)).one()


def _beat(
    database: Database,
    connection: Connection | None,
    me: Presence,
    over: threading.Event,
    seconds: float,
    now: Callable[[], datetime],
) -> None:
    """Renew the heartbeat until it is over; on PostgreSQL a heartbeat that fails means that our lock may be gone."""
    while not over.wait(seconds):
        try:
            if not _renewed(database, connection, me.worker_id, now()):
                break
        except (SQLAlchemyError, OSError) as error:  # a full disk too
            log.warning("heartbeat failed: %s", error)
            if connection is not None:
                break
    if not over.is_set():
        me.lost.set()


def _renewed(database: Database, connection: Connection | None, worker_id: int, now: datetime) -> bool:
    renew = update(Worker).where(Worker.id == worker_id).returning(Worker.id)
    if connection is not None:
        alive = connection.scalar(renew.values(heartbeat_at=_database_time())) is not None
    else:
        with database.writing() as session:
            alive = session.scalar(renew.values(heartbeat_at=now)) is not None
    return place.draw(database, now) and alive


def _database_time() -> ColumnElement[datetime]:
    return func.clock_timestamp(type_=DateTime(timezone=True))

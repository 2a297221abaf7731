"""The database: one engine, transactions for reading and for writing, and the migrations that bring it up to date.

SQLite runs in WAL with `synchronous=FULL`: with NORMAL a power cut forgets sends, and mails go out twice.
A writing transaction starts with BEGIN IMMEDIATE, since a read that turns into a write fails at once under load
(SQLITE_BUSY_SNAPSHOT) instead of waiting its turn.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

from outreach import queue_tables
from outreach.errors import Refusal

BUSY_SECONDS = 60
_ALONE = 0x6F757472_75706772  # an advisory lock ("outr" + "upgr")
APPLICATION = "outreach"  # how PostgreSQL's list of connections names us
# With 2 MB of cached pages (the default) a count over a million contacts takes twice as long; the mapping, which is
# shared and holds no memory of its own, saves a quarter more. 2 GB is the most that SQLite maps; a million contacts
# with six campaigns fill 1.1.
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-65536",
    "mmap_size=2147418112",
)
# For a process that only sends: its memory must not grow with the audience, and what it looks up lies close together.
LEAN_PRAGMAS = ("temp_store=FILE", "cache_size=-8192", "mmap_size=0")
# A host that dies or is cut off says goodbye to nobody. Its transaction, with the rows that it locked, must not outlive
# it by more than IDLE + COUNT × INTERVAL = 25 seconds, and it mustn't wait for longer itself for a server that is gone.
_IDLE, _INTERVAL, _COUNT = 10, 5, 3
_SILENCE_MS = 1000 * (_IDLE + _COUNT * _INTERVAL)
SERVER_SIDE = {
    "tcp_keepalives_idle": _IDLE,
    "tcp_keepalives_interval": _INTERVAL,
    "tcp_keepalives_count": _COUNT,
    "tcp_user_timeout": _SILENCE_MS,
}
CLIENT_SIDE = {
    "connect_timeout": 10,
    "keepalives_idle": _IDLE,
    "keepalives_interval": _INTERVAL,
    "keepalives_count": _COUNT,
    "tcp_user_timeout": _SILENCE_MS,
}


DAMAGED = (
    "the database is damaged ({words}): stop everything that uses it, look whether the disk is sound, and put the last "
    "backup back with `outreach db restore`"
)


def damage(error: BaseException) -> str | None:
    """Say what to do if an error means that SQLite's file is damaged; None for any other."""
    words = str(getattr(error, "orig", ""))
    return DAMAGED.format(words=words) if "malformed" in words or "is not a database" in words else None


class DatabaseReplaced(Refusal):
    """The SQLite file was replaced or removed under this process: what it would write now, nobody would ever read."""


@dataclass(frozen=True)
class Database:
    """An engine with its two kinds of transaction, and the project folder that opened it."""

    engine: Engine
    folder: Path

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that is rolled back at the end."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that commits at the end, or changes nothing if the block fails."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @cached_property
    def _writing(self) -> Engine:
        return self.engine.execution_options(outreach_begin="IMMEDIATE")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str, folder: Path, *, busy_seconds: float = BUSY_SECONDS, lean: bool = False) -> Database:
    """Open the database at `url`; a relative SQLite path counts from `folder`. Nothing is created or migrated.

    Who finds SQLite locked for longer than `busy_seconds` gets an error. `lean` keeps SQLite's memory small.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Refusal(f"database.url {url!r} is no database address: write e.g. sqlite:///outreach.db") from error
    if parsed.get_backend_name() == "sqlite":
        return Database(_open_sqlite(parsed.database or "outreach.db", folder, busy_seconds, lean), folder)
    if parsed.get_backend_name() == "postgresql":
        return Database(_open_postgresql(parsed), folder)
    raise Refusal(f"database.url {url!r}: only sqlite:/// and postgresql:// are known")


# `hide_parameters`: else an error that is logged quotes the row, with names and addresses.
def _open_postgresql(url: URL) -> Engine:
    parameters = {"application_name": own_name(), **CLIENT_SIDE}
    ours = {name: value for name, value in parameters.items() if name not in url.query}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=20,
        pool_pre_ping=True,
        connect_args=ours,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        # By SET and not as options of the connection, which poolers refuse.
        for name, value in SERVER_SIDE.items():
            connection.execute(f"SET {name} = {value}")
        connection.commit()

    return engine


def own_name() -> str:
    """Return how this process is called in PostgreSQL's list of connections, which keeps 63 bytes."""
    return f"{APPLICATION} {socket.gethostname()[:40]}:{os.getpid()}"


# The SQLite files that this process has opened.
_OPENED: set[Path] = set()


def is_open_here(path: Path) -> bool:
    """Tell whether a file, under whatever name, is a database that this process uses: nobody else may open it here.

    Whoever closes it takes the locks of the whole process on it, as `_SameFile.make` says.
    """
    for name in [f"{opened}{suffix}" for opened in _OPENED for suffix in ("", "-wal", "-shm")]:
        with suppress(OSError):
            if path.samefile(name):
                return True
    return False


class _SameFile:
    """Knows which file this process opened first, and refuses to go on in another, or in one that is gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: int | None = None

    def make(self) -> None:
        """Make the file, if there is none, for this user alone; SQLite gives its log and its index the same mode."""
        _OPENED.add(self._path)
        if self._inode is not None:
            self.check()  # else SQLite would make a new, empty one
            return
        # One that is there is opened by SQLite alone: POSIX takes all locks on a file from a process that closes it,
        # those of other engines too, and the next program that ends would take itself for the last and remove the log.
        # Where it can't be made, SQLite says so itself, and better.
        with suppress(OSError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    def remember(self) -> None:
        if self._inode is None:
            self._inode = self._path.stat().st_ino

    def check(self) -> None:
        try:
            same = self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            same = False
        if not same:
            raise DatabaseReplaced(
                f"{self._path}: the database was replaced or removed while this process ran, so it stops here: "
                "stop the process and start it again"
            )


def _open_sqlite(path: str, folder: Path, busy_seconds: float, lean: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{folder / path}",
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
        hide_parameters=True,
        pool_use_lifo=True,  # who just wrote has the pages at hand; any other connection must read them again
    )
    file = _SameFile(folder / path)

    @event.listens_for(engine, "do_connect")
    def make(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> None:
        file.make()

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below, not the driver's late one
        cursor = connection.cursor()
        for pragma in (*PRAGMAS, *(LEAN_PRAGMAS if lean else ())):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        file.remember()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        file.check()
        kind = connection.get_execution_options().get("outreach_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


MIGRATIONS = Path(__file__).parent / "migrations"
_STEP = re.compile(r"^(revision|down_revision) = (?:[\"'](\w+)[\"']|None)$", re.M)


@cache
def _steps() -> dict[str, str]:
    """Return each revision that this version of the code knows, with the one before it ("" for the first).

    Read from the files' own words: Alembic would run them all, and every command comes by here.
    """
    found = (dict(_STEP.findall(file.read_text())) for file in (MIGRATIONS / "versions").glob("*.py"))
    return {step["revision"]: step["down_revision"] for step in found}


def latest_revision() -> str:
    """Return the revision that this version of the code expects."""
    (latest,) = _steps().keys() - _steps().values()
    return latest


def current_revision(database: Database) -> str | None:
    """Return the revision of the database, None for an empty one; Refusal if it cannot be reached."""
    try:
        with database.engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return None if revision is None else str(revision)
    except OperationalError as error:
        place = database.engine.url.render_as_string(hide_password=True)
        raise Refusal(f"the database {place} cannot be opened: {error.orig}") from error


def refuse_unknown(revision: str) -> None:
    """Refuse a revision that only a newer version of the code can know."""
    if revision not in _steps():
        raise Refusal(f"the database is at revision {revision}, newer than this version of outreach: upgrade outreach")


def upgrade(database: Database) -> bool:
    """Bring the tables up to date in one transaction, and the queue's own; return whether anything changed."""
    changed = _migrate(database)
    return (not database.is_sqlite and queue_tables.upgrade(database.engine)) or changed


def _migrate(database: Database) -> bool:
    before = current_revision(database)
    if before is not None:
        refuse_unknown(before)
    if before == latest_revision():
        return False
    engine = database.engine.execution_options(outreach_begin="IMMEDIATE")
    with engine.begin() as connection:
        if not database.is_sqlite:  # two hosts that start at once: the second finds it done
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ALONE})")
        _run_migrations(connection)
    return True


def _run_migrations(connection: Connection) -> None:
    from alembic import command  # with what it needs a tenth of a second, and there is hardly ever something to do
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

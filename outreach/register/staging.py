"""The register's tables in SQL: filled beside the ones in use, then put in their place in one transaction.

On SQLite many rows go in by transactions of a second or so, since a sender that waits a minute for the lock has lost
its rows; on PostgreSQL by COPY. Whatever happens before the swap leaves the tables in use as they were; what it
leaves behind is cleared by the next import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import MetaData, Table, inspect, text
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from outreach.audience import bulk
from outreach.database import Database
from outreach.models import RegisterEntry, RegisterName
from outreach.register.composing import COLUMNS
from outreach.register.mass import refusing
from outreach.register.naming import INDEX, VECTOR

NEW = "_new"
_TABLES: tuple[Any, ...] = (RegisterEntry.__table__, RegisterName.__table__)
_BLOCK = 1 << 20
_FETCH = 2_000  # rows at a time: what fits the processor's cache is a tenth quicker than 20,000
_IN_ONE_TRANSACTION = 100_000


def clear(database: Database) -> None:
    """Drop what an import that didn't end left behind."""
    names = [INDEX + NEW, *(table.name + NEW for table in _TABLES)]
    with database.writing() as session:
        there = set(inspect(session.connection()).get_table_names())
        for name in names:
            if name in there:
                session.execute(text(f'DROP TABLE "{name}"'))


def make(database: Database) -> None:
    """Make the empty tables."""
    with database.writing() as session:
        for table in _TABLES:
            twin: Table = table.to_metadata(MetaData(), name=table.name + NEW)
            session.execute(CreateTable(twin))


def fill(database: Database, connection: duckdb.DuckDBPyConnection, query: str, table: str, spill: Path) -> None:
    """Write the rows of a DuckDB query, in the order of the table's columns, into an empty table beside the old one."""
    columns = COLUMNS if table == RegisterEntry.__tablename__ else ("rank", "words")
    if database.is_sqlite:
        _fill_sqlite(database, connection, query, table + NEW, columns)
    else:
        with database.writing() as session:
            copy(session, connection, query, table + NEW, columns, spill)


def _fill_sqlite(
    database: Database, connection: duckdb.DuckDBPyConnection, query: str, table: str, columns: Sequence[str]
) -> None:
    with refusing(table):
        result = connection.execute(query)
    statement = insert_statement(table, columns)
    more = True
    while more:
        with database.writing() as session, bulk.no_collection():
            # The mapping of the file would count as memory of ours, page by page.
            cursor = _cursor(session)
            cursor.execute("PRAGMA mmap_size=0")
            for _ in range(0, _IN_ONE_TRANSACTION, _FETCH):
                rows = result.fetchmany(_FETCH)
                cursor.executemany(statement, rows)
                more = len(rows) == _FETCH
                if not more:
                    break


def insert_statement(table: str, columns: Sequence[str]) -> str:
    """Return the statement that inserts a row given as a tuple, for SQLite."""
    return f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))})'


def copy(
    session: Session, connection: duckdb.DuckDBPyConnection, query: str, table: str, columns: Sequence[str], spill: Path
) -> None:
    """Write the rows of a DuckDB query into a table of PostgreSQL, by way of a file."""
    file = spill / f"{table}.copy"
    try:
        with refusing(table):
            connection.execute(
                f"COPY ({query}) TO '{str(file).replace(chr(39), chr(39) * 2)}' (FORMAT csv, HEADER false)"
            )
        statement = f'COPY "{table}" ({", ".join(columns)}) FROM STDIN (FORMAT csv)'
        with _cursor(session) as cursor, cursor.copy(statement) as stream:
            for block in _blocks(file):
                stream.write(block)
    finally:
        file.unlink(missing_ok=True)


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as handle:
        while block := handle.read(_BLOCK):
            yield block


def _cursor(session: Session) -> Any:
    return session.connection().connection.cursor()


def index_names(database: Database) -> None:
    """Make the search structure over the names that were filled in."""
    if not database.is_sqlite:
        with database.writing() as session:
            session.execute(text(f"CREATE INDEX {INDEX}{NEW} ON register_name{NEW} USING gin ({VECTOR})"))
            for table in _TABLES:
                session.execute(text(f'ANALYZE "{table.name}{NEW}"'))
        return
    with database.writing() as session:
        session.execute(text(_fts(INDEX + NEW)))
    last: int | None = -1
    while last is not None:
        with database.writing() as session:
            _cursor(session).execute("PRAGMA mmap_size=0")
            last = _index_some(session, last)


def _index_some(session: Session, last: int) -> int | None:
    """Index the names behind a rank; return the rank of the last one, None if there were no more."""
    upto: int | None = session.scalar(
        text(
            f"SELECT max(rank) FROM (SELECT rank FROM register_name{NEW} WHERE rank > :last ORDER BY rank LIMIT :most)"
        ),
        {"last": last, "most": _IN_ONE_TRANSACTION},
    )
    if upto is not None:
        session.execute(
            text(
                f"INSERT INTO {INDEX}{NEW} (rowid, words) "
                f"SELECT rank, words FROM register_name{NEW} WHERE rank > :last AND rank <= :upto ORDER BY rank"
            ),
            {"last": last, "upto": upto},
        )
    return upto


def _fts(name: str) -> str:
    # No positions and no sizes: a suggestion needs neither, and the order is that of the rank. Up to three letters,
    # behind size and mark, have postings of their own; longer beginnings are few enough to be merged.
    return (
        f"CREATE VIRTUAL TABLE {name} USING fts5(words, content='register_name', content_rowid='rank', detail=none, "
        "columnsize=0, prefix='3 4 5', tokenize=\"ascii tokenchars '^~=_'\")"
    )


def swap(session: Session) -> None:
    """Put the new tables in the place of the old ones, with their search structure."""
    names = [table.name for table in _TABLES]
    sqlite = session.get_bind().dialect.name == "sqlite"
    if sqlite:
        session.execute(text(f"DROP TABLE IF EXISTS {INDEX}"))
    for name in names:
        session.execute(text(f'DROP TABLE "{name}"'))
        session.execute(text(f'ALTER TABLE "{name}{NEW}" RENAME TO "{name}"'))
        if not sqlite:
            session.execute(text(f'ALTER INDEX "{name}{NEW}_pkey" RENAME TO "{name}_pkey"'))
    kind = "TABLE" if sqlite else "INDEX"
    session.execute(text(f"ALTER {kind} {INDEX}{NEW} RENAME TO {INDEX}"))

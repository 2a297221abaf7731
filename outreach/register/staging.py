"""The register's tables in SQL: filled beside the ones in use, then put in their place in one transaction.

On SQLite many rows go in by transactions of a second or so, since a sender that waits a minute for the lock has lost
its rows; on PostgreSQL by COPY. Whatever happens before the swap leaves the tables in use as they were; what it
leaves behind is cleared by the next import.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from operator import methodcaller
from typing import Any

import duckdb
from sqlalchemy import MetaData, Table, Text, inspect, text
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from outreach.audience import bulk
from outreach.database import Database
from outreach.models import RegisterEntry, RegisterName
from outreach.register.mass import joined_as_written, refusing
from outreach.register.naming import INDEX, VECTOR

NEW = "_new"
ENTRIES: Table = RegisterEntry.__table__  # type: ignore[assignment]
NAMES: Table = RegisterName.__table__  # type: ignore[assignment]
_TABLES = (ENTRIES, NAMES)
_FETCH = 2_000  # rows at a time: what fits the processor's cache is a tenth quicker than 20,000
# Between values, and around those of several lines, on PostgreSQL; nothing in the mass that is a text holds them.
_BETWEEN, _AROUND = "\x1f", "\x1e"
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


def fill(database: Database, connection: duckdb.DuckDBPyConnection, source: str, table: Table) -> None:
    """Write the rows of a table or view of DuckDB, by their columns' names, into the empty table beside `table`.

    A row comes as a line, one value to take over from DuckDB instead of 27; while some are written, the next are made.
    """
    if database.is_sqlite:
        _fill_sqlite(database, connection, source, table)
    else:
        _fill_postgresql(database, connection, source, table)


def _fill_sqlite(database: Database, connection: duckdb.DuckDBPyConnection, source: str, table: Table) -> None:
    """Insert each line by a statement that names only the columns it fills: half are empty, and cost as much as others.

    The driver even takes ten times as long over None as over a text. There are some 200 such statements.
    """
    names = [column.name for column in table.columns]
    filled = " + ".join(f"({name} IS NOT NULL)::UINTEGER * {1 << place}" for place, name in enumerate(names))
    values = ", ".join(f"{name}::VARCHAR" for name in names)  # concat_ws leaves out what is empty
    blocks = _blocks(connection, f"concat_ws('{_BETWEEN}', {values}), {filled}", source)
    statements: bulk.Memo[int, str] = bulk.Memo(
        lambda those: _insert(table, [name for at, name in enumerate(names) if those >> at & 1])
    )
    apart = methodcaller("split", _BETWEEN)
    while first := list(islice(blocks, 1)):
        with database.writing() as session, bulk.no_collection():
            # The mapping of the file would count as memory of ours, page by page.
            cursor = _cursor(session)
            cursor.execute("PRAGMA mmap_size=0")
            for rows in chain(first, islice(blocks, _IN_ONE_TRANSACTION // _FETCH - 1)):
                alike: dict[int, list[str]] = defaultdict(list)
                for line, those in rows:
                    alike[those].append(line)
                for those, lines in alike.items():
                    cursor.executemany(statements[those], map(apart, lines))


def _insert(table: Table, names: Sequence[str]) -> str:
    return f'INSERT INTO "{table.name}{NEW}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})'


def _fill_postgresql(database: Database, connection: duckdb.DuckDBPyConnection, source: str, table: Table) -> None:
    """Copy lines in, in which what is empty is nothing; texts of several lines stand between marks."""
    names = [column.name for column in table.columns]
    texts = [f"'{_AROUND}' || {column.name} || '{_AROUND}'" if isinstance(column.type, Text)
             else f"{column.name}::VARCHAR" for column in table.columns]  # fmt: skip
    values = ", ".join(f"coalesce({told}, '')" for told in texts)
    form = f"FORMAT csv, DELIMITER '{_BETWEEN}', QUOTE '{_AROUND}'"
    statement = f'COPY "{table.name}{NEW}" ({", ".join(names)}) FROM STDIN ({form})'
    with database.writing() as session, _cursor(session) as cursor, cursor.copy(statement) as stream:
        for rows in _blocks(connection, f"concat_ws('{_BETWEEN}', {values})", source):
            stream.write("\n".join([line for (line,) in rows]) + "\n")


def _blocks(connection: duckdb.DuckDBPyConnection, values: str, source: str) -> Iterator[list[tuple[Any, ...]]]:
    """Yield some rows at a time."""
    with refusing(source), joined_as_written(connection):
        result = connection.execute(f"SELECT {values} FROM {source}")
        while rows := result.fetchmany(_FETCH):
            yield rows


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

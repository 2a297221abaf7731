"""Many rows at a time, on SQLite and on PostgreSQL: read by a list of keys, number, insert and update.

SQLAlchemy's own bulk insert spends three times as long on a row as the driver does, so rows go to the driver as
tuples: `executemany` on SQLite, `COPY` on PostgreSQL.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, func, select
from sqlalchemy import Table as SqlTable
from sqlalchemy.orm import InstrumentedAttribute, Session

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

CHUNK = 5_000
TOGETHER = 16
# Any number that no other part of the program uses for an advisory lock.
_WRITERS_OF_CONTACTS = 7_403_201


class Memo(dict[Key, Value], Generic[Key, Value]):
    """A function that remembers: `memo[key]` computes each value once. Lists repeat their values a lot."""

    def __init__(self, compute: Callable[[Key], Value]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: Key) -> Value:
        value = self[key] = self._compute(key)
        return value


@contextmanager
def no_collection() -> Iterator[None]:
    """Switch the garbage collector off: it would go through millions of tuples again and again, and find nothing.

    Measured: 100,000 rows take half the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def is_sqlite(session: Session) -> bool:
    """Tell whether the session works on SQLite."""
    return session.get_bind().dialect.name == "sqlite"


def hold(session: Session) -> None:
    """Wait until no other transaction imports or erases contacts, and keep others waiting until this one ends.

    SQLite has one writer anyway (BEGIN IMMEDIATE). On PostgreSQL an erasure would otherwise slip between an import's
    look at the suppressions and its insert, and the erased address would be back.
    """
    if not is_sqlite(session):
        session.execute(select(func.pg_advisory_xact_lock(_WRITERS_OF_CONTACTS)))


def matching(
    session: Session,
    columns: Sequence[InstrumentedAttribute[Any] | ColumnElement[Any]],
    key: InstrumentedAttribute[Any],
    values: Sequence[Any],
    *conditions: ColumnElement[bool],
) -> Iterator[tuple[Any, ...]]:
    """Yield `columns` of the rows whose `key` is among `values`; in no order.

    A table smaller than the list is read whole, which spares a first import all its look-ups.
    """
    if not values:
        return
    statement = select(*columns).where(*conditions)
    size = session.scalar(
        select(func.count()).select_from(select(key).where(*conditions).limit(len(values)).subquery())
    )
    if size is not None and size < len(values):
        wanted = set(values)
        for row in session.execute(select(key, *columns).where(*conditions)):
            if row[0] in wanted:
                yield tuple(row[1:])
        return
    for start in range(0, len(values), CHUNK):
        for row in session.execute(statement.where(key.in_(values[start : start + CHUNK]))):
            yield tuple(row)


def take_ids(session: Session, table: SqlTable, count: int) -> Sequence[int]:
    """Reserve `count` new ids of a table for rows that this transaction inserts itself."""
    if count == 0:
        return ()
    if is_sqlite(session):
        last = session.scalar(select(func.max(table.c.id))) or 0
        return range(last + 1, last + 1 + count)
    sequence = func.nextval(func.pg_get_serial_sequence(f'"{table.name}"', "id"))
    return session.scalars(select(sequence).select_from(func.generate_series(1, count).alias("n"))).all()


def insert(session: Session, table: SqlTable, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert tuples of Python values in the order of `columns`."""
    encoded = _encoded(session, [table.c[name] for name in columns], rows)
    names = ", ".join(f'"{name}"' for name in columns)
    if is_sqlite(session):
        _insert_together(_driver_cursor(session), f'INSERT INTO "{table.name}" ({names}) VALUES', len(columns), encoded)
        return
    with _driver_cursor(session) as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in encoded:
            copy.write_row(row)


def _insert_together(cursor: Any, head: str, width: int, rows: Iterator[tuple[Any, ...]]) -> None:
    """Insert several rows by one statement, which takes a quarter less time than one by one (measured)."""
    marks = f"({', '.join('?' * width)})"
    rest: list[tuple[Any, ...]] = []

    def full() -> Iterator[tuple[Any, ...]]:
        while len(group := list(itertools.islice(rows, TOGETHER))) == TOGETHER:
            yield tuple(itertools.chain.from_iterable(group))
        rest.extend(group)

    cursor.executemany(f"{head} {', '.join([marks] * TOGETHER)}", full())
    cursor.executemany(f"{head} {marks}", rest)


def update(
    session: Session, table: SqlTable, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, key: str = "id"
) -> None:
    """Update rows by their key: each tuple holds the values of `columns`, and last the key."""
    encoded = list(_encoded(session, [*(table.c[name] for name in columns), table.c[key]], rows))
    if not encoded:
        return
    mark = "?" if is_sqlite(session) else "%s"
    changes = ", ".join(f'"{name}" = {mark}' for name in columns)
    _driver_cursor(session).executemany(f'UPDATE "{table.name}" SET {changes} WHERE "{key}" = {mark}', encoded)  # noqa: S608


def _driver_cursor(session: Session) -> Any:
    return session.connection().connection.cursor()


def _encoded(
    session: Session, columns: Sequence[Column[Any]], rows: Iterable[Sequence[Any]]
) -> Iterator[tuple[Any, ...]]:
    """Turn Python values into the driver's: enums, dates and moments repeat, so each distinct one is turned once."""
    dialect = session.get_bind().dialect
    by_column = list(zip(*rows, strict=True))
    if not by_column:
        return iter(())
    turned: list[Iterable[Any]] = []
    for column, values in zip(columns, by_column, strict=True):
        process = column.type.dialect_impl(dialect).bind_processor(dialect)
        # bytes pass through as they are: the drivers take them, and a table of hashes would only fill memory.
        if process is None or column.type.python_type is bytes:
            turned.append(values)
        else:
            turned.append(map(Memo(process).__getitem__, values))
    return zip(*turned, strict=True)

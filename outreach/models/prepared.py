"""Statements that are run for every handful of mails: written out once, so that a run costs little but the work itself.

SQLAlchemy looks a statement up, fills in its parameters and describes its rows anew on each run, which takes several
times as long as SQLite needs for the rows. What is written here is the same SQL, and errors are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler

Statement = Select[*tuple[Any, ...]] | Insert | Update | Delete
Convert = Callable[[Any], Any]


class Prepared:
    """A statement, made by `build` for a dialect's name and kept for each."""

    def __init__(self, build: Callable[[str], Statement]) -> None:
        self._build = build
        self._written: dict[str, _Written] = {}

    def run(self, session: Session, **values: object) -> list[tuple[Any, ...]]:
        """Run it and return its rows, none for a statement without; every named parameter must be given."""
        connection = session.connection()
        name = connection.dialect.name
        written = self._written.get(name)
        if written is None:
            written = self._written[name] = _write(self._build(name), connection.dialect)
        return written.run(connection, values)


@dataclass(frozen=True)
class _Written:
    sql: str
    names: tuple[str, ...] | None  # in the order of the question marks; None where parameters go by name
    fixed: dict[str, Any]  # as the driver takes them
    binds: dict[str, Convert]
    results: tuple[Convert | None, ...]
    converts: bool

    def run(self, connection: Connection, values: dict[str, object]) -> list[tuple[Any, ...]]:
        given = {**self.fixed, **values}
        for name, convert in self.binds.items():
            given[name] = convert(given[name])
        parameters = given if self.names is None else tuple([given[name] for name in self.names])
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self.sql, parameters)
            rows = cursor.fetchall() if cursor.description else []
        except connection.dialect.loaded_dbapi.Error as error:
            # As SQLAlchemy does for its own: the right kind of error, without the row, and a dead connection dropped.
            connection._handle_dbapi_exception(error, self.sql, None, cursor, None)
        finally:
            cursor.close()
        return [self._converted(row) for row in rows] if self.converts else list(rows)

    def _converted(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([value if one is None else one(value) for one, value in zip(self.results, row, strict=True)])


def _write(statement: Statement, dialect: Dialect) -> _Written:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    asked = {name: None for name, bind in compiled.binds.items() if bind.required}
    state = compiled.construct_expanded_state(asked)  # `IN (…)` of fixed values is written out
    processors: dict[str, Any] = {**compiled._bind_processors, **state.processors}
    binds: dict[str, Any] = {name: one for name, one in processors.items() if name in asked}
    constant = {name: value for name, value in state.parameters.items() if name not in asked}
    fixed = {name: processors[name](value) if name in processors else value for name, value in constant.items()}
    names = tuple(state.positiontup) if state.positiontup is not None else None
    returned = statement.selected_columns if isinstance(statement, Select) else statement.exported_columns
    results = tuple(column.type._cached_result_processor(dialect, None) for column in returned)
    return _Written(state.statement, names, fixed, binds, results, any(results))

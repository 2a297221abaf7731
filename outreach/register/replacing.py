"""Putting the rows that an update touched in the place of the old ones, names and their index with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, text
from sqlalchemy.orm import Session

from outreach.models import RegisterEntry, RegisterName
from outreach.register.composing import COLUMNS
from outreach.register.naming import INDEX, rank

_CHUNK = 500
_DATES = ("start_date", "seat_struck_off_on")


def replace(
    session: Session, touched: Sequence[str], rows: Sequence[tuple[Any, ...]], names: Sequence[tuple[int, str]]
) -> None:
    """Remove the entries of the touched numbers and put in the new ones, in the order of `COLUMNS`."""
    for start in range(0, len(touched), _CHUNK):
        _remove(session, touched[start : start + _CHUNK])
    if rows:
        _insert_entries(session, rows)
    if names:
        session.execute(insert(RegisterName), [{"rank": place, "words": words} for place, words in names])
    if names and session.get_bind().dialect.name == "sqlite":
        statement = text(f"INSERT INTO {INDEX} (rowid, words) VALUES (:rank, :words)")
        session.execute(statement, [{"rank": place, "words": words} for place, words in names])


def _insert_entries(session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
    if session.get_bind().dialect.name == "sqlite":
        values = ", ".join(f":{name}" for name in COLUMNS)
    else:
        values = ", ".join(f"CAST(:{name} AS DATE)" if name in _DATES else f":{name}" for name in COLUMNS)
    statement = text(f"INSERT INTO register_entry ({', '.join(COLUMNS)}) VALUES ({values})")
    session.execute(statement, [dict(zip(COLUMNS, row, strict=True)) for row in rows])


def _remove(session: Session, numbers: Sequence[str]) -> None:
    entry = RegisterEntry.enterprise_number
    old = session.execute(select(entry, RegisterEntry.name).where(entry.in_(numbers))).all()
    ranks = [rank(name, number) for number, name in old]
    if session.get_bind().dialect.name == "sqlite" and ranks:
        # An FTS5 table with its content elsewhere forgets a row only if it is told the words it had.
        words = session.execute(select(RegisterName.rank, RegisterName.words).where(RegisterName.rank.in_(ranks))).all()
        statement = text(f"INSERT INTO {INDEX} ({INDEX}, rowid, words) VALUES ('delete', :rank, :words)")
        if words:
            session.execute(statement, [{"rank": place, "words": told} for place, told in words])
    session.execute(
        delete(RegisterName).where(RegisterName.rank.in_(bindparam("ranks", expanding=True))), {"ranks": ranks}
    )
    session.execute(delete(RegisterEntry).where(entry.in_(numbers)))

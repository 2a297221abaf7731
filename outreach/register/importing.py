"""Taking in an extract: read into a mass of its own, composed, written beside the tables in use, and swapped at once.

Nothing that is in use changes before the last transaction, which puts the new tables in place and names the new mass:
a fault of the extract, a full disk or a crash leaves yesterday's register. What such an import left behind is cleared
by the next. This floor opens transactions of its own, so that a sender isn't locked out of SQLite while a million
rows are written.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Table, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from outreach.audience import bulk
from outreach.database import Database
from outreach.errors import Refusal
from outreach.models import ExtractType, RegisterCode, RegisterEntry, RegisterImport
from outreach.register import composing, entries, extracts, finding, mass, naming, replacing, staging, updating
from outreach.register.extracts import Extract

_LOCK = "import.lock"
# Any number that no other part of the program uses for an advisory lock.
_IMPORTERS = 7_403_202
# An update that touches more enterprises is composed whole and swapped in, as a Full extract is: a new edition of the
# classification touched nearly all of them, and a million rows don't fit in memory.
_ONE_BY_ONE = 50_000

_CODE: Table = RegisterCode.__table__  # type: ignore[assignment]

Progress = Callable[[str, int], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Imported:
    """What came of an import: `seconds` by stage, `findings` as in `RegisterImport`."""

    extract_type: ExtractType
    extract_number: int
    snapshot_date: str
    entries: int
    touched: int | None
    findings: dict[str, Any]
    seconds: dict[str, float]


@dataclass
class _Work:
    """An import under way."""

    database: Database
    folder: Path
    extract: Extract
    held: RegisterImport | None
    by: str
    now: datetime
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, size: int = 0) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        self.progress(name, size)


def take_in(
    database: Database,
    project: Path,
    path: Path,
    *,
    by: str,
    now: datetime,
    allow_older: bool = False,
    progress: Progress = lambda stage, size: None,
) -> Imported:
    """Take in a Full or Update extract; Refusal names place, value and way out, and then nothing has changed.

    `progress` is told of every stage that ended and how many bytes of the extract it read.
    """
    folder = mass.folder_of(project)
    with _alone(database, folder), _told_plainly(path), mass.refusing(str(path)), ExitStack() as stack:
        _tidy(database, folder)
        extract = stack.enter_context(extracts.opened(path, folder, lambda size: progress("unpack", size)))
        with database.reading() as session:
            held = entries.current(session)
        _check_follows(extract, held, allow_older)
        work = _Work(database, folder, extract, held, by, now, progress)
        try:
            return _full(work) if extract.type is ExtractType.FULL else _update(work)
        finally:
            _tidy(database, folder)


def _check_follows(extract: Extract, held: RegisterImport | None, allow_older: bool) -> None:
    place, number = extract.path, extract.number
    if held is None:
        if extract.type is ExtractType.UPDATE:
            raise Refusal(f"{place}: an update, and there is no register yet: take in a Full extract first")
        return
    holds = f"the register holds extract {held.extract_number} of {held.snapshot_date:%Y-%m-%d}"
    if extract.type is ExtractType.UPDATE and number != held.extract_number + 1:
        done = number <= held.extract_number
        way = "it is in already" if done else "take in the ones between, in order, or the Full extract"
        raise Refusal(f"{place}: update {number} doesn't follow: {holds}; {way}")
    if (number < held.extract_number or extract.snapshot_date < held.snapshot_date) and not allow_older:
        raise Refusal(
            f"{place}: extract {number} of {extract.snapshot_date:%Y-%m-%d} is older: {holds}; "
            "give a later one, or say --allow-older to go back to this Full extract"
            if extract.type is ExtractType.FULL
            else f"{place}: update {number} of {extract.snapshot_date:%Y-%m-%d} is older: {holds}; give a later one"
        )


def _full(work: _Work) -> Imported:
    file = _new_mass(work)
    extract, parts = work.extract, work.extract.parts
    size = {name: part.path.stat().st_size for name, part in parts.items()}
    with mass.connected(file) as connection:
        with work.stage("read enterprises", size["enterprise"] + size["establishment"]):
            mass.load_entities(connection, extract)
        for name in ("denomination", "address", "activity"):
            with work.stage(f"read {name}", size[name]):
                mass.load(connection, extract, name)
        with work.stage("compose"):
            _compose(connection)
            count = _count(connection, "scope_enterprise")
        if count == 0:
            raise Refusal(f"{extract.path}: no active legal person in enterprise.csv; download the extract again")
        found = _write_beside(work, connection, lambda: finding.of_full(connection, extract))
        with work.stage("store"):
            connection.execute("CHECKPOINT")
    with work.stage("swap"):
        mass.make_durable(file)
        with work.database.writing() as session:
            staging.swap(session)
            _record(session, work, file, count, found)
    return _imported(work, count, None, found)


def _update(work: _Work) -> Imported:
    assert work.held is not None
    file = _new_mass(work)
    with work.stage("copy"):
        mass.copy_of(work.folder / work.held.mass, file)
    with mass.connected(file) as connection:
        with work.stage("apply", work.extract.size), mass.refusing("the update"):
            updating.apply(connection, work.extract)
        with work.stage("compose"):
            count, turned = _count(connection, "touched"), _count(connection, "turned")
            many = count > _ONE_BY_ONE
            _compose(connection, None if many else "touched")
        if many:
            _write_beside(work, connection, lambda: None)
        else:
            naming.compose_words(connection)
            touched = [f"{number:010d}" for (number,) in connection.execute("FROM touched").fetchall()]
            rows = connection.execute("FROM entry").fetchall()
            names = connection.execute("SELECT rank, words FROM name_row").fetchall()
        with work.stage("store"):
            connection.execute("CHECKPOINT")
    with work.stage("swap"):
        mass.make_durable(file)
        with work.database.writing() as session:
            if many:
                staging.swap(session)
            else:
                replacing.replace(session, touched, rows, names)
            entries_now = session.scalar(select(func.count()).select_from(RegisterEntry)) or 0
            found = _added(work.held.findings, updates=1, turned_legal=turned)
            _record(session, work, file, entries_now, found)
    return _imported(work, entries_now, count, found)


def _added(findings: dict[str, Any], **more: int) -> dict[str, Any]:
    """Return the findings of the Full extract with what the updates since came to, counted together."""
    return {**findings, **{name: findings.get(name, 0) + count for name, count in more.items()}}


def _compose(connection: mass.Connection, touched: str | None = None) -> None:
    """Make the view `entry`, of everybody or of the enterprises in a table."""
    composing.scope(connection, touched)
    composing.compose(connection)


def _write_beside(work: _Work, connection: mass.Connection, count: Callable[[], T]) -> T:
    """Write what was composed, and its index of names, into tables beside the ones in use.

    `count` has the mass for itself while the database makes its index, and what it returns is returned.
    """
    with work.stage("write entries"):
        staging.make(work.database)
        staging.fill(work.database, connection, "entry", staging.ENTRIES)
    with ThreadPoolExecutor(1) as beside:
        with work.stage("index names"):
            naming.compose_words(connection)
            staging.fill(work.database, connection, "name_row", staging.NAMES)
            counted = beside.submit(count)
            staging.index_names(work.database)
        with work.stage("findings"):
            return counted.result()


def _new_mass(work: _Work) -> Path:
    return work.folder / f"{work.extract.number}-{secrets.token_hex(4)}.duckdb"


def _count(connection: mass.Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def _record(session: Session, work: _Work, file: Path, count: int, found: dict[str, Any]) -> None:
    """Make this extract the current one; Refusal if another one became so meanwhile."""
    held = work.held
    if held is not None:
        replaced = update(RegisterImport).where(RegisterImport.id == held.id, RegisterImport.current.is_(True))
        changed: Any = session.execute(replaced.values(current=None, replaced_at=work.now))
        if changed.rowcount != 1:
            raise Refusal(f"{work.extract.path}: the register changed meanwhile; look with `outreach register status`")
    _replace_codes(session, work.extract)
    extract = work.extract
    session.add(
        RegisterImport(
            extract_number=extract.number,
            extract_type=extract.type,
            snapshot_date=extract.snapshot_date,
            extracted_at=extract.extracted_at[:40],
            version=extract.version[:40],
            mass=file.name,
            entries=count,
            findings=found,
            imported_by=work.by,
            imported_at=work.now,
            current=True,
        )
    )


def _replace_codes(session: Session, extract: Extract) -> None:
    session.execute(delete(RegisterCode))
    bulk.insert(session, _CODE, [column.name for column in _CODE.columns], finding.codes(extract))


def _imported(work: _Work, count: int, touched: int | None, found: dict[str, Any]) -> Imported:
    extract = work.extract
    day = extract.snapshot_date.isoformat()
    seconds = {name: round(spent, 3) for name, spent in work.seconds.items()}
    return Imported(extract.type, extract.number, day, count, touched, found, seconds)


def _tidy(database: Database, folder: Path) -> None:
    """Remove what isn't in use: half-made tables, unpacked files, and every mass but the current one."""
    staging.clear(database)
    with database.reading() as session:
        held = entries.current(session)
    for path in folder.iterdir():
        if path.name in (_LOCK, held.mass if held else None):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _alone(database: Database, folder: Path) -> Iterator[None]:
    """Keep every other import out, of other hosts too; Refusal if one is under way."""
    busy = Refusal("another import of the register is under way; wait until it ends (`outreach register status`)")
    with (folder / _LOCK).open("a") as handle, ExitStack() as stack:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise busy from None
        if not database.is_sqlite:
            connection = stack.enter_context(database.engine.connect())
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _IMPORTERS}):
                raise busy
            stack.callback(connection.execute, text("SELECT pg_advisory_unlock(:key)"), {"key": _IMPORTERS})
        yield


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    """Turn a full disk and the like into a Refusal; a statement's values are never shown."""
    try:
        yield
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror} ({error.filename or 'writing'}); the register is as it was") from error
    except DBAPIError as error:
        told = str(error.orig).splitlines()[0]
        raise Refusal(f"{path}: the database refused ({told}); the register is as it was") from None

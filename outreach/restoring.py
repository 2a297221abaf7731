"""Putting a backup in place of the database, without forgetting what people asked of us since it was made.

Everything is checked before anything changes, and nobody else may have the database open meanwhile. A restored copy
belongs to no folder until a person adopts it (`outreach db adopt`): what fell due since the backup may have gone out.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from outreach import backup, holding
from outreach.audience import wishes
from outreach.audience.wishes import CarriedOver, Wishes
from outreach.backup import SQLITE_MEMBER, Manifest
from outreach.database import Database, current_revision, latest_revision, open_database, refuse_unknown, upgrade
from outreach.errors import Refusal
from outreach.keys import Keys, read_keys, write_keys
from outreach.models import Installation

REPLACED = ".before-restore"
_LOGS = ("-wal", "-shm")


@dataclass(frozen=True)
class Restored:
    """What a restore did: `kept` is the SQLite file that was replaced, `unread` why nothing could be carried over."""

    manifest: Manifest
    kept: Path | None
    carried: CarriedOver | None
    unread: str | None


def restore(
    file: Path, project: Path, database: Database, *, replace_existing: bool, actor: str, now: datetime
) -> Restored:
    """Put a backup in place of the project's database and keys; Refusal if anybody has the database open.

    Existing data is refused unless `replace_existing`. Opt-outs, withdrawals, erasures and choices that it knows and
    the backup doesn't are carried over.
    """
    with holding.alone(database), tempfile.TemporaryDirectory(dir=project) as folder:
        if backup.holds_data(database) and not replace_existing:
            raise Refusal("the database holds data: pass --replace to put the backup in its place")
        manifest, keys = backup.unpack(file, Path(folder), database.engine.dialect.name)
        refuse_unknown(manifest.revision)
        asked, unread = _asked(database, keys)
        put = _put_sqlite if database.is_sqlite else _put_postgres
        kept, carried = put(database, Path(folder), project, keys, asked, actor, now)
    return Restored(manifest, kept, carried, unread)


def _asked(database: Database, keys: Keys) -> tuple[Wishes | None, str | None]:
    """Return what people asked of the database that goes; or None, and why it can't be known if that matters."""
    if database.is_sqlite and not _file_of(database).exists():
        return None, None
    try:
        revision = current_revision(database)
        if revision is None:
            return None, None
        if revision != latest_revision():
            refuse_unknown(revision)
            raise Refusal("the database to be replaced is of an older version: run `outreach db upgrade` first")
        with database.reading() as session:
            installation = session.scalar(select(Installation))
            if installation is None:
                return None, None
            if installation.key_canary != keys.canary:
                return None, "it was made with another suppression key, so its opt-outs mean nothing to this one"
            return wishes.read(session), None
    except SQLAlchemyError as error:
        return None, f"it cannot be read ({getattr(error, 'orig', error)})"


def _settle(database: Database, keys: Keys, asked: Wishes | None, actor: str, now: datetime) -> CarriedOver | None:
    """Bring a restored database up to date, give it to nobody, and carry over what people asked."""
    upgrade(database)
    with database.writing() as session:
        # In the database too, and not only in our folder: other hosts' folders hold the id of before.
        session.execute(update(Installation).values(instance_id=secrets.token_hex(16)))
        if asked is None:
            return None
        key = bytes.fromhex(keys.suppression)
        return wishes.carry_over(session, asked, key=key, actor=actor, now=now)


def _put_sqlite(
    database: Database, folder: Path, project: Path, keys: Keys, asked: Wishes | None, actor: str, now: datetime
) -> tuple[Path | None, CarriedOver | None]:
    """Finish the new file first and move it in whole; the one it replaces is kept beside it."""
    new = open_database(f"sqlite:///{folder / SQLITE_MEMBER}", folder)
    try:
        carried = _settle(new, keys, asked, actor, now)
        _fold_log(new)
    finally:
        new.close()
    target = _file_of(database)
    kept = _set_aside(database, target)
    target_part = target.with_name(f"{target.name}.new")
    shutil.move(folder / SQLITE_MEMBER, target_part)  # perhaps from another disk: not whole at once
    target_part.chmod(0o600)
    _hand_over(project, keys)
    target_part.replace(target)
    return kept, carried


def _set_aside(database: Database, target: Path) -> Path | None:
    """Move the old file, with a log that can't be folded in, to a free name; return that."""
    if not target.exists():
        return None
    with suppress(SQLAlchemyError, sqlite3.Error):
        _fold_log(database)
    database.close()
    number, kept = 1, target.with_name(target.name + REPLACED)
    while kept.exists():
        number += 1
        kept = target.with_name(f"{target.name}{REPLACED}.{number}")
    for suffix in ("", *_LOGS):
        part = target.with_name(target.name + suffix)
        if part.exists():
            part.replace(kept.with_name(kept.name + suffix))
            kept.with_name(kept.name + suffix).chmod(0o600)
    return kept


def _fold_log(database: Database) -> None:
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _put_postgres(
    database: Database, folder: Path, project: Path, keys: Keys, asked: Wishes | None, actor: str, now: datetime
) -> tuple[Path | None, CarriedOver | None]:
    """Restore in one transaction, then carry over; a failure before that leaves the old tables and keys."""
    before = read_keys(project)
    _hand_over(project, keys)  # first: from here on nothing is sent until a person adopts
    try:
        backup.put_postgres(database, folder)
    except Refusal:
        if before is not None:
            write_keys(project, before)
        raise
    return None, _settle(database, keys, asked, actor, now)


def _hand_over(project: Path, keys: Keys) -> None:
    write_keys(project, replace(keys, instance_id=secrets.token_hex(16)))


def _file_of(database: Database) -> Path:
    return Path(database.engine.url.database or "")


def replaced_files(database: Database) -> list[Path]:
    """Return the files that restores have put aside beside an SQLite database, their logs included."""
    if not database.is_sqlite:
        return []
    file = _file_of(database)
    return sorted(file.parent.glob(f"{file.name}{REPLACED}*"))

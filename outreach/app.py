"""The application as the doors see it: settings, keys and database of one project folder, opened once.

Never passed below this floor: the domain gets the session and the values it needs.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sqlalchemy import select

from outreach import database as databases
from outreach import holding, place
from outreach.campaigns.sources import Sources
from outreach.database import Database, open_database
from outreach.delivery.outcomes import Outcomes
from outreach.errors import Refusal
from outreach.keys import Keys, keys_file, make_keys, read_keys, write_keys
from outreach.links import Links
from outreach.models import Installation
from outreach.place import Standing
from outreach.settings import FILE_NAME, Settings, load_settings


@dataclass(frozen=True)
class Vitals:
    """What this process did since it started, for whoever watches it; the tables know nothing of it."""

    outcomes: Outcomes = field(default_factory=Outcomes)
    ticks: dict[str, datetime] = field(default_factory=dict)  # by job of the clock: when it last ended well


@dataclass(frozen=True)
class App:
    """A project that is open."""

    project: Path
    settings: Settings
    keys: Keys
    database: Database
    links: Links
    clock: Callable[[], datetime]
    held: IO[str] | None = None  # says to others that the database is in use, while it is open
    vitals: Vitals = field(default_factory=Vitals)
    simulated: bool = False  # mail goes to the built-in inbox; campaigns started now are marked as simulated

    @property
    def suppression_key(self) -> bytes:
        return bytes.fromhex(self.keys.suppression)

    @property
    def sources(self) -> Sources:
        return Sources(self.project, self.settings, self.links)

    @property
    def templates(self) -> Path:
        return self.sources.templates

    @property
    def segments(self) -> Path:
        return self.sources.segments

    def now(self) -> datetime:
        return self.clock()

    def close(self) -> None:
        self.database.close()
        if self.held is not None:
            self.held.close()


def find_project(start: Path | None = None) -> Path:
    """Return the project folder: OUTREACH_PROJECT, else the nearest folder upward with an `outreach.toml`."""
    if named := os.environ.get("OUTREACH_PROJECT"):
        return _existing(Path(named))
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise Refusal(f"{here}: no {FILE_NAME} here or above: make a project folder with `outreach init FOLDER`")


def _existing(folder: Path) -> Path:
    if not (folder / FILE_NAME).is_file():
        raise Refusal(f"{folder}: no {FILE_NAME} there: make a project folder with `outreach init {folder}`")
    return folder.resolve()


def system_clock() -> datetime:
    return datetime.now(UTC)


def open_app(
    project: Path | None = None,
    *,
    clock: Callable[[], datetime] = system_clock,
    migrate: bool = True,
    lean: bool = False,
) -> App:
    """Open a project, bring its database up to date, and check that keys and database belong together.

    `lean` is for a process that only sends (`open_database`).
    """
    folder = _existing(project) if project else find_project()
    settings = load_settings(folder)
    database = open_database(settings.database.url, folder, lean=lean)
    held = holding.hold(database)
    try:
        keys = _keys_of(folder, database, clock(), migrate=migrate)
    except BaseException:
        database.close()
        if held is not None:
            held.close()
        raise
    links = Links(settings.site.url, bytes.fromhex(keys.links))
    return App(folder, settings, keys, database, links, clock, held)


def _keys_of(folder: Path, database: Database, now: datetime, *, migrate: bool) -> Keys:
    keys = read_keys(folder)
    if migrate:
        databases.upgrade(database)
        keys = _belonging(folder, keys, database, now)
    if keys is None:
        raise Refusal(f"{keys_file(folder)}: missing; run `outreach db upgrade` for a new project, else restore it")
    return keys


def _belonging(folder: Path, keys: Keys | None, database: Database, now: datetime) -> Keys:
    """Return the keys; make them for a database that never had any, refuse a pair that doesn't fit."""
    with database.reading() as session:
        installation = session.scalar(select(Installation))
    if installation is None:
        return _install(folder, keys or make_keys(), database, now)
    if keys is None:
        raise Refusal(
            f"{keys_file(folder)}: missing, but the database has suppressions made with it; "
            "restore the file from your backup (`outreach db restore`): without it every opt-out would be forgotten"
        )
    if installation.key_canary != keys.canary:
        raise Refusal(
            f"{keys_file(folder)}: the suppression key isn't the one this database was made with; restore the pair"
        )
    ours = installation.instance_id == keys.instance_id
    if ours and place.standing(database, keys.instance_id) is Standing.FOREIGN:
        # As after a restore: from now on the folder and the database aren't each other's until a person adopts it.
        keys = replace(keys, instance_id=secrets.token_hex(16))
        write_keys(folder, keys)
    return keys


def _install(folder: Path, keys: Keys, database: Database, now: datetime) -> Keys:
    write_keys(folder, keys)  # first: a database whose key was never written down could not be opened again
    with database.writing() as session:
        first = session.scalar(select(Installation)) is None
        if first:
            session.add(Installation(id=1, instance_id=keys.instance_id, key_canary=keys.canary, created_at=now))
    if first:
        place.claim(database, keys.instance_id, now)
    return keys

"""Backups: one tar file with the database, its keys, and a manifest that proves both came through whole.

Keys travel with the database, since a database without its suppression key has forgotten every opt-out. How a backup
is put in place: `restoring`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, inspect, literal, select
from sqlalchemy.exc import DatabaseError

from outreach import __version__, queue_tables
from outreach.database import Database, current_revision, latest_revision
from outreach.errors import Refusal
from outreach.keys import KEYS_FILE, Keys, read_keys
from outreach.models import Campaign, Company, Contact, Enterprise, Lead, OutboxMail, Suppression, User

MANIFEST = "manifest.json"
SQLITE_MEMBER = "database.sqlite"
POSTGRES_MEMBER = "database.pgdump"
# With nothing in these, a database is one that `outreach init` just made.
_PRECIOUS = (Company, Contact, Suppression, Campaign, Lead, User, Enterprise, OutboxMail)


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: `digests` is the SHA-256 of each member by name."""

    version: str
    revision: str
    backend: str
    made_at: str
    digests: dict[str, str]


def back_up(database: Database, keys: Keys, file: Path, *, now: datetime) -> Manifest:
    """Write a backup to `file`, readable by this user only; the database stays in use meanwhile."""
    if file.exists():
        raise Refusal(f"{file}: exists already; name another file")
    revision = current_revision(database) or latest_revision()
    with tempfile.TemporaryDirectory(dir=_existing_folder(file)) as folder:
        dump = Path(folder) / (SQLITE_MEMBER if database.is_sqlite else POSTGRES_MEMBER)
        (_copy_sqlite if database.is_sqlite else _dump_postgres)(database, dump)
        key_text = json.dumps(asdict(keys), indent=1).encode()
        digests = {dump.name: _digest(dump), KEYS_FILE: hashlib.sha256(key_text).hexdigest()}
        manifest = Manifest(__version__, revision, database.engine.dialect.name, now.isoformat(), digests)
        archive = Path(folder) / "backup.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
            _add(tar, MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
            _add(tar, KEYS_FILE, key_text)
            tar.add(dump, arcname=dump.name)
        archive.chmod(0o600)
        with archive.open("rb") as handle:
            os.fsync(handle.fileno())
        archive.rename(file)
    return manifest


def _existing_folder(file: Path) -> Path:
    if not file.parent.is_dir():
        raise Refusal(f"{file.parent}: no such folder; make it first")
    return file.parent


def _copy_sqlite(database: Database, target: Path) -> None:
    with database.engine.connect() as connection:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)
        copy = sqlite3.connect(target)
        source.backup(copy)
        copy.close()


def _dump_postgres(database: Database, target: Path) -> None:
    arguments, environment = _postgres_arguments(database.engine.url)
    without = f"--exclude-schema={queue_tables.SCHEMA}"  # it says only what is worked on this moment
    _run(["pg_dump", "--format=custom", "--no-owner", without, f"--file={target}", *arguments], environment)


def _postgres_arguments(url: URL) -> tuple[list[str], dict[str, str]]:
    host = url.host or url.query.get("host")
    named = {"--host": host, "--port": url.port, "--username": url.username, "--dbname": url.database}
    environment = dict(os.environ)
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    return [f"{name}={value}" for name, value in named.items() if value], environment


def _run(command: list[str], environment: dict[str, str]) -> None:
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Refusal(f"{command[0]} is not installed (Debian: postgresql-client)") from error
    except subprocess.CalledProcessError as error:
        raise Refusal(f"{command[0]} failed: {error.stderr.strip()}") from error


def _digest(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o600
    tar.addfile(member, io.BytesIO(data))


def holds_data(database: Database) -> bool:
    """Tell whether anything would be lost with the database; one that cannot be read may hold data too."""
    if database.is_sqlite and not Path(database.engine.url.database or "").exists():
        return False
    try:
        tables = set(inspect(database.engine).get_table_names())
        with database.engine.connect() as connection:
            held = (model for model in _PRECIOUS if model.__tablename__ in tables)
            return any(connection.execute(select(literal(1)).select_from(model).limit(1)).first() for model in held)
    except DatabaseError:
        return True


def unpack(file: Path, folder: Path, backend: str) -> tuple[Manifest, Keys]:
    """Unpack a backup into a folder of its own and return what it says and its keys; Refusal if it isn't whole."""
    manifest = _unpack(file, folder)
    if manifest.backend != backend:
        raise Refusal(
            f"{file}: a backup of {manifest.backend}, but database.url is {backend}: "
            "set database.url to a database of that kind"
        )
    return manifest, _keys_of(folder)


def _unpack(file: Path, folder: Path) -> Manifest:
    try:
        with tarfile.open(file, "r:gz") as tar:
            for name in (MANIFEST, KEYS_FILE, SQLITE_MEMBER, POSTGRES_MEMBER):
                _extract(tar, name, folder)
        data = json.loads((folder / MANIFEST).read_text())
        manifest = Manifest(**data)
        for name, digest in manifest.digests.items():
            if Path(name).name != name or _digest(folder / name) != digest:
                raise Refusal(f"{file}: {name} is damaged; take another backup")
    except (OSError, tarfile.TarError, EOFError, ValueError, TypeError, KeyError) as error:
        raise Refusal(f"{file}: is no backup made by `outreach db backup`: {error}") from error
    return manifest


def _extract(tar: tarfile.TarFile, name: str, folder: Path) -> None:
    """Write one member into the folder if the archive has it as a plain file; touch nothing else."""
    if name not in tar.getnames() or (member := tar.extractfile(name)) is None:
        return
    with (folder / name).open("wb") as target:
        shutil.copyfileobj(member, target)


def _keys_of(folder: Path) -> Keys:
    state = folder / ".state"
    state.mkdir()
    shutil.copy(folder / KEYS_FILE, state / KEYS_FILE)
    keys = read_keys(folder)
    assert keys is not None
    return keys


def put_postgres(database: Database, folder: Path) -> None:
    """Restore the dump in the folder in one transaction: a failure leaves the old tables."""
    arguments, environment = _postgres_arguments(database.engine.url)
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"]
    _run(["pg_restore", *options, *arguments, str(folder / POSTGRES_MEMBER)], environment)

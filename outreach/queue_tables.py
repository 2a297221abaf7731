"""The tables of the queue on PostgreSQL: Procrastinate's own, in a schema of their own, kept at the installed version.

The queue holds no truth, only what is being worked on this moment, so no backup has it. Procrastinate ships its tables
as one file for a new database, and as steps from each version to the next; the last step applied is noted beside them.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection, Engine, text

SCHEMA = "procrastinate"
# An advisory lock, so that two hosts which start at once don't both make the tables ("outr" + "queu").
_ALONE = 0x6F757472_71756575
_NOTE = f"{SCHEMA}.applied"


def upgrade(engine: Engine) -> bool:
    """Make the tables, or bring them to the version installed, a step to a transaction; return whether any changed."""
    changed = False
    while _next(engine) is not None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ALONE})")
            _step(connection)
        changed = True
    return changed


def _next(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return _pending(connection)


def _step(connection: Connection) -> None:
    name = _pending(connection)
    if name is None:
        return  # another host did it meanwhile
    if name == _SCHEMA_FILE:
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        connection.exec_driver_sql(f"CREATE TABLE {_NOTE} (migration text NOT NULL)")
        connection.exec_driver_sql(f"INSERT INTO {_NOTE} VALUES ('{_steps()[-1]}')")  # noqa: S608
        _run(connection, _folder() / _SCHEMA_FILE)
    else:
        connection.exec_driver_sql(f"UPDATE {_NOTE} SET migration = '{name}'")  # noqa: S608
        _run(connection, _folder() / "migrations" / name)


_SCHEMA_FILE = "schema.sql"


def _pending(connection: Connection) -> str | None:
    """Return the file to run next; None if there is none, or if a newer version has been here."""
    # Not by to_regclass(), which may answer from what this connection remembers of before it waited for the lock.
    if connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": SCHEMA}) is None:
        return _SCHEMA_FILE
    noted = str(connection.exec_driver_sql(f"SELECT migration FROM {_NOTE}").scalar_one())  # noqa: S608
    return next((name for name in _steps() if name > noted), None)


def _run(connection: Connection, file: Path) -> None:
    connection.exec_driver_sql(f"SET LOCAL search_path TO {SCHEMA}")
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(file.read_text())  # without parameters, so that the file's own % stand for themselves


def _steps() -> list[str]:
    return sorted(path.name for path in (_folder() / "migrations").glob("*.sql"))


def _folder() -> Path:
    """Return where the SQL files are, without importing the package: every command comes by here."""
    spec = find_spec("procrastinate")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "sql"

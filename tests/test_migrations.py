"""The migrations make the tables that the models describe, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from conftest import Clock

from outreach.app import App, open_app
from outreach.database import MIGRATIONS, _steps, current_revision, latest_revision, open_database, upgrade
from outreach.errors import Refusal
from outreach.models import Table


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def opened(
    request: pytest.FixtureRequest, new_project: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    """A project that is opened for the first time: it makes its tables itself."""
    if request.param == "postgres":
        monkeypatch.setenv("OUTREACH_DATABASE__URL", request.getfixturevalue("new_postgres_url"))
    app = open_app(new_project, clock=clock)
    yield app
    app.close()


def test_models_and_migrations_agree(opened: App) -> None:
    with opened.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Table.metadata)
    assert differences == []


def test_upgrading_twice_changes_nothing(opened: App) -> None:
    assert current_revision(opened.database) == latest_revision()
    assert upgrade(opened.database) is False


def test_an_empty_database_has_no_revision(new_project: Path) -> None:
    database = open_database("sqlite:///outreach.db", new_project)
    assert current_revision(database) is None
    database.close()


def test_the_revisions_that_we_read_are_those_that_alembic_runs() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [latest_revision()]
    assert {script.revision for script in scripts.walk_revisions()} == set(_steps())


def test_a_database_from_a_newer_version_is_refused(app: App) -> None:
    with app.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from-the-future'")
    with pytest.raises(Refusal, match="upgrade outreach"):
        upgrade(app.database)


def test_sqlite_is_set_to_survive_a_power_cut(app: App) -> None:
    with app.database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1

"""The migrations make the tables that the models describe, on both databases."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from outreach.app import App
from outreach.database import current_revision, latest_revision, upgrade
from outreach.errors import Refusal
from outreach.models import Table


def test_models_and_migrations_agree(both: App) -> None:
    with both.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Table.metadata)
    assert differences == []


def test_upgrading_twice_changes_nothing(both: App) -> None:
    assert current_revision(both.database) == latest_revision()
    assert upgrade(both.database) is False


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

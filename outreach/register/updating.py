"""A daily update on a mass: delete, upsert, cascade.

`X_delete.csv` lists keys, `X_insert.csv` holds all rows of each touched entity. An enterprise that closed isn't
always in the other delete files, so whatever hangs on it goes too; a natural person that comes in an update is left
out as in a Full extract. What was left out before stays unknown: where an enterprise turns into a legal person, its
establishments are there with the next Full extract (or when an update names them).
"""

from __future__ import annotations

from outreach.register.extracts import KEYS, Extract
from outreach.register.mass import LEGAL, TABLES, Connection, csv_of, number_of, refusing, rows_of

_DETAILS = ("denomination", "address", "activity")


def apply(connection: Connection, extract: Extract) -> None:
    """Bring the mass up to date in one transaction.

    `touched` (enterprise) tells whose rows are composed anew, `turned` (number) who became a legal person.
    """
    for table in TABLES:
        _read(connection, extract, table)
    connection.execute("BEGIN")
    connection.execute("CREATE TEMP TABLE touched (enterprise BIGINT)")
    _note_touched(connection)
    connection.execute(
        """CREATE TEMP TABLE before AS
        WITH owner AS (SELECT key FROM deleted_enterprise UNION SELECT number FROM inserted_enterprise)
        SELECT number AS entity FROM enterprise WHERE number IN (FROM owner)
        UNION SELECT number FROM establishment WHERE enterprise IN (FROM owner)
            OR number IN (SELECT key FROM deleted_establishment UNION SELECT number FROM inserted_establishment)"""
    )
    # It was there before, says the delete file, and not as a legal person.
    connection.execute(
        """CREATE TEMP TABLE turned AS SELECT DISTINCT number FROM inserted_enterprise WHERE legal
        AND number IN (SELECT key FROM deleted_enterprise) AND number NOT IN (SELECT number FROM enterprise)"""
    )
    _upsert_entities(connection)
    connection.execute(
        """CREATE TEMP TABLE removed AS FROM before
        ANTI JOIN (SELECT number AS entity FROM enterprise UNION ALL SELECT number FROM establishment) USING (entity)"""
    )
    for table in _DETAILS:
        _upsert_details(connection, table)
    _note_touched(connection)
    connection.execute("CREATE TEMP TABLE done AS SELECT DISTINCT enterprise FROM touched")
    connection.execute("DROP TABLE touched; ALTER TABLE done RENAME TO touched")
    connection.execute("COMMIT")


def _read(connection: Connection, extract: Extract, table: str) -> None:
    """Read both files of a table: `deleted_…` (key) and `inserted_…` (rows of everybody, `legal` for enterprises)."""
    deleted, inserted = extract.parts[f"{table}_delete"], extract.parts[f"{table}_insert"]
    rows = rows_of(table, inserted, also=f"({LEGAL}) AS legal, " if table == "enterprise" else "")
    key = "number" if table in KEYS else "entity"
    with refusing(deleted.path.name):
        connection.execute(
            f"CREATE TEMP TABLE deleted_{table} AS "
            f"SELECT DISTINCT {number_of(KEYS.get(table, 'EntityNumber'))} AS key FROM {csv_of(deleted)}"
        )
    with refusing(inserted.path.name):
        connection.execute(
            f"CREATE TEMP TABLE inserted_{table} AS SELECT * FROM ({rows}) WHERE {key} BETWEEN 0 AND 9999999999"
        )


def _note_touched(connection: Connection) -> None:
    """Add the enterprises that own, now, what the update speaks of; called before it is applied and after."""
    connection.execute(
        """INSERT INTO touched
        WITH entity AS (
            SELECT key FROM deleted_establishment UNION SELECT number FROM inserted_establishment
            UNION SELECT key FROM deleted_denomination UNION SELECT entity FROM inserted_denomination
            UNION SELECT key FROM deleted_address UNION SELECT entity FROM inserted_address
            UNION SELECT key FROM deleted_activity UNION SELECT entity FROM inserted_activity
        )
        SELECT key FROM deleted_enterprise UNION SELECT number FROM inserted_enterprise UNION SELECT key FROM entity
        UNION SELECT enterprise FROM establishment WHERE number IN (FROM entity)"""
    )


def _upsert_entities(connection: Connection) -> None:
    connection.execute(
        """DELETE FROM enterprise WHERE number IN (
            SELECT key FROM deleted_enterprise UNION SELECT number FROM inserted_enterprise);
        INSERT INTO enterprise BY NAME
            SELECT * EXCLUDE (legal) FROM (
                SELECT DISTINCT ON (number) * FROM inserted_enterprise WHERE legal ORDER BY ALL);
        DELETE FROM establishment WHERE number IN (
            SELECT key FROM deleted_establishment UNION SELECT number FROM inserted_establishment);
        INSERT INTO establishment BY NAME SELECT DISTINCT ON (number) * FROM inserted_establishment
            WHERE enterprise IN (SELECT number FROM enterprise) ORDER BY ALL;
        DELETE FROM establishment WHERE number IN (SELECT entity FROM before)
            AND enterprise NOT IN (SELECT number FROM enterprise)"""
    )


def _upsert_details(connection: Connection, table: str) -> None:
    connection.execute(
        f"""DELETE FROM {table} WHERE entity IN (
            SELECT key FROM deleted_{table} UNION SELECT entity FROM inserted_{table} UNION SELECT entity FROM removed);
        INSERT INTO {table} BY NAME SELECT * FROM inserted_{table} WHERE entity IN (
            SELECT number FROM enterprise UNION ALL SELECT number FROM establishment)"""
    )

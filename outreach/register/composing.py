"""The row of each legal person, composed from the mass by set-based SQL: all of them, or those an update touched.

`scope` says of whom: it lays views over the tables of the mass that everything here reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from outreach.belgium.places import TABLE_DATE, places_of
from outreach.register import sector_choice
from outreach.register.mass import TABLES

__all__ = ["COLUMNS", "TABLE_DATE", "compose", "scope"]

# In the order in which `ENTRIES` gives them; those of RegisterEntry.
COLUMNS = (
    "enterprise_number", "name", "name_nl", "name_fr", "name_de", "name_en", "abbreviations", "commercial_names",
    "juridical_form", "juridical_form_cac", "juridical_situation", "start_date", "postcode", "municipality",
    "municipality_nis", "province_nis", "country", "seat_struck_off_on", "establishments", "establishment_provinces",
    "nace_2025", "section_2025", "rule_2025", "nace_2008", "section_2008", "rule_2008", "sector_version",
)  # fmt: skip
_NAMES_AT_MOST = 30  # commercial names of one company; supermarkets have hundreds
_LANGUAGES = {"nl": "2", "fr": "1", "de": "3", "en": "4"}


def scope(connection: duckdb.DuckDBPyConnection, touched: str | None = None) -> None:
    """Lay the views `scope_…`: over everything, or over the enterprises in the table `touched`."""
    views = {table: f"SELECT * FROM {table}" for table in TABLES}
    if touched:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE touched_entity AS SELECT enterprise AS entity FROM {touched}
            UNION ALL SELECT number FROM establishment WHERE enterprise IN (SELECT enterprise FROM {touched})"""
        )
        views = {table: f"{view} SEMI JOIN touched_entity USING (entity)" for table, view in views.items()}
        views["enterprise"] = f"SELECT * FROM enterprise WHERE number IN (SELECT enterprise FROM {touched})"
        views["establishment"] = f"SELECT * FROM establishment WHERE enterprise IN (SELECT enterprise FROM {touched})"
    for table, view in views.items():
        connection.execute(f"CREATE OR REPLACE TEMP VIEW scope_{table} AS {view}")
    connection.execute(
        """CREATE OR REPLACE TEMP VIEW scope_entity AS SELECT number AS entity, number AS enterprise, 0 AS level
        FROM scope_enterprise UNION ALL SELECT number, enterprise, 1 FROM scope_establishment"""
    )


def compose(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view `entry` with the columns of `COLUMNS`, of everybody in scope, over tables that are made here."""
    _places(connection)
    _names(connection)
    _seats(connection)
    _establishments(connection)
    sector_choice.choose(connection)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW entry AS {_ENTRY}")


def _places(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of postcodes: three span two municipalities, never two provinces, and the main one counts."""
    rows: Sequence[str] = [
        f"('{postcode}', '{found[0].municipality_nis}', '{found[0].province_nis}')"
        for postcode, found in ((f"{number}", places_of(f"{number}")) for number in range(1000, 10_000))
        if found
    ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE place AS "
        f"FROM (VALUES {', '.join(rows)}) AS t(zip, municipality_nis, province_nis)"
    )


def _names(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `named`: everybody in scope with the name that is shown and all others."""
    columns = ", ".join(f"min(name) FILTER (language = '{code}') AS {name}" for name, code in _LANGUAGES.items())
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE official AS SELECT entity, {columns}, min(name) AS any_name
        FROM scope_denomination WHERE type = '001' AND name <> '' GROUP BY entity"""
    )
    lines = f"array_to_string(list_sort(list_distinct(list(name)))[:{_NAMES_AT_MOST}], chr(10))"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE abbreviation AS SELECT entity, {lines} AS names
        FROM scope_denomination WHERE type = '002' AND name <> '' GROUP BY entity"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE commercial AS SELECT e.enterprise AS entity, {lines} AS names
        FROM scope_denomination d JOIN scope_entity e USING (entity)
        WHERE d.type NOT IN ('001', '002') AND d.name <> '' GROUP BY e.enterprise"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE named AS
        SELECT e.*, o.nl, o.fr, o.de, o.en, a.names AS abbreviations, c.names AS commercial_names,
            coalesce(o.nl, o.fr, o.de, o.en, o.any_name, split_part(a.names, chr(10), 1),
                split_part(c.names, chr(10), 1), lpad(e.number::VARCHAR, 10, '0')) AS name
        FROM scope_enterprise e
        LEFT JOIN official o ON o.entity = e.number
        LEFT JOIN abbreviation a ON a.entity = e.number
        LEFT JOIN commercial c ON c.entity = e.number"""
    )


def _seats(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `seat`: one address per company, one that isn't struck off if there is one; and who works at the seat."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE every_seat AS
            SELECT entity, struck, country, zip, municipality, spot FROM scope_address WHERE type = 'REGO';
        CREATE OR REPLACE TEMP TABLE double_seat AS SELECT entity FROM every_seat GROUP BY entity HAVING count(*) > 1;
        CREATE OR REPLACE TEMP TABLE seat AS FROM every_seat ANTI JOIN double_seat USING (entity)
            UNION ALL FROM (SELECT DISTINCT ON (entity) * FROM every_seat SEMI JOIN double_seat USING (entity)
                ORDER BY entity, struck NULLS FIRST, country NULLS FIRST, zip, municipality, spot);
        CREATE OR REPLACE TEMP TABLE working AS
            SELECT DISTINCT a.entity, e.enterprise, a.country, a.zip, a.spot
            FROM scope_address a JOIN scope_establishment e ON e.number = a.entity
            WHERE a.type = 'BAET' AND a.struck IS NULL;
        CREATE OR REPLACE TEMP TABLE at_seat AS SELECT DISTINCT w.entity, w.enterprise
            FROM working w JOIN seat s ON s.entity = w.enterprise AND s.spot = w.spot WHERE s.struck IS NULL"""
    )


def _establishments(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE working_province AS
            SELECT enterprise, string_agg(province_nis, ' ' ORDER BY province_nis) AS provinces FROM (
                SELECT DISTINCT w.enterprise, p.province_nis FROM working w JOIN place p USING (zip)
                WHERE w.country IS NULL)
            GROUP BY enterprise;
        CREATE OR REPLACE TEMP TABLE working_count AS
            SELECT enterprise, count(*)::INTEGER AS establishments FROM scope_establishment GROUP BY enterprise"""
    )


def _other(language: str) -> str:
    return f"CASE WHEN n.{language} <> n.name THEN n.{language} END AS name_{language}"


def _line(text: str, length: int) -> str:
    """Return the SQL for a text that an extract gives as it is: without line breaks and the like, empty if nothing."""
    return rf"""nullif(left(CASE WHEN regexp_matches({text}, '[\x00-\x1f]')
        THEN regexp_replace({text}, '[\x00-\x1f]+', ' ', 'g') ELSE {text} END, {length}), '')"""


# A name in another language stands there only if it isn't the name itself.
_ENTRY = f"""
    SELECT lpad(n.number::VARCHAR, 10, '0') AS enterprise_number, n.name,
        {_other("nl")}, {_other("fr")}, {_other("de")}, {_other("en")}, n.abbreviations, n.commercial_names,
        {_line("n.form", 8)} AS juridical_form, {_line("n.form_cac", 8)} AS juridical_form_cac,
        {_line("n.situation", 8)} AS juridical_situation,
        n.started::VARCHAR AS start_date,
        CASE WHEN s.struck IS NULL THEN coalesce(p.zip, {_line("s.zip", 12)}) END AS postcode,
        CASE WHEN s.struck IS NULL AND p.zip IS NULL THEN {_line("s.municipality", 120)} END AS municipality,
        CASE WHEN s.struck IS NULL THEN p.municipality_nis END AS municipality_nis,
        CASE WHEN s.struck IS NULL THEN p.province_nis END AS province_nis,
        CASE WHEN s.struck IS NULL THEN {_line("s.country", 120)} END AS country,
        s.struck::VARCHAR AS seat_struck_off_on,
        coalesce(c.establishments, 0) AS establishments, w.provinces AS establishment_provinces,
        t.nace_2025, t.section_2025, t.rule_2025, t.nace_2008, t.section_2008, t.rule_2008, t.sector_version
    FROM named n
    LEFT JOIN seat s ON s.entity = n.number
    LEFT JOIN place p ON p.zip = s.zip AND s.country IS NULL
    LEFT JOIN working_count c ON c.enterprise = n.number
    LEFT JOIN working_province w ON w.enterprise = n.number
    LEFT JOIN sector t ON t.enterprise = n.number"""

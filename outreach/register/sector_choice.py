"""The main sector of a company, out of all its activities, and the rule that chose it.

MAIN isn't unique: it is main for one activity group and one version of the classification, and group 003 can hold
dozens. So the choice goes by, in this order:

1. classification: MAIN, then SECO, then the rest;
2. level: the enterprise itself, then its establishments (a third of enterprises have no MAIN of their own);
3. group: 006 (employer, social security), 001 (VAT), 003 (activities), 005, 007, 004, 002;
4. establishments: the one at the seat first;
5. a tie at the enterprise: what an establishment at the seat does too;
6. the lowest code.

Each version, 2025 and 2008, is chosen for itself, since a code says nothing in the other one. The main sector of the
company is the better of the two by 1 to 3; if they are equal, that of 2025.
"""

from __future__ import annotations

import duckdb

from outreach.belgium.sectors import VERSIONS, NaceCode, nace
from outreach.register.mass import CLASSES, CODES, GROUPS, code_text

# A choice is one whole number: class, level, group, whether away from the seat, and the code.


def choose(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view `sector`: enterprise, and per version code, section and rule; and the main version.

    Rules are texts, put together only while entries are written. Reads `scope_activity`, `scope_entity` (entity,
    enterprise, level) and `at_seat` (establishments at their seat).
    """
    _best_of_entities(connection)
    _best_of_enterprises(connection)
    _settle_ties(connection)
    _name(connection)


def _best_of_entities(connection: duckdb.DuckDBPyConnection) -> None:
    """Find the best of each entity first: the rows of one stand together, so nothing is joined 20 million times."""
    columns = ", ".join(
        f"min(told) FILTER (version = {version}) AS low_{version}, "
        f"min(told // {CODES} * {CODES} + {CODES - 1} - told % {CODES}) FILTER (version = {version}) AS high_{version}"
        for version in VERSIONS
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE entity_choice AS SELECT entity, {columns}
        FROM scope_activity WHERE version IN {VERSIONS} GROUP BY entity"""
    )


def _best_of_enterprises(connection: duckdb.DuckDBPyConnection) -> None:
    def key(column: str) -> str:
        rank = f"({column} // {CODES})"
        return f"((({rank} // 8 * 2 + level) * 8 + {rank} % 8) * 2 + away) * {CODES}::BIGINT + {column} % {CODES}"

    columns = ", ".join(
        f"min({key(f'low_{version}')}) AS low_{version}, min({key(f'high_{version}')}) AS high_{version}"
        for version in VERSIONS
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE choice AS SELECT enterprise, {columns} FROM (
            SELECT c.*, e.enterprise, e.level, (e.level = 1 AND s.entity IS NULL)::INTEGER AS away
            FROM entity_choice c JOIN scope_entity e USING (entity) LEFT JOIN at_seat s USING (entity))
        GROUP BY enterprise"""
    )


def _settle_ties(connection: duckdb.DuckDBPyConnection) -> None:
    """Where several codes of the enterprise are equally good, find those that an establishment at the seat has too."""
    for version in VERSIONS:
        prefix = f"low_{version} // {CODES}"
        tied = f"low_{version} % {CODES} <> {CODES - 1} - high_{version} % {CODES} AND {prefix} // 16 % 2 = 0"
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE settled_{version} AS
            WITH tied AS (SELECT enterprise, {prefix} // 32 * 8 + {prefix} // 2 % 8 AS rank FROM choice WHERE {tied}),
            places AS (SELECT s.entity, s.enterprise FROM at_seat s SEMI JOIN tied USING (enterprise)),
            done AS (SELECT DISTINCT p.enterprise, a.told % {CODES} AS code
                     FROM scope_activity a JOIN places p USING (entity) WHERE a.version = {version})
            SELECT t.enterprise, min(done.code) AS code
            FROM tied t JOIN scope_activity a ON a.entity = t.enterprise
            JOIN done ON done.enterprise = t.enterprise AND done.code = a.told % {CODES}
            WHERE a.version = {version} AND a.told // {CODES} = t.rank
            GROUP BY t.enterprise"""
        )


def _name(connection: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(
        f"""{code_text(f"coalesce(s{v}.code, low_{v} % {CODES})")} AS nace_{v}, {_rule(v)} AS rule_{v},
        low_{v} // {CODES * 2} AS rank_{v}"""
        for v in VERSIONS
    )
    settled = " ".join(f"LEFT JOIN settled_{v} s{v} ON s{v}.enterprise = choice.enterprise" for v in VERSIONS)
    sections = " ".join(
        f"LEFT JOIN ({_sections(v)}) AS d{v}(division, section) ON d{v}.division = left(nace_{v}, 2)" for v in VERSIONS
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW sector AS
        SELECT enterprise, nace_2025, d2025.section AS section_2025, rule_2025,
            nace_2008, d2008.section AS section_2008, rule_2008,
            CASE WHEN rank_2025 <= rank_2008 OR rank_2008 IS NULL THEN 2025 ELSE 2008 END AS sector_version
        FROM (SELECT choice.enterprise, {columns} FROM choice {settled}) {sections}"""
    )


def _rule(version: int) -> str:
    """Return the SQL for the rule, as `006-main-enterprise` or `003-main-establishment-lowest`."""
    groups = ", ".join(f"'{group}'" for group in (*GROUPS, "other"))
    classes = ", ".join(f"'-{name.lower()}'" for name in (*CLASSES, "other"))
    prefix = f"(low_{version} // {CODES})"
    return f"""[{groups}][1 + {prefix} // 2 % 8]
        || [{classes}][1 + {prefix} // 32]
        || CASE WHEN {prefix} // 16 % 2 = 0 THEN '-enterprise'
                WHEN {prefix} % 2 = 0 THEN '-seat' ELSE '-establishment' END
        || CASE WHEN s{version}.code IS NOT NULL THEN '-seat'
                WHEN low_{version} % {CODES} <> {CODES - 1} - high_{version} % {CODES} THEN '-lowest' ELSE '' END"""


def _sections(version: int) -> str:
    entries = (nace(version, f"{division:02d}") for division in range(100))
    return "VALUES " + ", ".join(_pair(entry) for entry in entries if entry is not None)


def _pair(entry: NaceCode) -> str:
    return f"('{entry.code}', '{entry.section}')"

"""What an import leaves out or doesn't know: counted, reported, never fatal."""

from __future__ import annotations

import csv
from typing import Any

from outreach.belgium.places import place_of
from outreach.errors import Refusal
from outreach.register.extracts import Extract
from outreach.register.mass import Connection, code_text, csv_of, refusing

_SHOWN = 20  # of the values that nobody knows, the most frequent
# Column of the mass → category of code.csv.
_CODED = (
    ("enterprise", "situation", "JuridicalSituation"),
    ("enterprise", "form", "JuridicalForm"),
    ("enterprise", "form_cac", "JuridicalForm"),
    ("denomination", "type", "TypeOfDenomination"),
    ("denomination", "language", "Language"),
    ("address", "type", "TypeOfAddress"),
)
_SEATS = "SELECT count(*) FROM scope_enterprise e JOIN seat s ON s.entity = e.number"


def codes(extract: Extract) -> list[tuple[str, str, str, str]]:
    """Return category, code, language and description of code.csv, each code once in each language."""
    rows: dict[tuple[str, str, str], str] = {}
    part = extract.parts["code"]
    try:
        with part.path.open(encoding="utf-8-sig", newline="") as handle:
            for row in csv.DictReader(handle, fieldnames=part.header):
                key = (row["Category"] or "")[:40], (row["Code"] or "")[:20], (row["Language"] or "")[:2]
                rows.setdefault(key, row["Description"] or "")
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refusal(f"code.csv cannot be read ({error}); nothing was changed; download the extract again") from error
    rows.pop(("Category", "Code", "La"), None)  # the header
    return [(*key, text) for key, text in rows.items()]


def of_full(connection: Connection, extract: Extract) -> dict[str, Any]:
    """Return the findings of a Full extract; the mass is filled, and everything composed."""
    known = "SELECT DISTINCT Category AS category, Code AS code FROM " + csv_of(extract.parts["code"])
    with refusing("code.csv"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE known_code AS {known}")
    # One walk through the activities: all of them are some 50,000 kinds.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE told_count AS SELECT version, told, count(*) AS rows FROM activity GROUP BY ALL"
    )
    return {
        **_left_out(connection, extract),
        "establishments": _one(connection, "SELECT count(*) FROM establishment"),
        "activities": _one(connection, "SELECT coalesce(sum(rows), 0) FROM told_count"),
        "activities_unread": _one(connection, "SELECT coalesce(sum(rows), 0) FROM told_count WHERE told IS NULL"),
        "repeated_enterprises": _one(connection, "SELECT count(*) FROM double_enterprise"),
        "repeated_establishments": _one(connection, "SELECT count(*) FROM double_establishment"),
        "without_seat": _one(
            connection, "SELECT count(*) FROM scope_enterprise e ANTI JOIN seat s ON s.entity = e.number"
        ),
        "seats_abroad": _one(connection, f"{_SEATS} WHERE s.struck IS NULL AND s.country <> ''"),
        "seats_struck_off": _one(connection, f"{_SEATS} WHERE s.struck IS NOT NULL"),
        "without_sector": _one(
            connection, "SELECT count(*) FROM scope_enterprise e ANTI JOIN choice c ON c.enterprise = e.number"
        ),
        "unknown_postcodes": _unknown_postcodes(connection),
        "unknown_codes": _unknown_codes(connection),
    }


def _left_out(connection: Connection, extract: Extract) -> dict[str, int]:
    part = extract.parts["enterprise"]
    with refusing(part.path.name):
        rows = connection.execute(
            "SELECT TypeOfEnterprise, Status, count(*), "
            "count(*) FILTER (length(replace(EnterpriseNumber, '.', '')) <> 10) "
            f"FROM {csv_of(part)} GROUP BY ALL"
        ).fetchall()
    natural = sum(count for type, _, count, _ in rows if type == "1")
    stopped = sum(count for type, status, count, _ in rows if type == "2" and status != "AC")
    unknown = sum(count for type, _, count, _ in rows if type not in ("1", "2"))
    return {
        "natural_persons_left_out": natural,
        "unknown_type_left_out": unknown,
        "not_active_left_out": stopped,
        "odd_numbers": sum(odd for *_, odd in rows),
    }


def _unknown_postcodes(connection: Connection) -> dict[str, int]:
    query = """SELECT zip, count(*) AS rows FROM address WHERE country IS NULL AND struck IS NULL AND zip IS NOT NULL
        AND zip NOT IN (SELECT zip FROM place) GROUP BY zip ORDER BY rows DESC, zip"""
    found = connection.execute(query).fetchall()
    return {str(zip)[:20]: count for zip, count in found if place_of(str(zip)) is None or len(str(zip)) != 4}


def _unknown_codes(connection: Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    counts = [
        (category, f"SELECT {column} AS code, count(*) AS rows FROM {table} WHERE {column} IS NOT NULL GROUP BY 1")
        for table, column, category in _CODED
    ]
    for version in (2003, 2008, 2025):
        there = f"version = {version} AND told IS NOT NULL"
        query = f"SELECT {code_text('told')} AS code, rows FROM told_count WHERE {there}"
        counts.append((f"Nace{version}", query))
    for category, query in counts:
        rows = connection.execute(
            f"SELECT code, sum(rows)::BIGINT AS rows FROM ({query}) c ANTI JOIN known_code k "
            f"ON k.category = '{category}' AND k.code = c.code GROUP BY code ORDER BY rows DESC, code LIMIT {_SHOWN}"
        ).fetchall()
        if rows:
            merged = found.setdefault(category, {})
            for code, count in rows:
                merged[str(code)[:20]] = merged.get(str(code)[:20], 0) + count
    for category, rank in (("NaceVersion", "version = 0"), ("Classification", "told // 100000000 // 8 = 3"),
                           ("ActivityGroup", "told // 100000000 % 8 = 7")):  # fmt: skip
        if count := _one(connection, f"SELECT coalesce(sum(rows), 0) FROM told_count WHERE {rank}"):
            found[category] = {"other": count}
    return found


def _one(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])

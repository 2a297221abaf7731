"""Extracts written by hand, row by row, where a test says exactly what is in them; and what the register then holds."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import text

from outreach.app import App
from outreach.belgium.numbers import (
    format_enterprise_number,
    format_establishment_number,
    make_enterprise_number,
    make_establishment_number,
)
from outreach.register import entries, importing, mass

HEADERS = {
    "code": "Category,Code,Language,Description",
    "enterprise": (
        "EnterpriseNumber,Status,JuridicalSituation,TypeOfEnterprise,JuridicalForm,JuridicalFormCAC,StartDate"
    ),
    "establishment": "EstablishmentNumber,StartDate,EnterpriseNumber",
    "denomination": "EntityNumber,Language,TypeOfDenomination,Denomination",
    "address": (
        "EntityNumber,TypeOfAddress,CountryNL,CountryFR,Zipcode,MunicipalityNL,MunicipalityFR,StreetNL,StreetFR,"
        "HouseNumber,Box,ExtraAddressInfo,DateStrikingOff"
    ),
    "activity": "EntityNumber,ActivityGroup,NaceVersion,NaceCode,Classification",
    "branch": "Id,StartDate,EnterpriseNumber",
}
CODES = [
    ("JuridicalForm", "610", "NL", "Besloten vennootschap"),
    ("JuridicalForm", "610", "FR", "Société à responsabilité limitée"),
    ("JuridicalSituation", "000", "NL", "Normale toestand"),
    ("Nace2025", "88993", "NL", "Beschutte en sociale werkplaatsen"),
]


def company(n: int) -> str:
    """Return the n-th invented enterprise number, as the register writes it."""
    return format_enterprise_number(make_enterprise_number(19_990_000 + n))


def place(n: int) -> str:
    """Return the n-th invented establishment number, as the register writes it."""
    return format_establishment_number(make_establishment_number(70_000_000 + n))


def digits(number: str) -> str:
    return number.replace(".", "")


def enterprise(
    number: str, type: str = "2", form: str = "610", situation: str = "000", **other: str
) -> tuple[str, ...]:
    return (
        number,
        other.get("status", "AC"),
        situation,
        type,
        form,
        other.get("cac", ""),
        other.get("start", "01-02-2003"),
    )


def seat(entity: str, zip: str, street: str = "Kerkstraat", number: str = "1", **other: str) -> tuple[str, ...]:
    country, kind, off = other.get("country", ""), other.get("kind", "REGO"), other.get("struck", "")
    town = other.get("town", "Ergens")
    return entity, kind, country, country, zip, town, town, street, street, number, "", "", off


def works(entity: str, zip: str, street: str = "Molenstraat", number: str = "2", **other: str) -> tuple[str, ...]:
    return seat(entity, zip, street, number, kind="BAET", **other)


def full(folder: Path, number: int = 142, day: date = date(2026, 11, 1), **tables: list[tuple[str, ...]]) -> Path:
    """Write a Full extract with these rows; tables that aren't named are empty."""
    folder.mkdir(parents=True)
    _meta(folder, "full", number, day)
    for name in HEADERS:
        rows = CODES if name == "code" else tables.get(name, [])
        _write(folder / f"{name}.csv", HEADERS[name], rows)
    return folder


def update(folder: Path, number: int = 143, day: date = date(2026, 11, 2), **tables: list[tuple[str, ...]]) -> Path:
    """Write an Update extract: `activity_delete=[…]`, `activity_insert=[…]` and so on."""
    folder.mkdir(parents=True)
    _meta(folder, "update", number, day)
    _write(folder / "code.csv", HEADERS["code"], CODES)
    for name, header in HEADERS.items():
        if name != "code":
            _write(folder / f"{name}_delete.csv", header.split(",")[0], tables.get(f"{name}_delete", []))
            _write(folder / f"{name}_insert.csv", header, tables.get(f"{name}_insert", []))
    return folder


def _meta(folder: Path, type: str, number: int, day: date) -> None:
    rows = [("SnapshotDate", f"{day:%d-%m-%Y}"), ("ExtractTimestamp", f"{day:%d-%m-%Y} 03:00:00"),
            ("ExtractType", type), ("ExtractNumber", str(number)), ("Version", "R028.00")]  # fmt: skip
    _write(folder / "meta.csv", "Variable,Value", rows)


def _write(file: Path, header: str, rows: list[tuple[str, ...]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def take_in(app: App, path: Path, **options: Any) -> importing.Imported:
    return importing.take_in(app.database, app.project, path, by="test", now=app.now(), **options)


def everything(app: App) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the register, of SQL and of the mass, in an order of its own."""
    held: dict[str, list[tuple[Any, ...]]] = {}
    with app.database.reading() as session:
        for table in ("register_entry", "register_name", "register_code"):
            rows = session.execute(text(f"SELECT * FROM {table}"))
            held[table] = sorted((tuple(row) for row in rows), key=str)
        current = entries.current(session)
    if current is not None:
        with mass.connected(mass.folder_of(app.project) / current.mass, read_only=True) as connection:
            for table in mass.TABLES:
                held[table] = sorted(connection.execute(f"FROM {table}").fetchall(), key=str)
    return held


def number_held(app: App) -> int | None:
    with app.database.reading() as session:
        current = entries.current(session)
        return current.extract_number if current else None

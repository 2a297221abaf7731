"""The reach as plain rows, the same for the terminal, CSV, JSON and the staff page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.places import PROVINCES
from outreach.belgium.sectors import section_label
from outreach.reports.exports import Cell
from outreach.reports.reach import Counts, Reach, Row

COUNTS = ("register", "ours", "mailable", "mailed")
# `table` says what a row is: a cell, or the total of a province, of a sector or of all; `outside` are companies of ours
# that aren't among the regular ones of the register. Source and licence stand in each row, as the licence asks.
COLUMNS = ("table", "province_nis", "province", "section", "sector", *COUNTS, "by", "since", "at", "source", "licence")
_ABROAD = {"nl": "buiten België of onbekend", "en": "abroad or unknown"}
_UNKNOWN = {"nl": "onbekend", "en": "unknown"}


def province_label(nis: str | None, language: str) -> str:
    """Return the name of a province; None is a seat abroad, or one whose province isn't known."""
    if nis is None:
        return _ABROAD[language]
    return PROVINCES[nis].name_en if language == "en" else PROVINCES[nis].name_nl


def sector_label(letter: str | None, language: str) -> str:
    """Return the name of a section of NACE-BEL 2025."""
    return section_label(2025, letter, language) if letter else _UNKNOWN[language]


def numbers(counts: Counts) -> list[int]:
    """Return the counts in the order of `COUNTS`."""
    return [getattr(counts, name) for name in COUNTS]


def share(part: int, whole: int) -> str:
    """Return a share as the terminal shows it."""
    return f"{100 * part / whole:.2f}%" if whole else ""


def long_rows(reach: Reach, language: str) -> list[list[Cell]]:
    """Return every figure as a row of its own, for CSV."""
    since, at = _told(reach.since), _told(reach.at)
    about: list[Cell] = [reach.by.value, since, at, str(reach.source), reach.source.licence]
    return [[table, *_place(table, row, language), *numbers(row), *about] for table, row in _tables(reach)]


def _told(moment: datetime | None) -> str | None:
    return moment.astimezone(BRUSSELS).isoformat(timespec="minutes") if moment else None


def _tables(reach: Reach) -> Iterator[tuple[str, Counts]]:
    for table, rows in (("cell", reach.cells), ("province", reach.provinces), ("sector", reach.sections)):
        for row in rows:
            yield table, row
    yield "total", reach.total
    yield "outside", reach.outside


def _place(table: str, counts: Counts, language: str) -> list[Cell]:
    """Return province and section with their names; empty where the row is a total over them."""
    province = table in ("cell", "province") and isinstance(counts, Row)
    sector = table in ("cell", "sector") and isinstance(counts, Row)
    nis = counts.province_nis if isinstance(counts, Row) else None
    letter = counts.section if isinstance(counts, Row) else None
    return [
        nis,
        province_label(nis, language) if province else None,
        letter,
        sector_label(letter, language) if sector else None,
    ]


def plain(reach: Reach, language: str) -> dict[str, Any]:
    """Return the reach for JSON, with the names of provinces and sectors beside their codes."""
    return {
        "by": reach.by,
        "since": reach.since,
        "at": reach.at,
        "source": asdict(reach.source),
        "cells": [_named(row, language) for row in reach.cells],
        "provinces": [_named(row, language, sector=False) for row in reach.provinces],
        "sectors": [_named(row, language, province=False) for row in reach.sections],
        "total": asdict(reach.total),
        "outside": asdict(reach.outside),
    }


def _named(row: Row, language: str, *, province: bool = True, sector: bool = True) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if province:
        named |= {"province_nis": row.province_nis, "province": province_label(row.province_nis, language)}
    if sector:
        named |= {"section": row.section, "sector": sector_label(row.section, language)}
    return named | dict(zip(COUNTS, numbers(row), strict=True))

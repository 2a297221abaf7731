"""The register before and after an import, by number."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError

from outreach.app import App
from outreach.errors import Refusal
from outreach.models import ExtractType, RegisterCode, RegisterEntry, RegisterImport
from outreach.register import entries


def held(app: App, number: int = 142) -> RegisterImport:
    return RegisterImport(
        extract_number=number,
        extract_type=ExtractType.FULL,
        snapshot_date=date(2026, 11, 1),
        extracted_at="02-11-2026 03:00:00",
        version="R028.00",
        mass="142-1.duckdb",
        entries=1,
        findings={},
        imported_by="test",
        imported_at=app.now(),
        current=True,
    )


def test_before_the_first_import_the_source_is_refused_with_the_way_out(app: App) -> None:
    with app.database.reading() as session, pytest.raises(Refusal, match="outreach register import"):
        entries.source(session)


def test_an_entry_is_found_by_its_number_and_the_source_says_its_day(both: App) -> None:
    with both.database.writing() as session:
        session.add(held(both))
        session.add(RegisterEntry(enterprise_number="1999000150", name="Voorbeeld", establishments=0))
        session.add(RegisterCode(category="JuridicalForm", code="610", language="NL", description="BV"))
    with both.database.reading() as session:
        entry = entries.find(session, "1999000150")
        assert entry is not None
        assert entry.name == "Voorbeeld"
        assert [found.name for found in entries.find_all(session, ["1999000150", "1998000140"])] == ["Voorbeeld"]
        assert entries.find(session, "1998000140") is None
        assert str(entries.source(session)).endswith("data of 2026-11-01 (extract 142)")
        assert entries.meaning(session, "JuridicalForm", "610", "fr") == "BV"


def test_only_one_extract_is_current(both: App) -> None:
    with both.database.writing() as session:
        session.add(held(both))
    with pytest.raises(IntegrityError), both.database.writing() as session:
        session.add(held(both, 143))

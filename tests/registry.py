"""A register of a few rows, as an import would leave it, for tests of what is built on it."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.belgium.places import place_of
from outreach.models import ExtractType, RegisterCode, RegisterEntry, RegisterImport

CODES = (
    ("JuridicalForm", "610", "NL", "Besloten vennootschap"),
    ("JuridicalForm", "014", "NL", "Naamloze vennootschap"),
    ("JuridicalForm", "411", "NL", "Stad / gemeente"),
    ("JuridicalForm", "070", "NL", "Vereniging van mede-eigenaars"),
    ("JuridicalForm", "702", "NL", "Maatschap"),
    ("JuridicalForm", "301", "NL", "Federale overheidsdienst"),
    ("JuridicalSituation", "000", "NL", "Normale toestand"),
    ("JuridicalSituation", "050", "NL", "Opening van faillissement"),
    ("JuridicalSituation", "012", "NL", "Vrijwillige ontbinding - vereffening"),
    ("JuridicalSituation", "030", "NL", "Gerechtelijke reorganisatie"),
    ("JuridicalSituation", "059", "NL", "Faillissement zonder activa"),
)


def take_in(
    app: App, session: Session, *entries: dict[str, Any], number: int = 142, day: date = date(2026, 11, 1)
) -> None:
    """Replace the register by these entries, each the columns of a RegisterEntry; a postcode brings its province."""
    session.execute(update(RegisterImport).values(current=None, replaced_at=app.now()).where(RegisterImport.current))
    session.add(
        RegisterImport(
            extract_number=number,
            extract_type=ExtractType.FULL,
            snapshot_date=day,
            extracted_at="02-11-2026 03:00:00",
            version="R028.00",
            mass=f"{number}.duckdb",
            entries=len(entries),
            findings={},
            imported_by="test",
            imported_at=app.now(),
            current=True,
        )
    )
    session.execute(delete(RegisterEntry))
    session.execute(delete(RegisterCode))
    session.add_all(
        RegisterCode(category=c, code=code, language=lang, description=text) for c, code, lang, text in CODES
    )
    session.add_all(entry(**columns) for columns in entries)
    session.flush()


def entry(**columns: Any) -> RegisterEntry:
    place = place_of(columns.get("postcode") or "")
    told: dict[str, Any] = {
        "name": "Naam",
        "juridical_form": "610",
        "juridical_situation": "000",
        "establishments": 0,
        "nace_2025": "41000",
        "section_2025": "F",
        "rule_2025": "006-main-enterprise",
        "sector_version": 2025,
        "municipality_nis": place.municipality_nis if place else None,
        "province_nis": place.province_nis if place else None,
    }
    return RegisterEntry(**(told | columns))

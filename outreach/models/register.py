"""The company register (KBO/BCE Open Data): one row per active legal person, and which extract the rows are of.

The rows come from the register alone and are replaced whole by an import, so nothing may refer to them by foreign key:
join on the enterprise number. Natural persons, addresses to mail and telephone numbers are not here and never were.
Who wants more of a company than stands here (its establishments, all its activities) asks `outreach.register`.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.models.columns import BigId, CodeText, PrimaryKey, Table, words


class ExtractType(StrEnum):
    """What an extract holds: everything, or what changed since the one before."""

    FULL = "full"
    UPDATE = "update"


class RegisterEntry(Table):
    """An active legal person of the register, as the last import found it.

    Lists are text: names one per line, provinces (NIS codes) by spaces, each sorted. The main sector is that of
    `sector_version`; `rule_2025` and `rule_2008` say how each code was chosen: activity group, classification, level,
    and what broke a tie, as in `006-main-enterprise` or `003-main-establishment-lowest`.
    """

    __tablename__ = "register_entry"

    enterprise_number: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(320))
    name_nl: Mapped[str | None] = mapped_column(String(320))
    name_fr: Mapped[str | None] = mapped_column(String(320))
    name_de: Mapped[str | None] = mapped_column(String(320))
    name_en: Mapped[str | None] = mapped_column(String(320))
    abbreviations: Mapped[str | None] = mapped_column(Text)
    commercial_names: Mapped[str | None] = mapped_column(Text)
    juridical_form: Mapped[str | None] = mapped_column(String(8))
    juridical_form_cac: Mapped[str | None] = mapped_column(String(8))
    juridical_situation: Mapped[str | None] = mapped_column(String(8))
    start_date: Mapped[date | None]
    # The seat; all empty if the register struck it off, or has none.
    postcode: Mapped[str | None] = mapped_column(String(12))
    municipality: Mapped[str | None] = mapped_column(String(120))
    municipality_nis: Mapped[str | None] = mapped_column(String(5))
    province_nis: Mapped[str | None] = mapped_column(String(5))
    country: Mapped[str | None] = mapped_column(String(120))  # only of a seat abroad
    seat_struck_off_on: Mapped[date | None]
    establishments: Mapped[int]
    establishment_provinces: Mapped[str | None] = mapped_column(String(80))
    nace_2025: Mapped[str | None] = mapped_column(CodeText)
    section_2025: Mapped[str | None] = mapped_column(String(1))
    rule_2025: Mapped[str | None] = mapped_column(String(40))
    nace_2008: Mapped[str | None] = mapped_column(CodeText)
    section_2008: Mapped[str | None] = mapped_column(String(1))
    rule_2008: Mapped[str | None] = mapped_column(String(40))
    sector_version: Mapped[int | None]


class RegisterName(Table):
    """The folded words of an entry's names, for suggestions while typing.

    `rank` orders suggestions: 10^10 times the length of the name, plus the enterprise number. The search structure over
    `words` (an FTS5 table on SQLite, a GIN index on PostgreSQL) is made by the import, as these rows are.
    """

    __tablename__ = "register_name"

    rank: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    words: Mapped[str] = mapped_column(Text)


class RegisterCode(Table):
    """A code of the register with its meaning, as the extract gives it (language `NL`, `FR` or `DE`)."""

    __tablename__ = "register_code"

    category: Mapped[str] = mapped_column(String(40), primary_key=True)
    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    language: Mapped[str] = mapped_column(String(2), primary_key=True)
    description: Mapped[str] = mapped_column(Text)


class RegisterImport(Table):
    """An extract that was taken in; the one that isn't replaced is what the other tables hold.

    `mass` names the DuckDB file in the state folder with everything that SQL doesn't hold. `findings` counts what the
    import left out or didn't know, by kind.
    """

    __tablename__ = "register_import"

    id: Mapped[PrimaryKey]
    extract_number: Mapped[int]
    extract_type: Mapped[ExtractType] = mapped_column(words(ExtractType, "extract_type"))
    snapshot_date: Mapped[date]
    extracted_at: Mapped[str] = mapped_column(String(40))  # as the register wrote it
    version: Mapped[str] = mapped_column(String(40))
    mass: Mapped[str] = mapped_column(String(80))
    entries: Mapped[int]
    findings: Mapped[dict[str, Any]] = mapped_column(JSON)
    imported_by: Mapped[str] = mapped_column(String(200))
    imported_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]

    current: Mapped[bool | None] = mapped_column(unique=True)  # true or empty, so that only one can be

    __table_args__ = (
        CheckConstraint("(replaced_at IS NULL) = (current IS NOT NULL)", name="ck_register_import_current"),
        CheckConstraint("current IS NULL OR current", name="ck_register_import_true"),
    )

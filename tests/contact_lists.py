"""Contact lists for the tests of imports, and the shortest way to take one in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from outreach.app import App
from outreach.audience import importing
from outreach.audience.importing import ImportOptions, ImportSummary
from outreach.models import Basis
from outreach.settings import SenderType

HEADERS = (
    "Ondernemingsnummer", "Bedrijf", "Rechtsvorm", "Postcode", "E-mail", "Voornaam", "Achternaam", "Rechtsgrond",
    "Bron", "Datum toestemming",
)  # fmt: skip
ANN = ("0203.201.340", "Bakkerij Jansen", "NV", "9000", "ann@jansen.example", "Ann", "Jansen", "toestemming", "beurs",
       "01/03/2026")  # fmt: skip


def row(**changes: str) -> tuple[str, ...]:
    """Return Ann's row with some cells changed, by the first word of their header in lower case."""
    cells = dict(zip((header.split()[0].lower().replace("-", "") for header in HEADERS), ANN, strict=True))
    assert changes.keys() <= cells.keys(), changes
    return tuple({**cells, **changes}.values())


def write(path: Path, rows: Sequence[Sequence[str]], headers: Sequence[str] = HEADERS, encoding: str = "utf-8") -> Path:
    """Write rows as Excel does."""
    lines = [";".join(map(_quoted, cells)) for cells in (headers, *rows)]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return path


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ';"\n') else cell


def take_in(
    app: App,
    path: Path,
    *,
    sender: SenderType = SenderType.FEDERATION,
    now: datetime | None = None,
    **options: Any,
) -> ImportSummary:
    """Import a list as the command does."""
    given = ImportOptions(**options)
    now = now or app.now()
    reading = importing.read(path, given, sender=sender, suppression_key=app.suppression_key, now=now)
    with app.database.writing() as session:
        return importing.save(session, reading, given, actor="test", now=now)


CONSENT: dict[str, Any] = {"basis": Basis.CONSENT, "source": "beurs", "obtained_on": date(2026, 3, 1)}

"""What the register says: the entry of a number, and of which extract and day all entries are.

The licence of KBO/BCE Open Data asks for source and date wherever the data is shown, and forbids to use personal data
for direct marketing; so natural persons and addresses to mail are never taken in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.errors import Refusal
from outreach.models import ExtractType, RegisterCode, RegisterEntry, RegisterImport

NAME = "KBO/BCE Open Data, FPS Economy (Belgium)"
LICENCE = (
    "KBO/BCE Open Data licence: the source and the date of the data must be shown; "
    "personal data may not be used for direct marketing"
)
_CHUNK = 500  # keys in one statement


@dataclass(frozen=True)
class Source:
    """Where the register's data comes from and of which day it is; shown wherever the data is."""

    name: str
    licence: str
    snapshot_date: date
    extract_number: int
    extract_type: ExtractType

    def __str__(self) -> str:
        return f"{self.name}, data of {self.snapshot_date:%Y-%m-%d} (extract {self.extract_number})"


def current(session: Session) -> RegisterImport | None:
    """Return the import whose data the tables hold, None before the first."""
    return session.scalar(select(RegisterImport).where(RegisterImport.current.is_(True)))


def source(session: Session) -> Source:
    """Return the source of the data; Refusal if no extract was imported yet."""
    held = current(session)
    if held is None:
        raise Refusal("no company register yet: take an extract in with `outreach register import PATH`")
    return Source(NAME, LICENCE, held.snapshot_date, held.extract_number, held.extract_type)


def find(session: Session, enterprise_number: str) -> RegisterEntry | None:
    """Return the entry of an enterprise number (ten digits); None is not there, stopped, or a natural person."""
    return session.get(RegisterEntry, enterprise_number)


def find_all(session: Session, enterprise_numbers: Iterable[str]) -> Iterator[RegisterEntry]:
    """Yield the entries of many enterprise numbers, in no order."""
    wanted = list(enterprise_numbers)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        yield from session.scalars(select(RegisterEntry).where(RegisterEntry.enterprise_number.in_(chunk)))


def meaning(session: Session, category: str, code: str | None, language: str = "nl") -> str | None:
    """Return what a code of the register means, in Dutch or French, as the extract says it."""
    if code is None:
        return None
    query = select(RegisterCode.language, RegisterCode.description).where(
        RegisterCode.category == category, RegisterCode.code == code
    )
    texts = {row.language: row.description for row in session.execute(query)}
    return texts.get(language.upper()) or next(iter(texts.values()), None)

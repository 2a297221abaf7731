"""Which codes of the register put a company out of the regular ones, and which legal forms are no legal persons.

The lists are data (`data/standing.csv`). A code that isn't listed is judged by the words with which the extract's own
code table explains it, so that a new code of a bankruptcy doesn't pass for a normal situation.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.belgium.legal_forms import legal_form
from outreach.models import CompanyStatus, RegisterCode

NORMAL = "000"
_NO_LEGAL_PERSON = "no_legal_person"


@dataclass(frozen=True)
class Standing:
    """What a code says of a company: `word` is a legal form as we write it, `reason` why it isn't regular."""

    word: str | None
    legal_person: bool
    status: CompanyStatus
    reason: str | None
    listed: bool  # by its code, or by the words of its meaning


def situations(session: Session) -> dict[str, Standing]:
    """Return the juridical situations that bar a company, and those not listed, by code."""
    known = meanings(session, "JuridicalSituation")
    codes = {*known, *(what for kind, what in _table() if kind == "situation")} - {NORMAL}
    return {code: situation(code, known.get(code, "")) for code in codes}


def situation(code: str, meaning: str = "") -> Standing:
    """Return what a juridical situation says; an unknown one bars nobody, and isn't `listed`."""
    found, listed = _judged("situation", code, meaning)
    if found is None or found[0] == CompanyStatus.ACTIVE:
        return Standing(None, True, CompanyStatus.ACTIVE, None, listed or found is not None)
    return Standing(None, True, CompanyStatus(found[0]), _reason(f"situation {code}", meaning or found[1]), listed)


def forms(session: Session) -> dict[str, Standing]:
    """Return what each legal form of the register's own code table, and of ours, says, by code."""
    known = meanings(session, "JuridicalForm")
    return {code: form(code, known.get(code, "")) for code in known}


def form(code: str, meaning: str = "") -> Standing:
    """Return a legal form as we write it, and whether it is a legal person and a regular company."""
    ours = legal_form(code) or (legal_form(meaning) if meaning else None)
    found, listed = _judged("form", code, meaning)
    person = not (found is not None and found[0] == _NO_LEGAL_PERSON) and (
        ours is None or ours.legal_person is not False
    )
    irregular = (ours is not None and not ours.regular) or (found is not None and found[0] == CompanyStatus.NOT_REGULAR)
    word = (ours.short if ours else meaning)[:40] or None
    if not irregular:
        return Standing(word, person, CompanyStatus.ACTIVE, None, listed or ours is not None)
    what = meaning or (ours.name_nl if ours else found[1] if found else "")
    return Standing(word, person, CompanyStatus.NOT_REGULAR, _reason(f"legal form {code}", what), True)


def meanings(session: Session, category: str) -> dict[str, str]:
    """Return the codes of a category with their meaning in Dutch, or in whichever language there is."""
    query = select(RegisterCode.code, RegisterCode.language, RegisterCode.description)
    found: dict[str, str] = {}
    for code, language, text in session.execute(query.where(RegisterCode.category == category)):
        if language == "NL" or code not in found:
            found[code] = text
    return found


def _judged(kind: str, code: str, meaning: str) -> tuple[tuple[str, str] | None, bool]:
    """Return status and label of a code, and whether by its code."""
    if by_code := _table().get((kind, code)):
        return by_code, True
    for (of, word), told in _table().items():
        if of == f"{kind} word" and re.search(rf"\b{re.escape(word)}\b", meaning, re.IGNORECASE):
            return told, False
    return None, False


def _reason(code: str, meaning: str) -> str:
    return f"{code} in the register: {meaning}"[:200] if meaning else f"{code} in the register"


@cache
def _table() -> Mapping[tuple[str, str], tuple[str, str]]:
    source = resources.files("outreach.register").joinpath("data", "standing.csv")
    rows = csv.DictReader(source.read_text(encoding="utf-8").splitlines())
    return {(row["kind"], row["what"]): (row["status"], row["label"]) for row in rows}

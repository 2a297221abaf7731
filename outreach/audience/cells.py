"""The texts in the cells of a list: names made safe for a mail, dates as Belgians write them."""

from __future__ import annotations

import calendar
import re
import unicodedata
from datetime import date, datetime

_PLAIN_NAME = re.compile(r"[!-~]+(?: [!-~]+)*").fullmatch
_TIME = r"(?:[ T,] ?(?:om |at |à )?\d{1,2}[:u.h]\d{2}.*)?"
_DAY_FIRST = re.compile(r"(\d{1,2}) ?[-/. ] ?(\d{1,2}) ?[-/. ] ?(\d{4}|\d{2})" + _TIME)
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _TIME)
_NAMED_MONTH = re.compile(r"(\d{1,2}) ?[-/. ]? ?([^\W\d_]+)\.? ?[-/. ]? ?(\d{4}|\d{2})" + _TIME)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januari january janvier janv",
            "feb februari february fevrier fev fevr",
            "mrt maart mar march mars",
            "apr april avril avr",
            "mei may mai",
            "jun juni june juin",
            "jul juli july juillet juil",
            "aug augustus august aout",
            "sep sept september septembre",
            "okt oktober oct october octobre",
            "nov november novembre",
            "dec december decembre",
        ),
        start=1,
    )
    for name in names.split()
}


class CellError(ValueError):
    """A cell holds no such value; the message says why."""


def clean_name(text: str, limit: int = 320) -> str:
    """Return a name in NFC on one line, without invisible characters; raise `CellError` beyond `limit` characters.

    Line breaks and other control characters become spaces, so that no name can start a header of its own.
    """
    if not _PLAIN_NAME(text):
        text = unicodedata.normalize("NFC", " ".join("".join(map(_visible, text)).split()))
    if len(text) > limit:
        raise CellError(f"{text[:40]!r}… has {len(text)} characters, more than {limit}")
    return text


def parse_date(text: str) -> date:
    """Return the day of an ISO date or of day/month/year as Belgians write it, with or without a time."""
    stripped = " ".join(text.split())
    try:
        return _parse_date(stripped)
    except CellError:
        raise
    except ValueError:
        raise CellError(f"{text!r} is no date: write it as 2026-03-31 or 31/03/2026") from None


def _parse_date(text: str) -> date:
    if match := _YEAR_FIRST.fullmatch(text):
        return _day(text, match[1], int(match[2]), match[3], "year-month-day")
    if match := _DAY_FIRST.fullmatch(text):
        return _day(text, match[3], int(match[2]), match[1], "day/month/year")
    if match := _NAMED_MONTH.fullmatch(text):
        decomposed = unicodedata.normalize("NFKD", match[2].casefold())
        plain = "".join(char for char in decomposed if not unicodedata.combining(char))
        if plain in _MONTHS:
            return _day(text, match[3], _MONTHS[plain], match[1], "day month year")
    if re.fullmatch(r"[34]\d{4}(?:[.,]\d+)?", text):
        raise CellError(f"{text!r} is a spreadsheet's day number: format the column as a date")
    found = datetime.fromisoformat(text).date()
    return _day(text, f"{found.year:04d}", found.month, str(found.day), "year-month-day")


def _day(text: str, year: str, month: int, day: str, order: str) -> date:
    if not 1 <= month <= 12:
        raise CellError(f"{text!r} is no date: dates are read as {order}, and there is no month {month}")
    full_year = int(year) if len(year) == 4 else 2000 + int(year)
    if not 1900 <= full_year <= 2100:
        raise CellError(f"{text!r} is no date: the year {full_year} cannot be meant")
    if not 1 <= int(day) <= calendar.monthrange(full_year, month)[1]:
        raise CellError(f"{text!r} is no date: month {month} of {full_year} has no day {int(day)}")
    return date(full_year, month, int(day))


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    # Format characters (zero width, direction), surrogates and private use; the joiners belong to some scripts.
    return "" if category in ("Cf", "Cs", "Co") and char not in "\u200c\u200d" else char

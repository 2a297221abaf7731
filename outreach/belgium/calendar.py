"""Belgian time: Brussels clock, both clock changes, public holidays and office hours."""

from __future__ import annotations

import re
from calendar import month_name, monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

BRUSSELS = ZoneInfo("Europe/Brussels")


class ClockError(ValueError):
    """The text names no single moment; the message says why and what to write instead."""


def local_to_utc(local: datetime) -> datetime:
    """Return the moment of a naive Brussels time; raise `ClockError` if the clock skips it or shows it twice."""
    if local.tzinfo is not None:
        raise ValueError("local_to_utc takes a time without an offset")
    first, second = (local.replace(tzinfo=BRUSSELS, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    shown = f"{local:%Y-%m-%d %H:%M}"
    if first.astimezone(UTC).astimezone(BRUSSELS).replace(tzinfo=None) != local:
        earlier, later = (moment.astimezone(UTC).astimezone(BRUSSELS) for moment in (second, first))
        raise ClockError(
            f"{shown} does not exist in Brussels: the clock is put forward that night. "
            f"Write {earlier:%Y-%m-%d %H:%M} or {later:%Y-%m-%d %H:%M}"
        )
    raise ClockError(
        f"{shown} happens twice in Brussels: the clock is put back that night. "
        f"Write {_with_offset(first)} for the first or {_with_offset(second)} for the second"
    )


def parse_local_time(text: str) -> datetime:
    """Return the UTC moment of an ISO date and time, in Brussels time unless it carries an offset."""
    stripped = text.strip()
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        raise ClockError(
            f"{text!r} is not a time: {_no_such_day(stripped) or 'write it as 2026-10-25 09:30'}"
        ) from None
    if ":" not in stripped and "T" not in stripped.upper():
        raise ClockError(f"{text!r} has no time of day: write it as {moment:%Y-%m-%d} 09:30")
    if not 1970 <= moment.year <= 9000:
        raise ClockError(f"{text!r} is not a time: the year {moment.year} cannot be meant")
    return local_to_utc(moment) if moment.tzinfo is None else moment.astimezone(UTC)


def _no_such_day(text: str) -> str:
    """Say which month or day of a well-written date the calendar doesn't have; nothing if that isn't the fault."""
    if not (written := re.match(r"(\d{4})-(\d\d)-(\d\d)(?!\d)", text)):
        return ""
    year, month, number = map(int, written.groups())
    if not 1 <= month <= 12:
        return f"there is no month {month}"
    if not year or 1 <= number <= monthrange(year, month)[1]:
        return ""
    return f"{month_name[month]} {year} has no day {number}"


def is_holiday(day: date) -> bool:
    """Tell whether a day is a public holiday in Belgium."""
    return day in _holidays(day.year)


def is_working_day(day: date) -> bool:
    """Tell whether offices work on a day: Monday to Friday, no public holiday."""
    return day.weekday() < 5 and not is_holiday(day)


def next_office_time(when: datetime, opens: time = time(9), closes: time = time(17)) -> datetime:
    """Return `when` if it lies in office hours (Mon–Fri, no holiday, Brussels time), else the next opening in UTC."""
    if when.tzinfo is None:
        raise ValueError("next_office_time takes an aware time")
    local = when.astimezone(BRUSSELS)
    if is_working_day(local.date()):
        if opens <= local.time() < closes:
            return when
        if local.time() < opens:
            return _opening(local.date(), opens)
    day = local.date() + timedelta(days=1)
    while not is_working_day(day):
        day += timedelta(days=1)
    return _opening(day, opens)


def _opening(day: date, opens: time) -> datetime:
    return datetime.combine(day, opens, tzinfo=BRUSSELS).astimezone(UTC)


def _with_offset(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")


@cache
def _holidays(year: int) -> frozenset[date]:
    import holidays  # a tenth of a second, which commands that ask for no holiday do without

    return frozenset(holidays.country_holidays("BE", years=year))

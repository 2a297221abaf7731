from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.belgium.calendar import (
    BRUSSELS,
    ClockError,
    is_holiday,
    local_to_utc,
    next_office_time,
    parse_local_time,
)


def brussels(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BRUSSELS)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-15 10:00", "2026-01-15 09:00"),
        ("2026-07-15T10:00", "2026-07-15 08:00"),
        ("2026-03-29 01:59", "2026-03-29 00:59"),
        ("2026-03-29 03:00", "2026-03-29 01:00"),
        ("2026-10-25 01:59", "2026-10-24 23:59"),
        ("2026-10-25 03:00", "2026-10-25 02:00"),
        ("2026-10-25 02:30+02:00", "2026-10-25 00:30"),
        ("2026-10-25 02:30+01:00", "2026-10-25 01:30"),
        ("2026-10-25T00:30Z", "2026-10-25 00:30"),
    ],
)
def test_local_times_are_right_on_both_sides_of_both_clock_changes(text: str, utc: str) -> None:
    assert parse_local_time(text) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_a_time_that_the_clock_skips_is_refused_with_the_times_around_it() -> None:
    with pytest.raises(ClockError, match=r"does not exist.*2026-03-29 01:30 or 2026-03-29 03:30"):
        parse_local_time("2026-03-29 02:30")


def test_a_time_that_happens_twice_is_refused_with_both_spellings() -> None:
    with pytest.raises(ClockError, match=r"twice.*2026-10-25 02:30\+02:00.*2026-10-25 02:30\+01:00"):
        parse_local_time("2026-10-25 02:30")


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-13-01 10:00", "25/10/2026 09:00", "0001-01-01 00:00", "9999-12-31 23:59"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ClockError, match="is not a time"):
        parse_local_time(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-02-30 10:00", "is not a time: February 2026 has no day 30"),
        ("2026-02-30", "is not a time: February 2026 has no day 30"),
        ("2028-02-00 10:00", "February 2028 has no day 0"),
        ("2026-13-01 10:00", "there is no month 13"),
        ("2026-02-28 25:00", "write it as 2026-10-25 09:30"),
        ("0000-02-30 10:00", "write it as 2026-10-25 09:30"),
    ],
)
def test_a_day_that_the_month_does_not_have_is_told(text: str, said: str) -> None:
    with pytest.raises(ClockError, match=f"{said}$"):
        parse_local_time(text)


def test_a_date_alone_is_refused_because_midnight_is_not_meant() -> None:
    with pytest.raises(ClockError, match="no time of day"):
        parse_local_time("2026-12-01")


@pytest.mark.parametrize("day", ["2026-01-01", "2026-04-06", "2026-05-14", "2026-07-21", "2026-11-11", "2026-12-25"])
def test_public_holidays_are_known(day: str) -> None:
    assert is_holiday(date.fromisoformat(day))


def test_regional_days_and_ordinary_days_are_no_public_holidays() -> None:
    assert not is_holiday(date(2026, 7, 11))
    assert not is_holiday(date(2026, 7, 22))


@pytest.mark.parametrize(
    ("when", "office"),
    [
        ("2026-11-23 10:00", "2026-11-23 10:00"),
        ("2026-11-23 09:00", "2026-11-23 09:00"),
        ("2026-11-23 07:00", "2026-11-23 09:00"),
        ("2026-11-23 17:00", "2026-11-24 09:00"),
        ("2026-11-27 18:00", "2026-11-30 09:00"),
        ("2026-11-11 10:00", "2026-11-12 09:00"),
        ("2026-12-24 17:30", "2026-12-28 09:00"),
        ("2026-03-27 18:00", "2026-03-30 09:00"),
        ("2026-10-23 18:00", "2026-10-26 09:00"),
    ],
)
def test_the_next_office_time_skips_nights_weekends_and_holidays(when: str, office: str) -> None:
    assert next_office_time(brussels(when)) == brussels(office)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_every_single_local_time_comes_back_as_it_was(local: datetime) -> None:
    try:
        moment = local_to_utc(local)
    except ClockError:
        assert local.month in (3, 10)
        assert local.hour == 2
    else:
        assert moment.astimezone(BRUSSELS).replace(tzinfo=None) == local


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_the_next_office_time_is_in_office_hours_and_never_earlier(naive: datetime) -> None:
    when = naive.replace(tzinfo=UTC)
    office = next_office_time(when)
    local = office.astimezone(BRUSSELS)
    assert when <= office < when + timedelta(days=8)
    assert time(9) <= local.time() < time(17)
    assert next_office_time(office) == office

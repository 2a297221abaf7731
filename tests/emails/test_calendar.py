"""The calendar entry of an event, read back by a parser that forgives nothing (RFC 5545)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outreach.emails.calendar import Appointment, write_calendar

BRUSSELS = ZoneInfo("Europe/Brussels")
VISIT = Appointment(
    uid="bezoek-mei@maatwerk.example",
    sequence=0,
    stamp=datetime(2027, 4, 20, 8, 0, tzinfo=UTC),
    starts=datetime(2027, 5, 20, 11, 30, tzinfo=UTC),
    ends=datetime(2027, 5, 20, 14, 0, tzinfo=UTC),
    title="Kom kijken; bij De Vlechterij, in Roeselare",
    location="Atelier \\ De Vlechterij, Voorbeeldstraat 40",
    description="13.30 uur: koffie\n14 uur: rondleiding",
    organizer_name='Maatwerk "Dichtbij" vzw; team: A',
    organizer_address="nieuws@maatwerk.example",
    url="https://maatwerk.example/bezoek?a=1&b=2",
)
NAME = r"[A-Z0-9-]+"
PARAMETER = rf';{NAME}=(?:"[^"\x00-\x1f\x7f]*"|[^";:,\x00-\x1f\x7f]*)'
CONTENT = re.compile(rf"({NAME})((?:{PARAMETER})*):(.*)")
# TSAFE-CHAR and the four escapes of section 3.3.11; a bare comma, semicolon or backslash is a fault.
TEXT = re.compile(r"(?:[^\x00-\x1f\x7f\\;,]|\\[\\;,nN])*")
MANY = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=400)


def read(data: bytes) -> list[tuple[str, str, str]]:
    """Return (name, parameters, value) of every content line; assert what RFC 5545, section 3.1 wants."""
    assert data.endswith(b"\r\n")
    octet_lines = data.split(b"\r\n")[:-1]
    assert all(0 < len(line) <= 75 for line in octet_lines)
    assert not any(b"\r" in line or b"\n" in line for line in octet_lines)
    for line in octet_lines:
        line.decode()  # no character is cut in two
    found = []
    for line in re.sub(b"\r\n[ \t]", b"", data).decode().split("\r\n")[:-1]:
        match = CONTENT.fullmatch(line)
        assert match, line
        found.append((match[1], match[2], match[3]))
    return found


def value(data: bytes, name: str) -> str:
    lines = read(data)
    event = lines[[line[0] + line[2] for line in lines].index("BEGINVEVENT") :]
    (only,) = [line[2] for line in event if line[0] == name]
    return only


def plain(text: str) -> str:
    assert TEXT.fullmatch(text), text
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], text)


def test_the_entry_is_well_formed_and_holds_what_a_published_event_must() -> None:
    lines = read(write_calendar(VISIT))
    opened: list[str] = []
    for name, _, said in lines:
        if name == "BEGIN":
            opened.append(said)
        elif name == "END":
            assert opened.pop() == said
        else:
            assert opened, f"{name} outside every component"
    assert opened == []
    names = [line[0] for line in lines]
    assert lines[0] == ("BEGIN", "", "VCALENDAR")
    assert names[1:3] == ["VERSION", "PRODID"]
    assert ("METHOD", "", "PUBLISH") in lines
    # RFC 5546, section 3.2.1.1: these are there once, and nobody is asked.
    for name in ("UID", "DTSTAMP", "SUMMARY", "ORGANIZER", "SEQUENCE", "DTEND"):
        assert names.count(name) == 1, name
    assert "ATTENDEE" not in names
    assert names.index("DTSTART") < names.index("UID"), "the time zone stands before the event that uses it"


def test_texts_come_back_as_they_were() -> None:
    data = write_calendar(VISIT)
    assert plain(value(data, "SUMMARY")) == VISIT.title
    assert plain(value(data, "LOCATION")) == VISIT.location
    assert plain(value(data, "DESCRIPTION")) == VISIT.description
    assert value(data, "URL") == VISIT.url
    assert "CN=\"Maatwerk ^'Dichtbij^' vzw; team: A\":mailto:nieuws@maatwerk.example" in re.sub(
        "\r\n ", "", data.decode()
    )


def test_the_time_is_that_of_the_clock_in_brussels() -> None:
    data = write_calendar(VISIT).decode()
    assert "DTSTART;TZID=Europe/Brussels:20270520T133000\r\n" in data
    assert "DTEND;TZID=Europe/Brussels:20270520T160000\r\n" in data
    assert "DTSTAMP:20270420T080000Z\r\n" in data


def test_a_changed_time_keeps_the_entry_and_raises_its_sequence() -> None:
    later = replace(VISIT, sequence=1, starts=VISIT.starts + timedelta(days=1), ends=VISIT.ends + timedelta(days=1))
    assert value(write_calendar(later), "UID") == value(write_calendar(VISIT), "UID")
    assert value(write_calendar(later), "SEQUENCE") == "1"


@pytest.mark.parametrize("year", range(1997, 2038))
def test_the_zone_changes_its_clock_when_brussels_does(year: int) -> None:
    """The rules in the file (last Sunday of March 02:00, of October 03:00) against the system's own tables."""
    assert "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU" in write_calendar(VISIT).decode()
    for month, hour, before, after in ((3, 2, 1, 2), (10, 3, 2, 1)):
        last = max(datetime(year, month, day) for day in range(25, 32) if datetime(year, month, day).weekday() == 6)
        moment = (last + timedelta(hours=hour) - timedelta(hours=before)).replace(tzinfo=UTC)
        offsets = [(moment + step).astimezone(BRUSSELS).utcoffset() for step in (-timedelta(seconds=1), timedelta(0))]
        assert offsets == [timedelta(hours=before), timedelta(hours=after)]


@given(MANY, MANY, MANY)
@example("é" * 100, "€" * 80, "\U0001f333" * 60)
@example("BEGIN:VEVENT\r\nATTENDEE:mailto:x@x.example", "\\n", '"')
@example("a" * 74 + "é", ";,;,", "^n\r\n")
def test_no_text_breaks_out_of_its_line(title: str, description: str, name: str) -> None:
    data = write_calendar(replace(VISIT, title=title, description=description, organizer_name=name))
    lines = read(data)
    assert [line[0] for line in lines] == [line[0] for line in read(write_calendar(VISIT))]
    assert TEXT.fullmatch(value(data, "SUMMARY"))
    assert TEXT.fullmatch(value(data, "DESCRIPTION"))

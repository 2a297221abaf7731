"""A calendar entry beside a mail: one event as an iCalendar object (RFC 5545), published and never asked about.

METHOD is PUBLISH (RFC 5546, section 3.2.1), not REQUEST. A request is an invitation with attendees: mail programs put
it into the calendar by themselves, ask for an answer and send that to us (a record of a person that nobody consented
to), and Outlook shows it in the place of the mail, without the way out that the law wants. A published entry is taken
over only by whoever opens it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from outreach.emails.model import clean, fold

PRODUCT = "-//outreach//newsletters//NL"
MAX_OCTETS = 75
BRUSSELS = ZoneInfo("Europe/Brussels")
# The clock of Brussels since 1996: directive 2000/84/EC, last Sundays of March and October at 01:00 UTC.
ZONE = """\
BEGIN:VTIMEZONE
TZID:Europe/Brussels
BEGIN:DAYLIGHT
TZNAME:CEST
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
DTSTART:19960331T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZNAME:CET
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""


@dataclass(frozen=True)
class Appointment:
    """An event: `uid` stays the same over all mails about it, `sequence` grows when its facts change; times aware.

    `stamp` is when this version was made: a calendar keeps the latest of those with the same uid.
    """

    uid: str
    sequence: int
    stamp: datetime
    starts: datetime
    ends: datetime
    title: str
    location: str
    description: str
    organizer_name: str
    organizer_address: str
    url: str = ""


def write_calendar(appointment: Appointment) -> bytes:
    """Write an iCalendar object of one event; CRLF, UTF-8, lines of at most 75 octets."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        *ZONE.split("\n"),
        "BEGIN:VEVENT",
        f"UID:{_text(appointment.uid)}",
        f"SEQUENCE:{appointment.sequence}",
        f"DTSTAMP:{appointment.stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;TZID=Europe/Brussels:{_local(appointment.starts)}",
        f"DTEND;TZID=Europe/Brussels:{_local(appointment.ends)}",
        f"SUMMARY:{_text(appointment.title)}",
        f"LOCATION:{_text(appointment.location)}",
        f"DESCRIPTION:{_text(appointment.description)}",
        f"ORGANIZER;CN={_parameter(appointment.organizer_name)}:mailto:{fold(appointment.organizer_address)}",
        *([f"URL:{fold(appointment.url)}"] if appointment.url else []),
        "STATUS:CONFIRMED",
        "CLASS:PUBLIC",
        "TRANSP:OPAQUE",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(BRUSSELS):%Y%m%dT%H%M%S}"


def _text(value: str) -> str:
    """Escape a TEXT value (RFC 5545, section 3.3.11)."""
    plain = clean(value).strip().replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return plain.replace("\n", "\\n").replace("\t", " ")


def _parameter(value: str) -> str:
    """Quote the value of a parameter; a quotation mark can't stand in it (RFC 5545, section 3.2; RFC 6868)."""
    return '"' + fold(value).replace("^", "^^").replace('"', "^'") + '"'


def _folded(line: str) -> bytes:
    """Cut a line into pieces of at most 75 octets, the following ones after a blank, never through a character."""
    pieces, size = [""], 0
    for character in line:
        octets = len(character.encode())
        if size + octets > MAX_OCTETS:
            pieces.append(" ")
            size = 1
        pieces[-1] += character
        size += octets
    return "\r\n".join(pieces).encode()

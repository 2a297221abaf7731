"""The names in a segment that only the database knows: tags, topics, services, enterprises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from outreach.audience.segments import values
from outreach.audience.segments.files import Segment
from outreach.audience.segments.rules import Rule
from outreach.documents import Location
from outreach.errors import Complaint, FileRefused
from outreach.models import Campaign, ContactTag, ContactTopic, Enterprise, Service

ANY = "any"


def check_names(session: Session, segment: Segment) -> None:
    """Refuse a segment that names a tag, topic, service or enterprise which does not exist; every one with its line."""
    complaints = list(unknown_names(session, segment))
    if complaints:
        raise FileRefused(complaints)


def unknown_names(session: Session, segment: Segment) -> Iterator[Complaint]:
    """Yield a complaint per name that does not exist in the database."""
    for noun, location, name in _named(segment.rule, ()):
        columns = _COLUMNS[noun]
        if any(session.scalar(select(column).where(column == name).limit(1)) is not None for column in columns):
            continue
        existing = {found for column in columns for found in session.scalars(select(column).distinct()) if found}
        at = _as_listed(segment, location)
        yield segment.complaint(at, f"{_dotted(at)}: {name!r} is no {noun}; {values.known(name, existing)}")


_COLUMNS: dict[str, tuple[InstrumentedAttribute[Any], ...]] = {
    "tag of any contact": (ContactTag.tag,),
    "topic of any contact or campaign": (ContactTopic.topic, Campaign.topic),
    "service": (Service.slug,),
    "enterprise": (Enterprise.slug,),
}
_NOUNS = {"tag": "tag of any contact", "topic": "topic of any contact or campaign"}


def _named(rule: Rule, at: Location) -> Iterator[tuple[str, Location, str]]:
    """Yield noun, location and name of everything that the rule names in the database."""
    for key, value in rule.items():
        here = (*at, key)
        if key in ("all", "any"):
            for index, part in enumerate(value):
                yield from _named(part, (*here, index))
        elif key == "not":
            yield from _named(value, here)
        elif key in _NOUNS:
            yield from ((_NOUNS[key], (*here, index), name) for index, name in enumerate(value))
        elif key in ("shown", "not_shown"):
            yield from (("service", (*here, "service", index), name) for index, name in enumerate(value.service))
        elif key in ("collaboration", "no_collaboration"):
            names = enumerate(value.enterprise)
            yield from (("enterprise", (*here, "enterprise", index), name) for index, name in names if name != ANY)


def _as_listed(segment: Segment, location: Location) -> Location:
    """Return where the file has the value: the short form leaves `service` out, and one value is no list."""
    short = tuple(part for part in location if part not in ("service", "enterprise"))
    for candidate in (location, short, location[:-1], short[:-1]):
        if candidate in segment.lines:
            return candidate
    return location


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)

"""The campaign file: YAML with Markdown texts, as the team writes it."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from outreach.belgium.calendar import BRUSSELS, next_office_time, parse_local_time
from outreach.belgium.windows import Window, parse_window
from outreach.catalogue.categories import CATEGORIES
from outreach.catalogue.matching import Fallback
from outreach.documents import Section, read_yaml, validate
from outreach.errors import Refusal
from outreach.settings import SendingSettings
from outreach.values import Line, checked_window

MAX_SPOTLIGHTS = 12
MAX_PICTURES = 6
LONGEST_EVENT = timedelta(days=14)
# The campaign's own texts; their links are counted under these names, so no block may bear one of them.
TEXTS = ("intro", "body", "closing", "event")

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_WORD = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*\Z")


def _name(value: str) -> str:
    if not _NAME.match(value) or len(value) > 80:
        raise ValueError("must be at most 80 small letters and digits, with '-' between words, such as groen-mei-2027")
    return value


def _word(value: str) -> str:
    if not _WORD.match(value) or len(value) > 60:
        raise ValueError("must be at most 60 small letters and digits, with '-' or '_' between words")
    return value


def _category(value: str) -> str:
    if value not in CATEGORIES:
        raise ValueError(f"is no category; there are: {', '.join(CATEGORIES)}")
    return value


def _time(value: Any) -> Any:
    """Take a time that YAML has read as a time back to text: only the text says whether it had an offset."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


def _moment(value: str) -> str:
    parse_local_time(value)
    return value


def _reply_address(value: str) -> str:
    if value and (value.count("@") != 1 or not value.isprintable() or any(mark in value for mark in " ,;<>")):
        raise ValueError("must be one bare e-mail address such as nieuws@example.be")
    return value


def _window(value: str) -> str:
    return checked_window(value) if value else ""


def _filled(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _way_in(value: str) -> str:
    if value.lower().startswith("https://"):
        if not urlsplit(value).hostname or not value.isprintable() or " " in value:
            raise ValueError("must be a whole address such as https://www.example.be/inschrijven")
        return value
    if not value or value.count("@") != 1:
        raise ValueError("must be an e-mail address, or a web address that starts with https://")
    return _reply_address(value)


Name = Annotated[str, AfterValidator(_name)]
Word = Annotated[str, AfterValidator(_word)]
Moment = Annotated[str, BeforeValidator(_time), AfterValidator(_moment)]
Said = Annotated[Line, AfterValidator(_filled), Field(max_length=200)]


class SpotlightSpec(Section):
    """A block of services: those named in `services`, or `count` chosen for each cohort."""

    block: Annotated[str, AfterValidator(_word), Field(max_length=40)] = "spotlights"
    title: Line = ""
    count: int | None = Field(None, ge=1, le=MAX_SPOTLIGHTS)
    services: list[Word] = Field([], max_length=MAX_SPOTLIGHTS)
    categories: list[Annotated[str, AfterValidator(_category)]] = Field([])
    fallback: Fallback = Fallback.ANY_SECTOR
    text: Literal["summary", "full"] = "summary"

    @model_validator(mode="after")
    def _fixed_or_chosen(self) -> SpotlightSpec:
        if (self.count is None) == (not self.services):
            raise ValueError("give either count (chosen for each cohort) or services (always these)")
        if self.services and self.categories:
            raise ValueError("categories says what count may choose from; with services leave it out")
        return self


class EventSpec(Section):
    """A visit day or another meeting that the mail invites to; it becomes a calendar entry (RFC 5545).

    Mails about one event share an `id`, so that a calendar keeps one entry; `revision` grows when its facts change.
    """

    id: Word | None = None
    revision: int = Field(0, ge=0, le=1000)
    starts_at: Moment
    ends_at: Moment
    place: Said
    address: Said
    host: Said
    register_at: Annotated[str, AfterValidator(_way_in)] | None = None
    register_by: date | None = None
    programme: list[Said] = Field([], max_length=12)

    @property
    def starts(self) -> datetime:
        return parse_local_time(self.starts_at)

    @property
    def ends(self) -> datetime:
        return parse_local_time(self.ends_at)

    @model_validator(mode="after")
    def _in_order(self) -> EventSpec:
        if self.ends <= self.starts:
            raise ValueError(f"ends_at {self.ends_at} is not after starts_at {self.starts_at}")
        if self.ends - self.starts > LONGEST_EVENT:
            raise ValueError(f"lasts more than {LONGEST_EVENT.days} days: look at starts_at and ends_at")
        if self.register_by and self.register_by > self.starts.astimezone(BRUSSELS).date():
            raise ValueError(f"register_by {self.register_by} lies after the event begins")
        return self


class PictureSpec(Section):
    """A picture of the project folder, with what it shows for whoever doesn't see it."""

    file: Said
    alt: Said
    caption: Annotated[Line, Field(max_length=300)] = ""


class QuoteSpec(Section):
    """What somebody said, in that person's words."""

    text: Annotated[Line, AfterValidator(_filled), Field(max_length=600)]
    name: Said
    role: Annotated[Line, Field(max_length=200)] = ""


class CampaignSpec(Section):
    """One newsletter to one segment, as its file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    title: Annotated[Line, Field(min_length=1, max_length=200)]
    template: Word
    segment: Word
    subject: Annotated[Line, Field(max_length=200)] = ""
    preheader: Annotated[Line, Field(max_length=200)] = ""
    topic: Word | None = None
    language: Literal["nl", "en"] = "nl"
    from_name: Annotated[Line, Field(max_length=100)] = ""
    reply_to: Annotated[str, AfterValidator(_reply_address)] = ""
    send_at: Moment | None = None
    office_hours: bool = False  # it starts in office hours, and what isn't sent by their end waits for the next
    window: Annotated[str, AfterValidator(_window)] = ""  # as sending.window; empty = office_hours, or that setting
    canary: int | None = Field(None, ge=0, le=100_000)  # so many mails go first; None = limits.canary
    canary_minutes: int | None = Field(None, ge=1, le=10_080)
    archive: bool = False  # anybody may read it on the site, once it was sent
    intro: Annotated[str, Field(max_length=20_000)] = ""
    body: Annotated[str, Field(max_length=20_000)] = ""
    closing: Annotated[str, Field(max_length=20_000)] = ""
    pictures: list[PictureSpec] = Field([], max_length=MAX_PICTURES)
    quote: QuoteSpec | None = None
    event: EventSpec | None = None
    spotlights: list[SpotlightSpec] = Field([], max_length=8)

    @model_validator(mode="after")
    def _distinct(self) -> CampaignSpec:
        blocks = [spotlight.block for spotlight in self.spotlights]
        for block in blocks:
            if blocks.count(block) > 1 or block in TEXTS:
                raise ValueError(f"spotlights: block {block!r} is used already: give each block a name of its own")
        services = [slug for spotlight in self.spotlights for slug in spotlight.services]
        for slug in services:
            if services.count(slug) > 1:
                raise ValueError(f"spotlights: service {slug!r} stands twice: a mail shows a service once")
        return self

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CampaignSpec:
        return cls.model_validate(data)


def read_spec(path: Path) -> CampaignSpec:
    """Read a campaign file; FileRefused lists every fault with its line."""
    return validate(CampaignSpec, read_yaml(path))


def file_text(spec: CampaignSpec) -> str:
    """Return a campaign as the text of a file that `read_spec` reads as the same."""
    data = spec.model_dump(mode="json", exclude_defaults=True)
    text: str = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return text


def write_spec(spec: CampaignSpec, path: Path) -> None:
    """Write a campaign as a file; an existing file is left alone."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(file_text(spec))
    except FileExistsError:
        raise Refusal(f"{path}: exists already; name another file") from None
    except OSError as error:
        raise Refusal(f"{path}: cannot be written: {error.strerror}") from error


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as people do, after a `|`."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def wished_time(spec: CampaignSpec) -> datetime | None:
    """Return the moment that the file asks for, in UTC."""
    return parse_local_time(spec.send_at) if spec.send_at else None


def window_of(window: str | None, office_hours: bool | None, sending: SendingSettings) -> Window:
    """Return when a campaign's mails go, from what its file says and the settings."""
    text = window or ("office" if office_hours else sending.window)
    return parse_window(text, sending.office_opens, sending.office_closes)


def send_time(spec: CampaignSpec, sending: SendingSettings) -> datetime | None:
    """Return when the campaign will be sent, in UTC: the moment asked for, or the next office hours after it."""
    wished = wished_time(spec)
    if wished is None or not spec.office_hours:
        return wished
    return next_office_time(wished, sending.office_opens, sending.office_closes)

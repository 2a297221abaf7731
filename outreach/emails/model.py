"""What a template is given: `MailModel` depends on campaign and cohort only, `MergeFields` on the recipient.

The two never mix, so that everything of a cohort can be rendered once and a recipient's values put in afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache

from babel.dates import format_date
from markupsafe import Markup

from outreach.errors import Refusal

# Controls and line breaks would end a header or a line; mrml refuses controls; direction marks would turn a text round.
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_NOT_A_NAME = re.compile(r"[0-9@/\\<>{}\[\]|=:;%$#*]|www\.|\.[a-z]{2,}$", re.IGNORECASE)

_NOTHING = Markup("")

# The fields that a template must declare before it may use them.
DECLARABLE = ("greeting", "first_name", "last_name", "company")
# The footer can't do without these, so they are always there.
ALWAYS = ("why", "unsubscribe_url")
# Always there too, but a mail is complete without them.
OFFERED = ("preferences_url",)


@dataclass(frozen=True)
class Sender:
    """Who sends, as the law wants it shown in every message."""

    name: str
    address: str
    enterprise_number: str
    email: str
    website: str


@dataclass(frozen=True)
class SpotlightView:
    """A service as a template shows it; `url` is the tracked link."""

    service: str
    enterprise: str
    municipality: str
    category: str
    delivery: str
    text_html: Markup
    text: str
    picture_url: str | None
    picture_alt: str
    url: str
    share_reason: str
    # How links and pictures name it: with its enterprise where another in the same mail has the same name.
    named: str = ""


@dataclass(frozen=True)
class BlockView:
    """A titled row of spotlights."""

    name: str
    title: str
    spotlights: tuple[SpotlightView, ...]


@dataclass(frozen=True)
class PictureView:
    """A picture of the campaign's own; `caption` may be empty."""

    url: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class QuoteView:
    """What somebody said; `role` may be empty."""

    text: str
    name: str
    role: str = ""


@dataclass(frozen=True)
class EventView:
    """A meeting, in words of the mail's language; `register_url` is a tracked link or a `mailto:` address."""

    day: str
    hours: str
    place: str
    address: str
    host: str
    register_url: str
    register_at: str
    register_by: str
    calendar_url: str
    programme: tuple[str, ...] = ()


@dataclass(frozen=True)
class MailModel:
    """Everything of a mail that depends on campaign and cohort only."""

    language: str
    title: str
    subject: str
    preheader: str
    intro_html: Markup
    intro_text: str
    blocks: tuple[BlockView, ...]
    closing_html: Markup
    closing_text: str
    sender: Sender
    province: str
    sector: str
    view_url: str
    brand: str = ""
    tagline: str = ""
    body_html: Markup = _NOTHING
    body_text: str = ""
    pictures: tuple[PictureView, ...] = ()
    quote: QuoteView | None = None
    event: EventView | None = None


@dataclass(frozen=True)
class MergeFields:
    """Everything of a mail that depends on its recipient."""

    greeting: str
    first_name: str
    last_name: str
    company: str
    why: str
    unsubscribe_url: str
    preferences_url: str

    def chosen(self, names: tuple[str, ...]) -> dict[str, str]:
        """Give the named fields and those that are always there, each on one line and free of controls."""
        known = [name for name in names if name in DECLARABLE]
        return {name: fold(getattr(self, name)) for name in (*known, *ALWAYS, *OFFERED)}


MODEL_NAMES = tuple(field.name for field in fields(MailModel))


def fold(value: str) -> str:
    """Bring a value onto one line, without control characters or marks that turn the direction of text."""
    if type(value) is str and value.isascii() and value.isprintable() and "  " not in value:
        return value.strip()  # nearly all are like this, and looking for what they lack costs ten times as much
    # str() also takes a Markup down to plain text: a recipient's value is never trusted as HTML.
    plain = _TURNING.sub("", str(value))
    return _BREAKS.sub(" ", _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", plain)).strip()


def clean(value: str) -> str:
    """Take control characters out of a text of several lines."""
    if type(value) is str and value.isascii() and value.isprintable():
        return value
    lines = str(value).replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _TURNING.sub("", _CONTROLS.sub("", lines)))


def greeting_for(first_name: str, last_name: str, kind: str, language: str = "nl") -> str:
    """Greet by first name where there is a credible one and the address is a person's; else politely without a name.

    A "name" that holds an address or a link is somebody's attempt to put his own text into our mail: it isn't greeted.
    """
    name = fold(first_name)
    credible = bool(name) and len(name) <= 40 and not _NOT_A_NAME.search(name)
    if language == "en":
        return f"Dear {name}" if credible and kind != "role" else "Dear Sir or Madam"
    return f"Beste {name}" if credible and kind != "role" else "Beste mevrouw, meneer"


@lru_cache(maxsize=4096)
def why_for(basis: str, source: str, obtained_on: date | None, language: str = "nl") -> str:
    """Say in one or two sentences why this address gets this mail: legal basis, source and date (GDPR art. 14)."""
    texts = _WHY.get(language, _WHY["nl"])
    if basis not in texts:
        raise Refusal(f"legal basis {basis!r} has no text to explain it in a mail; known: {', '.join(sorted(texts))}")
    named = fold(source) or ("not recorded" if language == "en" else "niet vermeld")
    english = language == "en"
    day = format_date(obtained_on, "d MMMM y", locale="en" if english else "nl") if obtained_on else ""
    return texts[basis].format(source=named, day=f"{' on' if english else ' op'} {day}" if day else "")


_WHY = {
    "nl": {
        "consent": "U ontvangt deze mail omdat u er{day} toestemming voor gaf (bron: {source}).",
        "customer": "U ontvangt deze mail omdat uw bedrijf klant is bij ons. We kregen uw adres{day} (bron: {source}).",
        "role_address": "U ontvangt deze mail op het algemene, onpersoonlijke adres van uw onderneming. "
        "We namen dat adres{day} op (bron: {source}).",
    },
    "en": {
        "consent": "You receive this mail because you agreed to it{day} (source: {source}).",
        "customer": "You receive this mail because your company is a customer of ours. "
        "We got your address{day} (source: {source}).",
        "role_address": "You receive this mail at the general, impersonal address of your company. "
        "We recorded that address{day} (source: {source}).",
    },
}

"""From the frozen copy and a cohort's content to the model that a template renders. No file and no row is read here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import quote

from babel.dates import format_date

from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.places import PROVINCES
from outreach.belgium.sectors import section_label
from outreach.campaigns.content import BODY, CLOSING, EVENT, INTRO, Block, Content, Spotlight
from outreach.campaigns.frozen import Frozen
from outreach.campaigns.spec import EventSpec, SpotlightSpec
from outreach.catalogue.categories import CATEGORIES, had_as
from outreach.catalogue.matching import Candidate, Cell
from outreach.emails.assembly import Attachment
from outreach.emails.calendar import Appointment, write_calendar
from outreach.emails.markdown import LinkFor, markdown_to_html, markdown_to_text, paragraph
from outreach.emails.model import (
    BlockView,
    EventView,
    MailModel,
    MergeFields,
    PictureView,
    QuoteView,
    SpotlightView,
    greeting_for,
)
from outreach.links import NO_ADDRESS, NOBODY, Links

_JOINED = {"nl": " en ", "en": " and "}
_WORKS_IN = {"nl": "werkt in {}", "en": "works in {}"}
_YOUR_PROVINCE = {"nl": "uw provincie", "en": "your province"}
_FITS = {"nl": "past bij uw sector", "en": "suits your sector"}
_AT = {"nl": "{} bij {}", "en": "{} at {}"}
_HOURS = {"nl": "van {} tot {} uur", "en": "from {} to {}"}
_UNTIL = {"nl": "{} {} uur tot {} {} uur", "en": "{} {} to {} {}"}
_DAY = {"nl": ("EEEE d MMMM y", "nl_BE"), "en": ("EEEE d MMMM y", "en_GB")}
_REGISTER = {"nl": "Inschrijving: {}", "en": "Registration: {}"}
_HOST = {"nl": "Gastheer: {}", "en": "Host: {}"}
_GENERIC_COMPANY = {"nl": "uw bedrijf", "en": "your company"}
_GENERIC_WHY = {
    "nl": "Dit is de versie voor in de browser. Waarom u de mail kreeg en hoe u zich uitschrijft, leest u in uw mail.",
    "en": "This is the version for the browser. Why you got the mail and how to opt out, you read in your own copy.",
}
_SAMPLE_WHY = {
    "nl": "Dit is een voorbeeld: hier staat voor elke ontvanger waarom die de mail krijgt.",
    "en": "This is a sample: here each recipient reads why he or she gets the mail.",
}


def compose(frozen: Frozen, cells: Sequence[Cell], content: Content, links: Links, view_url: str) -> MailModel:
    """Return the model of a cohort's mail; links without a code lead straight to their address."""
    spec, language = frozen.spec, frozen.spec.language
    intro, body, closing = (_link_for(content, links, text) for text in (INTRO, BODY, CLOSING))
    return MailModel(
        language=language,
        title=spec.title,
        subject=spec.subject,
        preheader=spec.preheader,
        intro_html=markdown_to_html(spec.intro, intro),
        intro_text=markdown_to_text(spec.intro, intro),
        blocks=_named(
            tuple(
                _block(frozen, block_spec, block, cells, content, links)
                for block_spec, block in zip(spec.spotlights, content.blocks, strict=True)
            ),
            language,
        ),
        closing_html=markdown_to_html(spec.closing, closing),
        closing_text=markdown_to_text(spec.closing, closing),
        sender=frozen.sender.shown(),
        province=_province(cells, language),
        sector=_sector(cells, language),
        view_url=view_url,
        brand=frozen.sender.brand,
        tagline=frozen.sender.tagline,
        body_html=markdown_to_html(spec.body, body),
        body_text=markdown_to_text(spec.body, body),
        pictures=_pictures(frozen, links),
        quote=QuoteView(spec.quote.text, spec.quote.name, spec.quote.role) if spec.quote else None,
        event=_event(frozen, spec.event, _link_for(content, links, EVENT), links) if spec.event else None,
    )


def attachments(frozen: Frozen, links: Links) -> tuple[Attachment, ...]:
    """Return what goes with every mail of a campaign: the calendar entry of its event, if it has one."""
    if frozen.spec.event is None:
        return ()
    return (Attachment(f"{frozen.spec.name}.ics", "text/calendar; method=PUBLISH", calendar_of(frozen, links)),)


def calendar_of(frozen: Frozen, links: Links) -> bytes:
    """Return the calendar entry of a campaign's event; always the same for the same copy."""
    spec, event, sender = frozen.spec, frozen.spec.event, frozen.sender
    if event is None:
        raise ValueError(f"campaign {spec.name!r} has no event")
    told = [_HOST[spec.language].format(event.host), *event.programme]
    if event.register_at:
        told.append(_REGISTER[spec.language].format(event.register_at))
    appointment = Appointment(
        uid=f"{event.id or spec.name}@{sender.domain}",
        sequence=event.revision,
        # The moment that was approved: nobody gets the entry earlier, and every mail's is the same.
        stamp=frozen.send_at or datetime(2000, 1, 1, tzinfo=UTC),
        starts=event.starts,
        ends=event.ends,
        title=spec.title,
        location=f"{event.place}, {event.address}",
        description="\n".join(told),
        organizer_name=sender.name,
        organizer_address=sender.reply_to or sender.email or sender.from_address,
        url=event.register_at if event.register_at and "://" in event.register_at else "",
    )
    return write_calendar(appointment)


def browser_fields(language: str, links: Links) -> MergeFields:
    """Return fields that say nothing about anybody, and whose way out opts nobody out."""
    return MergeFields(
        greeting=greeting_for("", "", "role", language),
        first_name="",
        last_name="",
        company=_GENERIC_COMPANY[language],
        why=_GENERIC_WHY[language],
        unsubscribe_url=links.privacy(),
        preferences_url=links.preferences_by_mail(),
    )


def sample_fields(language: str, links: Links) -> MergeFields:
    """Return fields for a test mail; its opt-out address works and opts nobody out."""
    return MergeFields(
        greeting=greeting_for("Ann", "", "personal", language),
        first_name="Ann",
        last_name="Voorbeeld",
        company="Voorbeeld nv",
        why=_SAMPLE_WHY[language],
        unsubscribe_url=links.opt_out(NOBODY, NO_ADDRESS),
        preferences_url=links.preferences(NOBODY, NO_ADDRESS),
    )


def _block(
    frozen: Frozen, spec: SpotlightSpec, block: Block, cells: Sequence[Cell], content: Content, links: Links
) -> BlockView:
    candidates = {candidate.id: candidate for candidate in frozen.candidates}
    link_for = _link_for(content, links, block.name)
    views = tuple(
        _spotlight(frozen, spec, candidates[spotlight.service_id], spotlight, cells, link_for, links)
        for spotlight in block.spotlights
    )
    return BlockView(block.name, spec.title, views)


def _spotlight(
    frozen: Frozen,
    spec: SpotlightSpec,
    candidate: Candidate,
    spotlight: Spotlight,
    cells: Sequence[Cell],
    link_for: LinkFor,
    links: Links,
) -> SpotlightView:
    language = frozen.spec.language
    full = spec.text == "full" and candidate.text.strip()
    picture = frozen.pictures.get(candidate.picture) if candidate.picture else None
    return SpotlightView(
        service=candidate.name,
        enterprise=candidate.enterprise_name,
        municipality=candidate.municipality,
        category=CATEGORIES[candidate.category].label(language)
        if candidate.category in CATEGORIES
        else candidate.category,
        delivery=had_as(candidate.forms, language),
        # Under the heading of the service, which stands under that of the block, if it has one.
        text_html=markdown_to_html(candidate.text, link_for, 4 if spec.title else 3)
        if full
        else paragraph(candidate.summary),
        text=markdown_to_text(candidate.text, link_for) if full else candidate.summary,
        picture_url=links.picture(picture.digest, picture.suffix) if picture else None,
        picture_alt=candidate.picture_alt,
        url=link_for(links.service(candidate.slug)),
        share_reason=_share_reason(candidate, cells, language),
    )


def _named(blocks: tuple[BlockView, ...], language: str) -> tuple[BlockView, ...]:
    """Tell services of one name apart by their enterprises: their links would be taken for the same."""
    names = Counter(spotlight.service.casefold() for block in blocks for spotlight in block.spotlights)

    def named(spotlight: SpotlightView) -> SpotlightView:
        alone = names[spotlight.service.casefold()] == 1
        name = spotlight.service if alone else _AT[language].format(spotlight.service, spotlight.enterprise)
        return replace(spotlight, named=name)

    return tuple(replace(block, spotlights=tuple(map(named, block.spotlights))) for block in blocks)


def _pictures(frozen: Frozen, links: Links) -> tuple[PictureView, ...]:
    kept = ((picture, frozen.pictures.get(picture.file)) for picture in frozen.spec.pictures)
    return tuple(
        PictureView(links.picture(found.digest, found.suffix), picture.alt, picture.caption)
        for picture, found in kept
        if found
    )


def _event(frozen: Frozen, event: EventSpec, link_for: LinkFor, links: Links) -> EventView:
    language, sender = frozen.spec.language, frozen.sender
    at = event.register_at or sender.reply_to or sender.email or sender.from_address
    on_the_web = at.lower().startswith("https://")
    day, hours = _when(event.starts.astimezone(BRUSSELS), event.ends.astimezone(BRUSSELS), language)
    subject = quote(_REGISTER[language].format(frozen.spec.title), safe="")
    return EventView(
        day=day,
        hours=hours,
        place=event.place,
        address=event.address,
        host=event.host,
        register_url=link_for(at) if on_the_web else f"mailto:{at}?subject={subject}",
        register_at=link_for(at) if on_the_web else at,
        register_by=_day(event.register_by, language) if event.register_by else "",
        calendar_url=link_for(links.calendar(frozen.spec.name)),
        programme=tuple(event.programme),
    )


def _when(starts: datetime, ends: datetime, language: str) -> tuple[str, str]:
    """Say a time in two pieces, day and hours; over several days the hours name the days again."""
    opens, closes = (f"{moment:%H.%M}" if language == "nl" else f"{moment:%H:%M}" for moment in (starts, ends))
    if starts.date() == ends.date():
        return _day(starts, language), _HOURS[language].format(opens, closes)
    days = (_day(starts, language), _day(ends, language))
    return days[0], _UNTIL[language].format(days[0], opens, days[1], closes)


def _day(day: date, language: str) -> str:
    form, locale = _DAY[language]
    return format_date(day, form, locale=locale)


def _share_reason(candidate: Candidate, cells: Sequence[Cell], language: str) -> str:
    """Say why a cohort is shown a service: only what holds for every one of its members."""
    reasons = []
    if cells and all(province and candidate.serves(province) for province, _ in cells):
        place = _province(cells, language) or _YOUR_PROVINCE[language]
        reasons.append(_WORKS_IN[language].format(place))
    if candidate.sectors_2025 and all(section and candidate.suits(section) for _, section in cells):
        reasons.append(_FITS[language])
    return _JOINED[language].join(reasons)


def _link_for(content: Content, links: Links, block: str) -> LinkFor:
    def link_for(address: str) -> str:
        code = content.codes.get((block, address))
        return links.tracked(code) if code else address

    return link_for


def _province(cells: Sequence[Cell], language: str) -> str:
    provinces = {province for province, _ in cells}
    only = PROVINCES.get(next(iter(provinces)) or "") if len(provinces) == 1 else None
    if only is None:
        return ""
    return only.name_en if language == "en" else only.name_nl


def _sector(cells: Sequence[Cell], language: str) -> str:
    sections = {section for _, section in cells}
    only = next(iter(sections)) if len(sections) == 1 else None
    return section_label(2025, only, language) if only else ""

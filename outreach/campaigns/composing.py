"""From the frozen copy and a cohort's content to the model that a template renders. No file and no row is read here."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from outreach.belgium.places import PROVINCES
from outreach.belgium.sectors import section_label
from outreach.campaigns.content import CLOSING, INTRO, Block, Content, Spotlight
from outreach.campaigns.frozen import Frozen
from outreach.campaigns.spec import SpotlightSpec
from outreach.catalogue.categories import CATEGORIES, FORM_LABELS
from outreach.catalogue.matching import Candidate, Cell
from outreach.emails.markdown import LinkFor, markdown_to_html, markdown_to_text
from outreach.emails.model import BlockView, MailModel, MergeFields, SpotlightView, greeting_for
from outreach.links import NOBODY, Links
from outreach.models import DeliveryForm

_JOINED = {"nl": " en ", "en": " and "}
_WORKS_IN = {"nl": "werkt in {}", "en": "works in {}"}
_YOUR_PROVINCE = {"nl": "uw provincie", "en": "your province"}
_FITS = {"nl": "past bij uw sector", "en": "suits your sector"}
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
    intro, closing = _link_for(content, links, INTRO), _link_for(content, links, CLOSING)
    return MailModel(
        language=language,
        title=spec.title,
        subject=spec.subject,
        preheader=spec.preheader,
        intro_html=markdown_to_html(spec.intro, intro),
        intro_text=markdown_to_text(spec.intro, intro),
        blocks=tuple(
            _block(frozen, block_spec, block, cells, content, links)
            for block_spec, block in zip(spec.spotlights, content.blocks, strict=True)
        ),
        closing_html=markdown_to_html(spec.closing, closing),
        closing_text=markdown_to_text(spec.closing, closing),
        sender=frozen.sender.shown(),
        province=_province(cells, language),
        sector=_sector(cells, language),
        view_url=view_url,
        brand=frozen.sender.brand,
        tagline=frozen.sender.tagline,
    )


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
        unsubscribe_url=links.opt_out(NOBODY),
        preferences_url=links.preferences(NOBODY),
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
        delivery=", ".join(FORM_LABELS[DeliveryForm(form)][language == "en"] for form in candidate.forms),
        text_html=markdown_to_html(candidate.text, link_for, 4)
        if full
        else Markup("<p>{}</p>").format(candidate.summary),
        text=markdown_to_text(candidate.text, link_for) if full else candidate.summary,
        picture_url=links.picture(picture.digest, picture.suffix) if picture else None,
        picture_alt=candidate.picture_alt,
        url=link_for(links.service(candidate.slug)),
        share_reason=_share_reason(candidate, cells, language),
    )


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

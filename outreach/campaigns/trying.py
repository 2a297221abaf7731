"""A template tried on invented content: with everything there is, and with as little as there can be."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from outreach.campaigns.composing import sample_fields
from outreach.emails.checking import Finding, Severity, findings
from outreach.emails.model import (
    BlockView,
    EventView,
    MailModel,
    MergeFields,
    PictureView,
    QuoteView,
    Sender,
    SpotlightView,
)
from outreach.emails.rendering import Rendered, Renderer, RenderError
from outreach.emails.templates import TemplateSource
from outreach.links import Links

_SENDER = Sender(
    "Federatie Voorbeeld",
    "Voorbeeldstraat 1, 9000 Gent",
    "1999.000.150",
    "nieuws@federatie.example",
    "https://federatie.example",
)
_TEXT = "Een ploeg van zes onderhoudt het groen rond uw gebouwen, het hele jaar door."


def try_template(template: TemplateSource, links: Links) -> tuple[Rendered | None, list[Finding]]:
    """Render a template with invented content; return its fullest mail, if it can be made, and what is wrong."""
    renderer, fields = Renderer(template), sample_fields("nl", links)
    full, found = _tried(renderer, full_model(links), fields)
    for model in (sparse_model(links), replace(full_model(links), language="en")):
        found += _tried(renderer, model, fields)[1]
    return full, list(dict.fromkeys(found))


def full_model(links: Links) -> MailModel:
    """Return a model with a value in every field."""
    spotlights = tuple(_spotlight(number, links) for number in (1, 2, 3))
    return MailModel(
        language="nl",
        title="Drie ploegen voor uw bedrijf",
        subject="",
        preheader="Drie diensten in uw buurt",
        intro_html=Markup(
            '<p>Een inleiding met een <a href="https://federatie.example/over?a=1&amp;b=2">link</a>.</p>'
        ),
        intro_text="Een inleiding met een link (https://federatie.example/over?a=1&b=2).",
        blocks=(BlockView("nearby", "In uw buurt", spotlights), BlockView("other", "", spotlights[:1])),
        closing_html=Markup("<p>Tot de volgende keer.</p>"),
        closing_text="Tot de volgende keer.",
        sender=_SENDER,
        province="Oost-Vlaanderen",
        sector="Industrie",
        view_url=f"{links.base}/n/voorbeeld",
        brand="Voorbeeldbrief",
        tagline="wie we zijn, in enkele woorden",
        body_html=Markup("<p>Zo begon het, en zo gaat het verder.</p>"),
        body_text="Zo begon het, en zo gaat het verder.",
        pictures=tuple(_picture(number, links) for number in (8, 9)),
        quote=QuoteView("We zouden niet meer zonder kunnen.", "An Voorbeeld", "zaakvoerder, Voorbeeld nv"),
        event=EventView(
            day="donderdag 20 mei 2027",
            hours="van 13.30 tot 16.00 uur",
            place="Maatwerk Voorbeeld 1 vzw",
            address="Voorbeeldstraat 1, 9000 Gent",
            host="Maatwerk Voorbeeld 1 vzw",
            register_url="mailto:nieuws@federatie.example?subject=Inschrijving",
            register_at="nieuws@federatie.example",
            register_by="donderdag 13 mei 2027",
            calendar_url=links.calendar("voorbeeld"),
            programme=("13.30 uur: ontvangst met koffie", "14 uur: rondleiding"),
        ),
    )


def sparse_model(links: Links) -> MailModel:
    """Return a model that leaves out all that may be missing."""
    return replace(
        full_model(links),
        preheader="",
        intro_html=Markup(""),
        intro_text="",
        blocks=(BlockView("nearby", "", ()),),
        closing_html=Markup(""),
        closing_text="",
        province="",
        sector="",
        brand="",
        tagline="",
        body_html=Markup(""),
        body_text="",
        pictures=(),
        quote=None,
        event=None,
    )


def _picture(number: int, links: Links) -> PictureView:
    return PictureView(links.picture(f"{number:064x}", ".png"), f"Wat er op foto {number} staat", "Een onderschrift.")


def _spotlight(number: int, links: Links) -> SpotlightView:
    return SpotlightView(
        service=f"Groenonderhoud & tuinaanleg {number}",
        enterprise=f"Maatwerk Voorbeeld {number} vzw",
        municipality="Gent",
        category="Groen- en natuuronderhoud",
        delivery="bij de klant (enclave)",
        text_html=Markup("<p>{}</p>").format(_TEXT),
        text=_TEXT,
        # Two with a picture, one without: templates lay them out differently.
        picture_url=links.picture(f"{number:064x}", ".png") if number < 3 else None,
        picture_alt="Een ploeg aan het werk" if number < 3 else "",
        url=links.service(f"groenonderhoud-{number}"),
        share_reason="werkt in Oost-Vlaanderen" if number < 3 else "",
        named=f"Groenonderhoud & tuinaanleg {number}",
    )


def _tried(renderer: Renderer, model: MailModel, fields: MergeFields) -> tuple[Rendered | None, list[Finding]]:
    try:
        rendered = renderer.render(model, fields)
    except RenderError as error:
        where, _, what = str(error).partition(": ")
        return None, [Finding(Severity.ERROR, where, what, "")]
    return rendered, findings(renderer.template, model, rendered, fields)

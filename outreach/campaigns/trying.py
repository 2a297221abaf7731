"""A template tried on invented content: with everything there is, and with as little as there can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from markupsafe import Markup

from outreach.campaigns.composing import sample_fields
from outreach.emails.assembly import Headers, Mailbox, assemble, message_id
from outreach.emails.checking import Checker, Finding, ordered
from outreach.emails.checking.spam import spam_findings
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
from outreach.emails.rendering import Rendered
from outreach.emails.templates import TemplateSource
from outreach.links import NO_ADDRESS, NOBODY, Links

_SENDER = Sender(
    "Federatie Voorbeeld",
    "Voorbeeldstraat 1, 9000 Gent",
    "1999.000.150",
    "nieuws@federatie.example",
    "https://federatie.example",
)
_TEXT = "Een ploeg van zes onderhoudt het groen rond uw gebouwen, het hele jaar door."


def try_template(
    template: TemplateSource, links: Links, programs: Sequence[str] = (), *, spam: bool = False
) -> tuple[Rendered | None, list[Finding]]:
    """Render a template with invented content; return its fullest mail, if it can be made, and what is wrong.

    `programs` are the readers' mail programs (empty: the usual ones); with `spam`, SpamAssassin is asked too.
    """
    checker, named = Checker(template, programs), sample_fields("nl", links)
    full, found = checker.tried(full_model(links), named)
    found = [*checker.source, *found]
    for model, fields in _other_cases(links):
        found += [
            one for one in checker.tried(model, fields)[1] if model.language == "nl" or one.code != "language-read"
        ]
    if spam and full is not None:
        found += spam_findings(_message(full, links), template.file("body.mjml"))
    return full, ordered(found)


def _other_cases(links: Links) -> Iterator[tuple[MailModel, MergeFields]]:
    """Yield what else a template must stand: nothing but the least, no name, the longest values, another language."""
    full, named = full_model(links), sample_fields("nl", links)
    nameless = replace(named, greeting="Beste mevrouw, meneer", first_name="", last_name="")
    longest = replace(
        named, greeting=f"Beste {'Maximiliaan ' * 3}".strip(), company="Vereniging van Belangrijke Ondernemingen " * 3
    )
    untitled = tuple(replace(block, title="") for block in full.blocks)
    long_title = f"{full.title} en voor elk ander in uw straat"
    yield sparse_model(links), nameless
    yield replace(full, language="en", title=long_title, blocks=untitled), longest


def _message(rendered: Rendered, links: Links) -> bytes:
    """Write a mail as it would go out, to nobody."""
    head = Headers(
        sender=Mailbox(_SENDER.email, _SENDER.name),
        recipient=Mailbox(_SENDER.email),
        date=datetime.now(UTC),
        message_id=message_id("check", rendered.subject, "federatie.example", links.key),
        list_id="nieuws.federatie.example",
        unsubscribe_url=links.opt_out(NOBODY, NO_ADDRESS),
        bulk=True,
    )
    return assemble(head, rendered)


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

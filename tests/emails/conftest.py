"""An invented mail to Ann, in whole and in pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from outreach.emails import templates
from outreach.emails.assembly import Headers, Mailbox
from outreach.emails.markdown import markdown_to_html, markdown_to_text
from outreach.emails.model import BlockView, MailModel, MergeFields, Sender, SpotlightView, why_for
from outreach.emails.templates import TemplateSource

FOLDER = Path(__file__).parents[2] / "templates" / "emails"


@pytest.fixture
def folder() -> Path:
    return FOLDER


@pytest.fixture
def spotlight() -> SpotlightView:
    text = "Van geschenkdoos tot display, **vanaf 200 stuks**."
    return SpotlightView(
        service="Verpakken op maat",
        enterprise="De Vlechterij",
        municipality="Roeselare",
        category="Verpakken en co-packing",
        delivery="in het atelier of bij u ter plaatse",
        text_html=markdown_to_html(text, heading=4),
        text=markdown_to_text(text),
        picture_url="https://nieuwsbrief.example/pictures/1.png",
        picture_alt="Dozen op een tafel",
        url="https://nieuwsbrief.example/l/k0x7q2",
        share_reason="actief in West-Vlaanderen",
    )


@pytest.fixture
def model(spotlight: SpotlightView) -> MailModel:
    intro = "Lees eerst [ons stappenplan](https://nieuwsbrief.example/stappenplan)."
    second = replace(spotlight, service="Tuinonderhoud", url="https://nieuwsbrief.example/l/k1x7q2")
    third = replace(spotlight, service="Bekabeling", url="https://nieuwsbrief.example/l/k2x7q2", picture_url=None)
    return MailModel(
        language="nl",
        title="Drie ploegen voor uw piek",
        subject="Drie ploegen voor uw piek",
        preheader="Verpakken en groen in uw buurt",
        intro_html=markdown_to_html(intro),
        intro_text=markdown_to_text(intro),
        blocks=(BlockView("buurt", "In uw buurt", (spotlight, second, third)),),
        closing_html=markdown_to_html("Tot *volgende* maand."),
        closing_text="Tot volgende maand.",
        sender=Sender(
            "Maatwerk Dichtbij vzw",
            "Voorbeeldstraat 12, 8800 Roeselare",
            "0123.456.749",
            "nieuwsbrief@maatwerk-dichtbij.example",
            "https://www.maatwerk-dichtbij.example",
        ),
        province="West-Vlaanderen",
        sector="Industrie",
        view_url="https://nieuwsbrief.example/n/k0x7q2",
        brand="Werk & dichtbij",
        tagline="maatwerk in de buurt",
    )


@pytest.fixture
def ann() -> MergeFields:
    return MergeFields(
        greeting="Beste Ann",
        first_name="Ann",
        last_name="Peeters",
        company="Bakkerij Peeters bv",
        why=why_for("consent", "inschrijfformulier", date(2026, 3, 12)),
        unsubscribe_url="https://nieuwsbrief.example/u/mfzwizltmuqgc3tf",
        preferences_url="https://nieuwsbrief.example/voorkeuren/mfzwizltmuqgc3tf",
    )


@pytest.fixture
def monthly() -> TemplateSource:
    return templates.load(FOLDER, "monthly")


@pytest.fixture
def small() -> Callable[..., TemplateSource]:
    """Make a template of one text, all recipient's fields declared."""

    def make(
        content: str = "", *, body: str | None = None, text: str = "x", subject: str = "s", **parts: str
    ) -> TemplateSource:
        whole = f"<mjml><mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"
        return TemplateSource(
            name="small",
            title="Small",
            description="",
            subject=subject,
            fields=("greeting", "first_name", "last_name", "company"),
            body_mjml=whole if body is None else body,
            body_txt=text,
            parts={f"_parts/{name}.mjml": source for name, source in parts.items()},
        )

    return make


@pytest.fixture
def headers() -> Headers:
    return Headers(
        sender=Mailbox("nieuwsbrief@maatwerk-dichtbij.example", "Maatwerk Dichtbij vzw"),
        recipient=Mailbox("ann@bakkerij.example", "Ann Peeters"),
        reply_to=Mailbox("antwoord@maatwerk-dichtbij.example"),
        date=datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
        message_id="<abc@maatwerk-dichtbij.example>",
        list_id="nieuwsbrief.maatwerk-dichtbij.example",
        list_name="Nieuwsbrief Maatwerk",
        unsubscribe_url="https://nieuwsbrief.maatwerk-dichtbij.example/u/" + "k" * 120,
        unsubscribe_mailto="uit+kk@maatwerk-dichtbij.example",
        feedback_id="12:3:nieuwsbrief:maatwerk",
        bulk=True,
    )

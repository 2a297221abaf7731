"""Photograph the e-mail templates, for the README: `python docs/make_pictures.py FOLDER [--readme]`.

Renders each template with invented content at 640 and 360 px, light and dark and without pictures. With --readme only
the two pictures of the README are made, reduced to a palette.
"""

from __future__ import annotations

import io
import sys
from datetime import date
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, sync_playwright

from outreach.emails import templates
from outreach.emails.markdown import markdown_to_html, markdown_to_text
from outreach.emails.model import BlockView, MailModel, MergeFields, Sender, SpotlightView, greeting_for, why_for
from outreach.emails.rendering import Renderer

# Width, dark, with pictures.
ALL = ((640, False, True), (360, False, True), (640, True, True), (360, True, True), (640, False, False))
README = ((640, False, True), (360, True, True))
ROOT = Path(__file__).parents[1]


def boxes() -> Image.Image:
    """Draw packing: a row of parcels on a table."""
    image, draw = _canvas("#cfe5e1")
    draw.rectangle((0, 500, 1200, 600), fill="#aed3cd")
    draw.ellipse((850, 60, 1050, 260), fill="#f6d38d")
    for x, top, width, colour, band in (
        (90, 250, 260, "#f2b84b", "#fbe6bd"),
        (370, 150, 300, "#ef7f5a", "#f9c9b8"),
        (690, 290, 200, "#fbf7ee", "#7cc6be"),
        (910, 220, 220, "#f2b84b", "#fbe6bd"),
    ):
        draw.rounded_rectangle((x, top, x + width, 500), 16, fill=colour)
        draw.rectangle((x + width * 0.42, top, x + width * 0.58, 500), fill=band)
        draw.rounded_rectangle((x + 24, 430, x + 90, 474), 6, fill="#ffffff")
    draw.rounded_rectangle((40, 500, 1160, 530), 10, fill="#0c3c47")
    draw.rectangle((110, 530, 140, 600), fill="#0c3c47")
    draw.rectangle((1060, 530, 1090, 600), fill="#0c3c47")
    return image


def hills() -> Image.Image:
    """Draw green maintenance: hills, trees and a hedge cut straight."""
    image, draw = _canvas("#f9e3b4")
    draw.ellipse((120, 70, 300, 250), fill="#ef7f5a")
    draw.ellipse((-200, 330, 800, 1000), fill="#7cc6be")
    draw.ellipse((450, 280, 1500, 1000), fill="#3f8f88")
    for x, y, r in ((260, 330, 80), (760, 250, 110), (980, 300, 85)):
        draw.rectangle((x - 10, y, x + 10, y + 200), fill="#5a3a22")
        draw.ellipse((x - r, y - r, x + r, y + r), fill="#0c4a57")
        draw.ellipse((x - r * 0.5, y - r * 0.7, x + r * 0.3, y + r * 0.1), fill="#1a6673")
    draw.rounded_rectangle((60, 470, 1140, 570), 30, fill="#0c3c47")
    for x in range(110, 1120, 90):
        draw.ellipse((x, 507, x + 26, 533), fill="#f2b84b")
    return image


def wires() -> Image.Image:
    """Draw electrical assembly: a board with tracks and parts."""
    image, draw = _canvas("#0c3c47")
    for number, y in enumerate(range(75, 560, 80)):
        bend = 300 + number * 110
        colour = ("#7cc6be", "#f2b84b", "#ef7f5a")[number % 3]
        draw.line((0, y, bend, y, bend + 90, y + 60, 1200, y + 60), fill=colour, width=12, joint="curve")
        draw.ellipse((bend - 24, y - 24, bend + 24, y + 24), fill=colour)
        draw.ellipse((bend - 10, y - 10, bend + 10, y + 10), fill="#0c3c47")
    draw.rounded_rectangle((440, 170, 760, 430), 20, fill="#fbf7ee")
    draw.rounded_rectangle((490, 220, 710, 380), 12, fill="#0c4a57")
    for x in range(470, 740, 50):
        draw.rectangle((x, 140, x + 18, 172), fill="#f2b84b")
        draw.rectangle((x, 428, x + 18, 460), fill="#f2b84b")
    return image


def _canvas(colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (1200, 600), colour)
    return image, ImageDraw.Draw(image)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


INTRO = """Een drukke maand voor de boeg? Deze drie **maatwerkbedrijven in uw buurt** nemen werk van u over: van een \
eenmalige piek tot een vaste ploeg op uw eigen vloer.

U vraagt vrijblijvend een voorstel aan. Meestal krijgt u binnen twee werkdagen antwoord. Hoe zo'n samenwerking begint, \
leest u in [ons stappenplan voor een eerste opdracht](https://nieuwsbrief.example/stappenplan)."""
CLOSING = """Werkt u al samen met een maatwerkbedrijf? **Antwoord op deze mail** en vertel ons wat goed gaat en wat \
beter kan. Elk antwoord wordt gelezen."""

WORDS = (
    (
        "Verpakken en etiketteren op maat",
        "De Vlechterij",
        "Roeselare",
        "Verpakken en co-packing",
        "in het atelier of bij u ter plaatse",
        "Van geschenkdoos tot display: een ploeg van twintig mensen verpakt, etiketteert en controleert uw producten. "
        "Ook **kleine reeksen vanaf 200 stuks**, met levering binnen de week.",
        "Kleurrijke dozen op een inpaktafel",
        boxes,
    ),
    (
        "Onderhoud van bedrijfstuinen",
        "Groenspoor",
        "Tielt",
        "Groen- en natuuronderhoud",
        "bij u ter plaatse, het hele jaar door",
        "Maaien, hagen scheren en bloemenweides aanleggen zonder pesticiden, volgens een jaarplan dat u mee opstelt.",
        "Een strak geschoren haag voor groene heuvels",
        hills,
    ),
    (
        "Bekabeling en elektromontage",
        "Draadwerk",
        "Izegem",
        "Elektromontage",
        "in het atelier, als onderaanneming",
        "Kabelbomen, schakelkasten en printplaten, gemonteerd en getest volgens uw tekening en uw keuringsplan.",
        "Een printplaat met gekleurde banen",
        wires,
    ),
)


DRAWN = {words[-1].__name__: _png(words[-1]()) for words in WORDS}


def model(count: int) -> MailModel:
    """Build an invented mail with so many services."""
    views = tuple(
        SpotlightView(
            *(service, enterprise, town, category, delivery),
            text_html=markdown_to_html(text, heading=4),
            text=markdown_to_text(text),
            picture_url=f"https://pictures.example/{draw.__name__}.png",
            picture_alt=alt,
            url=f"https://nieuwsbrief.example/l/k{number}x7q2",
            share_reason="actief in West-Vlaanderen en geschikt voor de industrie",
        )
        for number, (service, enterprise, town, category, delivery, text, alt, draw) in enumerate(WORDS[:count])
    )
    title = "Drie ploegen die uw piek opvangen" if count > 1 else "Uw verpakkingen, zonder zorgen klaar"
    sender = Sender(
        "Maatwerk Dichtbij vzw",
        "Voorbeeldstraat 12, 8800 Roeselare",
        "0123.456.749",
        "nieuwsbrief@maatwerk-dichtbij.example",
        "https://www.maatwerk-dichtbij.example",
    )
    return MailModel(
        *("nl", title, title, "Verpakken, groenonderhoud en elektromontage door maatwerkbedrijven in uw buurt."),
        intro_html=markdown_to_html(INTRO),
        intro_text=markdown_to_text(INTRO),
        blocks=(BlockView("buurt", "In de kijker in uw buurt" if count > 1 else "", views),),
        closing_html=markdown_to_html(CLOSING),
        closing_text=markdown_to_text(CLOSING),
        sender=sender,
        province="West-Vlaanderen",
        sector="Industrie",
        view_url="https://nieuwsbrief.example/n/k0x7q2",
        brand="Werk dat past",
        tagline="bedrijven en maatwerk, dicht bij elkaar",
    )


def merge_fields() -> MergeFields:
    """Invent a recipient."""
    why = why_for("consent", "inschrijfformulier op onze website", date(2026, 3, 12))
    return MergeFields(
        *(greeting_for("Ann", "Peeters", "personal"), "Ann", "Peeters", "Bakkerij Peeters bv"),
        why=why,
        unsubscribe_url="https://nieuwsbrief.example/u/mfzwizltmuqgc3tf",
        preferences_url="https://nieuwsbrief.example/voorkeuren/mfzwizltmuqgc3tf",
    )


def photograph(browser: Browser, html: str, file: Path, width: int, *, dark: bool, pictures: bool, height: int) -> None:
    """Save a picture of a mail; 0 stands for its whole height."""
    page = browser.new_page(
        viewport={"width": width, "height": height or 800},
        color_scheme="dark" if dark else "light",
        device_scale_factor=1 if width > 400 else 1.5,
    )
    page.route(
        "https://pictures.example/*",
        lambda route: (
            route.fulfill(body=DRAWN[Path(route.request.url).stem], content_type="image/png")
            if pictures
            else route.abort()
        ),
    )
    page.set_content(html, wait_until="load")
    page.screenshot(path=file, full_page=not height)
    page.close()


def main(folder: Path, *, readme: bool) -> None:
    """Make the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, count in (("monthly", 3), ("spotlight", 1)):
            rendered = Renderer(templates.load(ROOT / "templates" / "emails", name)).render(
                model(count), merge_fields()
            )
            if readme and name != "monthly":
                continue
            for width, dark, pictures in README if readme else ALL:
                kind = f"{name}-{width}" + "-dark" * dark + "-bare" * (not pictures)
                file = folder / (f"newsletter-{'desktop' if width > 400 else 'phone'}.png" if readme else f"{kind}.png")
                height = 1500 if readme else 0
                photograph(browser, rendered.html, file, width, dark=dark, pictures=pictures, height=height)
                if readme:
                    Image.open(file).convert("RGB").quantize(128).save(file, optimize=True)
            if not readme:
                (folder / f"{name}.html").write_text(rendered.html)
                (folder / f"{name}.txt").write_text(rendered.text)
            print(name, len(rendered.html.encode()), "bytes of HTML")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), readme="--readme" in sys.argv)

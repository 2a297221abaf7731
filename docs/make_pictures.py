"""Photograph the e-mail templates: `python docs/make_pictures.py FOLDER [--all]`, or `make pictures`.

Renders each template with an invented mail, 640 and 360 pixels wide, light and dark, as small PNG files. With --all
also without pictures, and with both parts of the mail beside them.
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Route, sync_playwright

from outreach.emails import templates
from outreach.emails.markdown import markdown_to_html, markdown_to_text
from outreach.emails.model import (
    BlockView,
    EventView,
    MailModel,
    MergeFields,
    PictureView,
    QuoteView,
    Sender,
    SpotlightView,
    greeting_for,
    why_for,
)
from outreach.emails.rendering import Renderer

# Width, dark, with pictures.
SHOWN = ((640, False, True), (360, False, True), (640, True, True), (360, True, True))
BARE = ((640, False, False), (360, True, False))
COLOURS = 64
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
SINGLE_INTRO = """Weer een avond dozen plooien omdat de bestelling sneller kwam dan verwacht? In Roeselare staat een \
ploeg klaar die dat van u overneemt, ook voor één keer."""
INVITATION_INTRO = """Hoe ziet het eruit als twintig mensen uw verpakkingen klaarmaken? Kom kijken. De Vlechterij \
opent een namiddag lang de deuren voor **bedrijven uit West-Vlaanderen**.

U ziet de ploegen aan het werk, spreekt met bedrijven die er al klant zijn, en legt uw eigen vraag voor."""
INVITATION_BODY = """Het atelier is volledig op de begane grond en er is parking voor de deur. Kunt u niet komen? \
[Vraag een bezoek op een ander moment](https://nieuwsbrief.example/bezoek)."""
STORY_INTRO = """Toen Drukkerij Voorbeeld in één week 12 000 mailings moest vouwen, belde ze naar De Vlechterij. Twee \
jaar later werken zes mensen er elke dag mee aan de afwerking."""
STORY_BODY = """## Klein beginnen

Het begon met één palet. De ploeg vouwde, stak in en telde na. *Eén doos kwam terug*, zegt de drukkerij, *en die was \
van ons*.

## Wat het opleverde

- **Pieken opgevangen** zonder uitzendkrachten of avondwerk
- **Eén vast aanspreekpunt**, dat ook het transport regelt
- **Zes vaste jobs** voor mensen die elders geen kans kregen

Wilt u weten wat zo'n eerste palet kost? [Reken het uit met ons voorbeeld](https://nieuwsbrief.example/rekenen)."""
STORY_CLOSING = """Hebt u zelf een verhaal? **Antwoord op deze mail.** We komen graag langs."""
LETTER_INTRO = """Vorige maand vroeg u op de beurs in Kortrijk of een maatwerkbedrijf ook kleine reeksen aankan. Ik \
beloofde het na te vragen.

Het antwoord is ja. Drie ateliers in uw provincie nemen opdrachten aan vanaf 200 stuks, en twee ervan komen eerst \
bij u kijken. Ik zette voor u op een rij [wie wat doet en vanaf welk aantal](https://nieuwsbrief.example/kleine-reeksen).

Zal ik u met een van hen in contact brengen? Antwoord gewoon op deze mail, of bel mij op \
[051 00 00 00](tel:+3251000000)."""
LETTER_CLOSING = """Met vriendelijke groet

Els Voorbeeld\\
Maatwerk Dichtbij"""

WORDS = (
    (
        "Verpakken en etiketteren op maat",
        "De Vlechterij",
        "Roeselare",
        "Verpakken en co-packing",
        "in hun atelier of bij u ter plaatse",
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
        "bij u ter plaatse",
        "Maaien, hagen scheren en bloemenweides aanleggen zonder pesticiden, volgens een jaarplan dat u mee opstelt.",
        "Een strak geschoren haag voor groene heuvels",
        hills,
    ),
    (
        "Bekabeling en elektromontage",
        "Draadwerk",
        "Izegem",
        "Elektromontage",
        "in hun atelier of in onderaanneming",
        "Kabelbomen, schakelkasten en printplaten, gemonteerd en getest volgens uw tekening en uw keuringsplan.",
        "Een printplaat met gekleurde banen",
        wires,
    ),
)

DRAWN = {words[-1].__name__: _png(words[-1]()) for words in WORDS}
SENDER = Sender(
    "Maatwerk Dichtbij vzw",
    "Voorbeeldstraat 12, 8800 Roeselare",
    "1999.000.150",
    "nieuwsbrief@maatwerk-dichtbij.example",
    "https://www.maatwerk-dichtbij.example",
)


def mail(
    title: str, preheader: str, intro: str, closing: str, *, title_of_block: str = "", count: int = 0
) -> MailModel:
    """Build an invented mail with so many services."""
    views = tuple(spotlight(number) for number in range(count))
    return MailModel(
        *("nl", title, title, preheader),
        intro_html=markdown_to_html(intro),
        intro_text=markdown_to_text(intro),
        blocks=(BlockView("buurt", title_of_block, views),) if views else (),
        closing_html=markdown_to_html(closing),
        closing_text=markdown_to_text(closing),
        sender=SENDER,
        province="West-Vlaanderen",
        sector="Industrie",
        view_url="https://nieuwsbrief.example/n/k0x7q2",
        brand="Werk dat past",
        tagline="bedrijven en maatwerk, dicht bij elkaar",
    )


def spotlight(number: int) -> SpotlightView:
    """Build an invented service; they repeat after the third."""
    service, enterprise, town, category, delivery, text, alt, draw = WORDS[number % len(WORDS)]
    return SpotlightView(
        *(service, enterprise, town, category, delivery),
        text_html=markdown_to_html(text, heading=4),
        text=markdown_to_text(text),
        picture_url=f"https://pictures.example/{draw.__name__}.png",
        picture_alt=alt,
        url=f"https://nieuwsbrief.example/l/k{number}x7q2",
        share_reason="werkt in West-Vlaanderen en past bij uw sector",
        named=service,
    )


def sample_mails() -> dict[str, MailModel]:
    """Build an invented mail for each shipped template, by its name."""
    event = EventView(
        day="donderdag 20 mei 2027",
        hours="van 13.30 tot 16.00 uur",
        place="Atelier De Vlechterij",
        address="Voorbeeldstraat 40, 8800 Roeselare",
        host="De Vlechterij, maatwerkbedrijf",
        register_url="https://nieuwsbrief.example/l/m1x7q2",
        register_at="https://nieuwsbrief.example/l/m1x7q2",
        register_by="donderdag 13 mei 2027",
        calendar_url="https://nieuwsbrief.example/l/m2x7q2",
        programme=(
            "13.30 uur: ontvangst met koffie",
            "14 uur: rondleiding door het atelier",
            "15 uur: gesprek met drie klanten en uw vragen",
        ),
    )
    monthly = mail(
        "Drie ploegen die uw piek opvangen",
        "Verpakken, groenonderhoud en elektromontage door maatwerkbedrijven in uw buurt.",
        INTRO,
        CLOSING,
        title_of_block="In de kijker in uw buurt",
        count=3,
    )
    single = mail(
        "Uw verpakkingen, zonder zorgen klaar",
        "Een ploeg van twintig in Roeselare, ook voor kleine reeksen.",
        SINGLE_INTRO,
        CLOSING,
        count=1,
    )
    invitation = replace(
        mail(
            "Kom kijken in het atelier van De Vlechterij",
            "Donderdag 20 mei, 13.30 uur, Roeselare. Inschrijven kan tot 13 mei.",
            INVITATION_INTRO,
            "Tot op donderdag 20 mei!",
        ),
        event=event,
        pictures=(PictureView("https://pictures.example/boxes.png", "Kleurrijke dozen op een inpaktafel"),),
        body_html=markdown_to_html(INVITATION_BODY),
        body_text=markdown_to_text(INVITATION_BODY),
    )
    story = replace(
        mail(
            "Eén palet, en twee jaar later een vaste ploeg",
            "Hoe een drukkerij haar pieken opvangt met zes mensen van De Vlechterij.",
            STORY_INTRO,
            STORY_CLOSING,
            title_of_block="Ook iets voor uw bedrijf?",
            count=1,
        ),
        pictures=(
            PictureView(
                "https://pictures.example/hills.png",
                "Het groene terrein rond de drukkerij",
                "Het terrein van de drukkerij. Ook dat onderhoudt intussen een ploeg.",
            ),
            PictureView(
                "https://pictures.example/wires.png", "Een printplaat met gekleurde banen", "De volgende stap."
            ),
        ),
        quote=QuoteView(
            "We zochten handen voor één week. We vonden collega's die blijven, en die zien wat wij niet meer zien.",
            "Jo Voorbeeld",
            "productieverantwoordelijke, Drukkerij Voorbeeld",
        ),
        body_html=markdown_to_html(STORY_BODY),
        body_text=markdown_to_text(STORY_BODY),
    )
    letter = mail(
        "Ja, ook kleine reeksen", "Drie ateliers in uw provincie, vanaf 200 stuks.", LETTER_INTRO, LETTER_CLOSING
    )
    return {"monthly": monthly, "spotlight": single, "invitation": invitation, "story": story, "letter": letter}


def merge_fields() -> MergeFields:
    """Invent a recipient."""
    why = why_for("consent", "inschrijfformulier op onze website", date(2026, 3, 12))
    return MergeFields(
        *(greeting_for("Ann", "Peeters", "personal"), "Ann", "Peeters", "Bakkerij Peeters bv"),
        why=why,
        unsubscribe_url="https://nieuwsbrief.example/u/mfzwizltmuqgc3tf",
        preferences_url="https://nieuwsbrief.example/voorkeuren/mfzwizltmuqgc3tf",
    )


def photograph(browser: Browser, html: str, file: Path, width: int, *, dark: bool, pictures: bool) -> None:
    """Save a picture of a mail, in as few colours as it can do with; the network is out of reach."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light")
    page.route("**/*", lambda route: answer(route, pictures))
    page.set_content(html, wait_until="load")
    page.screenshot(path=file, full_page=True)
    page.close()
    with Image.open(file) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def answer(route: Route, pictures: bool) -> None:
    name = Path(route.request.url).stem
    if pictures and name in DRAWN and route.request.url.startswith("https://pictures.example/"):
        route.fulfill(body=DRAWN[name], content_type="image/png")
    else:
        route.abort()


def _for_readme(folder: Path) -> None:
    """Cut the tops of two pictures for the README."""
    for kind, shown, height in (("640-light", "desktop", 1500), ("360-dark", "phone", 840)):
        with Image.open(folder / f"monthly-{kind}.png") as image:
            image.crop((0, 0, image.width, height)).save(folder / f"newsletter-{shown}.png", optimize=True)


def main(folder: Path, *, all_ways: bool) -> None:
    """Make the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, model in sample_mails().items():
            rendered = Renderer(templates.load(ROOT / "templates" / "emails", name)).render(model, merge_fields())
            for width, dark, pictures in (*SHOWN, *(BARE if all_ways else ())):
                kind = f"{name}-{width}-{'dark' if dark else 'light'}" + "-bare" * (not pictures)
                photograph(browser, rendered.html, folder / f"{kind}.png", width, dark=dark, pictures=pictures)
            if name == "monthly":
                _for_readme(folder)
            if all_ways:
                (folder / f"{name}.html").write_text(rendered.html)
                (folder / f"{name}.txt").write_text(rendered.text)
            print(f"{name}: {len(rendered.html.encode()):,} bytes of HTML")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), all_ways="--all" in sys.argv)

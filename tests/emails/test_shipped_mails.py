"""The shipped templates as whole mails: for SpamAssassin, axe-core, a parser, and forced dark screens."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from types import ModuleType

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from outreach.emails import markup, templates
from outreach.emails.assembly import Attachment, Headers, assemble
from outreach.emails.calendar import Appointment, write_calendar
from outreach.emails.model import BlockView, MailModel, MergeFields, greeting_for
from outreach.emails.rendering import Rendered, render

ROOT = Path(__file__).parents[2]
NAMES = ("invitation", "letter", "monthly", "spotlight", "story")
WIDTHS, SCHEMES = (320, 640), ("light", "dark")
# All of WCAG 2.2 AA that a program can see, and what axe calls best practice.
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
LOOK = {"runOnly": RULES, "resultTypes": ["violations"]}  # of what is right only the rules, not every place
LONG = "Arbeidsongeschiktheidsverzekeringsdocumentendigitalisering"


def _invented() -> ModuleType:
    """Load the invented mails that the pictures of the docs are made of."""
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INVENTED = _invented()
ANN: MergeFields = INVENTED.merge_fields()
MAILS: dict[str, MailModel] = INVENTED.sample_mails()


def usual(name: str) -> tuple[MailModel, MergeFields]:
    return MAILS[name], ANN


def crowded(name: str) -> tuple[MailModel, MergeFields]:
    """Six services, very long names, nobody's name, and a sender with a long one."""
    spotlights = tuple(
        replace(INVENTED.spotlight(number), service=f"{LONG} {number} op maat", named=f"{LONG} {number} bij {LONG}")
        for number in range(6)
    )
    spotlights = (replace(spotlights[0], enterprise=LONG * 2, municipality="Sint-Katelijne-Waver"), *spotlights[1:])
    spotlights = (*spotlights[:5], replace(spotlights[5], picture_url=None, share_reason="", delivery=""))
    sender = replace(
        MAILS[name].sender, name=f"Vereniging zonder winstoogmerk {LONG}", email=f"{LONG.lower()}@x.example"
    )
    model = replace(
        MAILS[name], blocks=(BlockView("a", f"Blok {LONG}", spotlights),), sender=sender, title=f"{LONG} nu"
    )
    return model, replace(ANN, greeting=greeting_for("", "", "role"), why=f"{ANN.why} {LONG}")


def bare(name: str) -> tuple[MailModel, MergeFields]:
    """No services, no province, no preheader, no line under the mark."""
    model = replace(MAILS[name], blocks=(), province="", sector="", preheader="", tagline="", brand="")
    return model, replace(ANN, greeting=greeting_for("", "", "role"))


CASES = (usual, crowded, bare)


def made(name: str, case=usual) -> Rendered:
    return render(templates.load(ROOT / "templates" / "emails", name), *case(name))


def message(name: str, headers: Headers, case=usual) -> bytes:
    starts = datetime(2027, 5, 20, 11, 30, tzinfo=UTC)
    visit = Appointment(
        *("visit@maatwerk.example", 0, datetime(2027, 4, 20, tzinfo=UTC), starts, starts + timedelta(hours=2)),
        *("Kom kijken", "Roeselare", "Een bezoek", "Maatwerk", "nieuwsbrief@maatwerk-dichtbij.example"),
    )
    entry = Attachment("bezoek.ics", "text/calendar; method=PUBLISH", write_calendar(visit))
    # A Message-ID of the length that ours have.
    full = replace(headers, date=datetime.now(UTC), message_id=f"<{'m' * 32}@maatwerk-dichtbij.example>")
    return assemble(full, made(name, case), (entry,) if name == "invitation" else ())


@pytest.mark.spamassassin
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_spamassassin_finds_nothing_in_a_mail(spamassassin: str, headers: Headers, name: str, case) -> None:
    ran = subprocess.run(
        [spamassassin, "-L", "-t", "--cf=use_bayes 0"],
        input=message(name, headers, case),
        capture_output=True,
        timeout=120,
        check=True,
    )
    report = ran.stdout.decode(errors="replace").partition("Content analysis details:")[2]
    hits = {rule: float(score) for score, rule in re.findall(r"^ ?(-?\d+\.\d) ([A-Z][A-Z0-9_]+) ", report, re.M)}
    assert "HTML_MESSAGE" in hits, report
    named = re.compile(r"MISSING_\w+|MIME_HTML_ONLY|MPART_ALT_DIFF\w*|HTML_FONT_LOW_CONTRAST")
    assert [rule for rule, score in hits.items() if named.fullmatch(rule) or score > 0.5] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_the_parser_of_the_standard_library_finds_no_defect(headers: Headers, name: str, case) -> None:
    parsed = message_from_bytes(message(name, headers, case), policy=policy.default)
    for part in parsed.walk():
        assert part.defects == []
        for header in part.values():
            assert not getattr(header, "defects", ())
    wanted = ["text/plain", "text/html"] + ["text/calendar"] * (name == "invitation")
    assert [part.get_content_type() for part in parsed.walk() if not part.is_multipart()] == wanted


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_both_parts_say_the_same_words_and_lead_to_the_same_places(name: str, case) -> None:
    rendered = made(name, case)
    shown = re.sub(r"<div style=\"display:none[^>]*>.*?</div>", "", rendered.html, count=1)
    alts = " ".join(re.findall(r'\balt="([^"]*)"', shown))
    in_html = set(re.findall(r"\w+", markup.text_of(shown) + " " + alts))
    in_text = set(re.findall(r"\w+", re.sub(r"https?://\S+|\(\+\d+\)", "", rendered.text)))
    # The words that name a thing in only one of the two: what stands beside a picture, an address, or in a table.
    names = {"Foto", "dit", "bericht", "bijlage", "zit", "deze", "afspraak", "mail", "ook", "als", "bij", "de"}
    names |= {"Wie", "Neem", "contact", "op", "over", "Meer", "Waar", "per", "e", "in"}
    pictures = set(
        re.findall(r"\w+", " ".join(spotlight.picture_alt for b in MAILS[name].blocks for spotlight in b.spotlights))
    )
    categories = set(re.findall(r"\w+", "www http https " + MAILS[name].sender.website))
    if case is crowded:
        pictures |= set(re.findall(r"\w+", alts))
    assert in_html - in_text - names - pictures - categories == set()
    assert in_text - in_html - names - categories == set()
    links = {link for link in markup.links_in(rendered.html) if not link.startswith("mailto:")}
    assert all(link in rendered.text or link.removeprefix("tel:+32") != link for link in links)
    assert set(re.findall(r"https?://[^\s)]+", rendered.text)) <= links


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_the_text_part_keeps_to_its_width(name: str, case) -> None:
    for line in made(name, case).text.split("\n"):
        assert len(line) <= 72 or len(line.split()) == 1 or LONG in line or "https://" in line, line


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_a_mail_stays_far_from_where_gmail_cuts_it_off(name: str, case) -> None:
    assert len(made(name, case).html.encode()) < 80 * 1024


@pytest.mark.parametrize("name", NAMES)
def test_outlooks_word_engine_gets_tables_and_no_background_pictures(name: str) -> None:
    html = made(name).html
    assert "url(" not in html
    assert "<!--[if mso" in html
    assert html.count("<!--[if mso | IE]>") == html.count("<![endif]-->") - html.count("<!--[if mso]>") - html.count(
        "<!--[if lte mso 11]>"
    ) - html.count("<!--<![endif]-->")
    # Every table that only lays out says so; the one that doesn't is a table of facts with its headings.
    for opened in re.finditer(r"<table([^>]*)>", html):
        if 'role="presentation"' not in opened[1]:
            assert "<th" in html[opened.end() : opened.end() + 300]


def opened(browser: Browser, html: str, width: int, scheme: str, *, pictures: bool = True) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.route("**/*", lambda route: INVENTED.answer(route, pictures))
    page.set_content(html)
    return page


@pytest.mark.chromium
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_in_a_mail(running_chromium: Browser, name: str, scheme: str, width: int) -> None:
    # The machine's time is dear: the odd mails where they are most likely to break.
    for case in CASES if (width, scheme) in ((320, "light"), (640, "dark")) else (usual,):
        page = opened(running_chromium, made(name, case).html, width, scheme)
        found = Axe().run(page, options=LOOK).response
        scrolled = page.evaluate("document.documentElement.scrollWidth")
        page.close()
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == [], case.__name__
        assert len(found["passes"]) > 20
        assert scrolled <= width, case.__name__


# What programs do that turn a mail dark by force: invert the lightness of every colour (Gmail on a phone), or darken
# only light grounds and lighten only dark words (Outlook, Gmail on Android). They drop our own dark colours.
FORCED = """(partial) => {
  const hsl = (c) => {
    const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255);
    const [hi, lo] = [Math.max(r, g, b), Math.min(r, g, b)], l = (hi + lo) / 2, d = hi - lo;
    const h = d === 0 ? 0 : hi === r ? ((g - b) / d + 6) % 6 : hi === g ? (b - r) / d + 2 : (r - g) / d + 4;
    return [h * 60, d === 0 ? 0 : d / (1 - Math.abs(2 * l - 1)), l];
  };
  const rgb = ([h, s, l]) => [0, 8, 4].map((n) => {
    const k = (n + h / 30) % 12;
    return l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  });
  const turned = (c, ground) => {
    const [h, s, l] = hsl(c);
    return rgb([h, s, !partial || (ground ? l > 0.5 : l < 0.5) ? 1 - l : l]);
  };
  const light = (c) => c.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const groundOf = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor, parts = c.match(/[\\d.]+/g);
      if (parts.length < 4 || +parts[3] > 0.99) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const pale = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
    if (!words || !e.getClientRects().length) continue;
    const both = [turned(getComputedStyle(e).color, false), turned(groundOf(e), true)];
    const [a, b] = both.map(light).sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) pale.push([words.slice(0, 40), ((a + 0.05) / (b + 0.05)).toFixed(2)]);
  }
  return pale;
}"""


@pytest.mark.chromium
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("partial", [False, True])
def test_a_mail_turned_dark_by_force_can_be_read(running_chromium: Browser, name: str, partial: bool) -> None:
    page = opened(running_chromium, made(name).html, 640, "light")
    pale = page.evaluate(FORCED, partial)
    page.close()
    assert pale == []


@pytest.mark.chromium
@pytest.mark.parametrize("name", NAMES)
def test_the_words_are_large_enough_and_what_is_touched_too(running_chromium: Browser, name: str) -> None:
    page = opened(running_chromium, made(name).html, 360, "light")
    small = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((e) => e.checkVisibility())
          .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.replace(/[\\s\\u00a0]/g, "")))
          .filter((e) => parseFloat(getComputedStyle(e).fontSize) < 16).map((e) => e.textContent.trim())"""
    )
    low = page.evaluate(
        """() => [...document.querySelectorAll(".button a, .touch a")]
          .filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.textContent.trim())"""
    )
    page.close()
    assert small == []
    assert low == []

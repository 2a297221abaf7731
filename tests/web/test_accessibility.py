"""WCAG 2.1 AA as far as programs can see it, in a real browser: the smallest phone and a desktop, light and dark.

axe-core with every rule it has switched on, best practices too, and what it doesn't look at: edges of fields, sizes of
targets, the width of the page.
"""

# ruff: noqa: E501

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from outreach import intake
from outreach.app import App
from outreach.inbox.receiving import Incoming
from outreach.leads import receiving
from outreach.leads.receiving import LeadForm
from outreach.models import Delivery, Lead, OutboxMail
from outreach.register import proposing
from outreach.subscriptions import asking, texts
from tests import world as worlds
from tests.conftest import ROOT
from tests.registry import take_in
from tests.web.conftest import PASSWORD, World

pytestmark = pytest.mark.chromium

# Faults of a page, each in words: what a person who can't see well, or uses only a keyboard, would meet.
EXAMINE = """() => {
  const faults = [];
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, under) => {
    const a = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a));
  };
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      layers.push(colour);
      if (colour.length === 3 || colour[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const contrast = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + .05) / (b + .05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest(".unseen, .skip, .trap, option")) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    const found = contrast(over(rgb(style.color), ground(element)), ground(element));
    if (found < (large ? 3 : 4.5)) faults.push(`contrast ${found.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
  }
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!field.labels.length) faults.push(`no label: ${field.name}`);
    const edge = contrast(rgb(getComputedStyle(field).borderColor), ground(field.parentElement));
    if (edge < 3 && field.checkVisibility() && !field.closest(".trap")) faults.push(`edge ${edge.toFixed(2)}: ${field.name}`);
    for (const id of (field.getAttribute("aria-describedby") || "").split(" ").filter(Boolean))
      if (!document.getElementById(id)) faults.push(`described by nothing: ${id}`);
  }
  for (const picture of document.images) if (!picture.hasAttribute("alt")) faults.push(`no alt: ${picture.src}`);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const now = Number(heading.tagName[1]);
    if (now > level + 1) faults.push(`heading jumps to h${now}: ${heading.textContent}`);
    level = now;
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title) faults.push("no title");
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id twice: ${id}`);
  for (const one of document.querySelectorAll("a, button, summary"))
    if (!one.textContent.trim() && !one.getAttribute("aria-label")) faults.push(`no name: ${one.outerHTML.slice(0, 80)}`);
  for (const one of document.querySelectorAll("button, .button, select, input:not([type=hidden])"))
    if (one.checkVisibility() && !one.closest(".trap, .prefs-trap") && (one.closest("label") || one).getBoundingClientRect().height < 43) faults.push(`small: ${one.outerHTML.slice(0, 80)}`);
  const range = document.createRange();
  for (const text of [...document.querySelectorAll(".numbers span")].map((one) => one.firstChild))
    for (const word of text.data.matchAll(/\\S+/g)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      if (range.getClientRects().length > 1) faults.push(`cut: ${word[0]}`);
    }
  if (document.documentElement.scrollWidth > innerWidth) faults.push(`wider than the screen: ${[...document.querySelectorAll("body *")].filter((one) => one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 60))}`);
  return faults;
}"""


TILES = """labels => {
  const list = document.createElement("ol");
  list.className = "numbers funnel";
  for (const label of labels) {
    const tile = list.appendChild(document.createElement("li"));
    tile.appendChild(document.createElement("strong")).textContent = "6.052";
    tile.appendChild(document.createElement("span")).textContent = label;
  }
  document.querySelector("main .wrap").append(list);
}"""
TEMPLATES = ROOT / "outreach" / "web" / "templates"


@pytest.fixture(params=[(320, "light"), (1280, "light"), (320, "dark"), (1280, "dark")], ids=str)
def tab(
    request: pytest.FixtureRequest, running_chromium: Browser, site: str, world: World, people: None
) -> Iterator[Page]:
    width, scheme = request.param
    screen = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with running_chromium.new_context(base_url=site, **screen) as context:
        yield context.new_page()


def faults_of(tab: Page, path: str) -> list[Any]:
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    answer = tab.goto(path)
    assert answer is not None
    blocked = [text for text in complaints if "Content Security Policy" in text]
    return [*faults_here(tab), *blocked]


def faults_here(tab: Page) -> list[Any]:
    """Return what our own look and axe-core find on the page that is shown; axe's own list of tags says nothing less."""
    found = Axe().run(tab).response
    assert len(found["passes"]) > 5, "axe-core looked at nothing"
    axe = [f"axe {one['id']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]]
    return [*tab.evaluate(EXAMINE), *axe]


def _lead(app: App, world: World) -> Lead:
    form = LeadForm(service_id=world.service_id, company_name="Peeters", email="els@peeters.example", message="Hoi")
    with app.database.writing() as session:
        return receiving.receive(
            session,
            form,
            code=None,
            links=app.links,
            settings=app.settings,
            now=app.now(),
            simulated=True,
            suppression_key=app.suppression_key,
        )


def test_public_pages_are_accessible(tab: Page, app: App, world: World) -> None:
    lead = _lead(app, world)
    lead_page = app.links.lead(lead.id, lead.secret)
    pages = (
        "/", "/diensten", "/diensten?zoek=groen&provincie=40000", "/diensten?zoek=niets", "/diensten/groenonderhoud",
        "/bedrijven/de-groene-hand", "/diensten/verpakken", "/bedrijven/pakwerk", "/privacy", "/nieuwsbrieven",
        "/toegankelijkheid", "/nergens", "/diensten/vroeger", "/diensten/groenonderhoud/bedankt", app.links.opt_out(world.ann, bytes(16)), lead_page,
    )  # fmt: skip
    assert {path: found for path in pages if (found := faults_of(tab, path))} == {}


def test_the_pages_of_the_newsletter_and_of_its_reader_are_accessible(tab: Page, app: App, world: World) -> None:
    newsletter, own, asked = _reader_links(app, world)
    pages = (
        "/nieuwsbrief", "/nieuwsbrief/verstuurd", "/nieuwsbrief/ingebed", "/voorkeuren", asked, newsletter,
        f"{newsletter}/collega", own, f"{own}/collega", f"{own}/adres", f"{own}/gegevens", f"{own}/wissen",
        f"{own}?gelukt=bewaard",
    )  # fmt: skip
    assert {path: found for path in pages if (found := faults_of(tab, path))} == {}
    tab.goto("/nieuwsbrief")
    tab.click("main form button")
    assert faults_here(tab) == [], "with errors beside the fields"
    tab.goto(asked)
    tab.click("main form button")
    assert faults_here(tab) == [], "once confirmed"
    tab.goto(newsletter)
    tab.click("form[action$='/uit'] button")
    assert faults_here(tab) == [], "once opted out"


def _reader_links(app: App, world: World) -> tuple[str, str, str]:
    """Return Ann's page by her newsletter and by a link mailed to her, and the page that confirms another's sign-up."""
    ours = asking.Ours(app.settings, app.links, app.suppression_key)
    with app.database.writing() as session:
        delivery = session.get_one(Delivery, world.ann)
        assert delivery.address_hash is not None
        newsletter = app.links.preferences(delivery.id, delivery.address_hash)
        asking.link(session, "ann@bedrijf.example", ours, app.now())
        text = texts.keep(session, texts.newsletter(app.settings), app.now())
        form = asking.SignUp("els@peeters.example", "site", text, company_name="Peeters", postcode="9000")
        asking.sign_up(session, form, ours, app.now())
        session.flush()
        sent = "".join(
            message_from_bytes(mail.message, policy=policy.default).get_body(("plain",)).get_content()  # type: ignore[union-attr]
            for mail in session.scalars(select(OutboxMail).order_by(OutboxMail.id))
        )
    own, asked = re.search(r"http\S+/voorkeuren/\S+", sent), re.search(r"http\S+/bevestig/\S+", sent)
    assert own is not None
    assert asked is not None
    return newsletter, own[0], asked[0]


def test_the_form_with_errors_is_accessible_and_the_keyboard_reaches_all_of_it(tab: Page) -> None:
    tab.goto("/diensten/groenonderhoud")
    tab.fill("#person", "Els")
    tab.click("#contact form button")
    assert faults_here(tab) == []
    assert tab.title().startswith("Fout")
    assert tab.input_value("#person") == "Els"
    tab.focus("#message")
    reached = []
    for _ in range(9):
        reached.append(tab.evaluate("document.activeElement.name || document.activeElement.tagName"))
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached
        tab.keyboard.press("Tab")
    assert reached == [
        "message", "wanted_when", "enterprise_number", "company_name", "postcode", "person", "email", "phone", "BUTTON",
    ]  # fmt: skip


@pytest.fixture
def real_campaign(app: App, world: World) -> str:
    with app.database.writing() as session:
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        worlds.add_catalogue(session, app.now())
        worlds.draft(app, session, name="ontwerp")
        numberless = worlds.add_company(session, app.now(), name="Jansen Verpakking nv")
        numberless.enterprise_number, numberless.municipality_nis = None, "44021"
        names = ("Jansen Verpakking", "Jansen")
        entries = [{"enterprise_number": f"19990001{n}0", "name": name} for n, name in enumerate(names)]
        take_in(app, session, *({**entry, "postcode": "9000"} for entry in entries))
        proposing.propose(session, now=app.now())
        name = worlds.sending(app, session).name
    intake.keep(app, [Incoming(b"From: an@bedrijf.example\r\nSubject: Een vraag\r\n\r\nDag\r\n", "x")], source="pipe")
    intake.understand(app)
    return name


def test_staff_pages_are_accessible(tab: Page, real_campaign: str, app: App, world: World) -> None:
    lead = _lead(app, world).id
    assert faults_of(tab, "/staff/login") == []
    tab.fill("#email", "ann@federatie.example")
    tab.fill("#password", PASSWORD)
    tab.click("main button")
    assert tab.url.endswith("/staff/campaigns")
    for path in (
        "/staff/campaigns",
        f"/staff/campaigns/{real_campaign}",
        "/staff/campaigns/ontwerp",
        "/staff/leads",
        "/staff/inbox",
        "/staff/inbox/1",
        "/staff/campaigns/ontwerp/edit",
        "/staff/new-campaign",
        "/staff/reach",
        "/staff/register",
        "/staff/nergens",
        f"/staff/leads/{lead}",
    ):
        assert faults_of(tab, path) == []
    tab.goto("/staff/campaigns/ontwerp")
    labels = re.findall(r'</strong><span>{{ _\("(.+?)"', (TEMPLATES / "staff" / "_report.html").read_text())
    assert "contactmomenten met een maatwerkbedrijf" in labels
    tab.evaluate(TILES, [re.sub(r"%\(\w+\)s", "1.234", label) for label in labels])
    assert tab.evaluate(EXAMINE) == [], "with a report on many companies"

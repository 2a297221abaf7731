"""The main job, from an office's list to a confirmed lead, over real SMTP and HTTP, by what the real messages say."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
import uvicorn
from conftest import Ran

from outreach import jobs, users
from outreach.app import App, open_app
from outreach.belgium.numbers import format_enterprise_number, make_enterprise_number
from outreach.demo.inbox import Mailbox, free_port, running_inbox
from outreach.demo.recipients import hidden_fields, opt_out_address
from outreach.models import Role
from outreach.web.site import create_site

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"

# What Excel writes on a Belgian machine: semicolons, Windows-1252, numbers as it likes them.
CONTACTS = """\
Ondernemingsnr.;Bedrijf;Rechtsvorm;Postcode;NACE 2025;E-mailadres;Voornaam;Naam;Rechtsgrond;Bron;Datum toestemming
{ann};Bouw Dorvoldaal;bv;2070;41.001;info@dorvoldaal.example;;;functioneel adres;website;03/02/2026
{bob};Handel Kestatex;nv;8500;46.190;bob@kestatex.example;Bob;Peereboom;toestemming;beurs Kortrijk;12-05-2026
{cleo};Café Selréstad;bv;9000;56.112;cleo@selrestad.example;Cléo;D'Haene;toestemming;telefonisch;1/6/2026
{dan};Garage Mertadix;;3500;;dan@mertadix.example;Dan;Maes;functioneel adres;website;03/02/2026
{eve};Drukkerij Norgolux;nv;2000;18.120;info@norgolux.example;;;functioneel adres;website;03/02/2026
"""

CATALOGUE = """\
enterprises:
  - name: De Vlinder
    enterprise_number: "{number}"
    postcode: "9100"
    email: leads@devlinder.example
    services:
      - name: Groenonderhoud
        category: green
        forms: [bij de klant]
        provinces: [alle]
        summary: Wij onderhouden uw terrein.
        text: "Met een **vaste** ploeg."
"""

CAMPAIGN = """\
name: voorjaar
title: Voorjaar in uw tuin
template: monthly
segment: iedereen
subject: Groen & proper — uw terrein
send_at: "{send_at}"
intro: "Lees ook [onze pagina](https://www.federatie.example/groen?a=1&b=2#top)."
spotlights:
  - block: groen
    title: In de kijker
    services: [{service}]
"""


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path / "inbox.db")
    yield box
    box.close()


@pytest.fixture
def site(project: Path, mailbox: Mailbox, clock: Callable[[], datetime]) -> Iterator[App]:
    """The project with a relay and a public site that both really listen."""
    smtp, web = free_port(0), free_port(0)
    text = (project / "outreach.toml").read_text().replace("http://news.example", f"http://127.0.0.1:{web}")
    (project / "outreach.toml").write_text(f'{text}\n[relay]\nhost = "127.0.0.1"\nport = {smtp}\n')
    app = open_app(project)
    server = uvicorn.Server(uvicorn.Config(create_site(app), host="127.0.0.1", port=web, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    with running_inbox(mailbox, smtp):
        yield app
    server.should_exit = True
    thread.join(10)
    app.close()


class Page:
    """What the site answered."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.location = response.headers.get("Location", "")
        self.text = response.read().decode()


def ask(method: str, address: str, form: dict[str, str] | None = None) -> Page:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    headers = {"User-Agent": BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, path, urlencode(form) if form is not None else None, headers)
    page = Page(connection.getresponse())
    connection.close()
    return page


def html_of(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("html",))
    assert part is not None
    return str(part.get_content())


def text_of(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain",))
    assert part is not None
    return str(part.get_content())


def write_lists(project: Path) -> None:
    numbers = {
        name: format_enterprise_number(make_enterprise_number(19_970_001 + index))
        for index, name in enumerate(("ann", "bob", "cleo", "dan", "eve"))
    }
    numbers["bob"] = f"BE {numbers['bob']}"
    numbers["cleo"] = numbers["cleo"].replace(".", "")
    (project / "contacten.csv").write_bytes(CONTACTS.format(**numbers).replace("\n", "\r\n").encode("cp1252"))
    (project / "oud.txt").write_text("Bob@Kestatex.example\n")
    enterprise = format_enterprise_number(make_enterprise_number(19_980_001))
    (project / "catalogus.yaml").write_text(CATALOGUE.format(number=enterprise))
    (project / "segments" / "iedereen.yaml").write_text("title: Iedereen\ncompany_status: active\n")


def write_campaign(project: Path, send_at: datetime) -> None:
    local = send_at.isoformat(sep=" ", timespec="seconds")
    (project / "voorjaar.yaml").write_text(CAMPAIGN.format(send_at=local, service="groenonderhoud"))


def add_users(app: App) -> None:
    with app.database.writing() as session:
        for name in ("ann", "bert"):
            email, password = f"{name}@federatie.example", "een heel lang wachtwoord"
            users.add(session, email, name=name.title(), role=Role.TEAM, password=password, now=app.now())


def test_from_a_list_of_companies_to_a_confirmed_lead(
    project: Path, site: App, mailbox: Mailbox, cli: Callable[..., Ran]
) -> None:
    add_users(site)
    write_lists(project)
    assert cli("import", "suppressions", "oud.txt").code == 0
    imported = cli("import", "contacts", "contacten.csv")
    assert imported.code == 1, imported.err  # Dan's company isn't known to be a legal person
    assert "contacten.rejects.csv" in imported.out + imported.err
    assert cli("catalogue", "import", "catalogus.yaml").code == 0
    cleo = "cleo@selrestad.example"
    assert cli("contact", "suppress", cleo, "--reason", "vroeg het aan de telefoon").code == 0

    explained = json.loads(cli("segment", "explain", "iedereen", "--json").out)
    assert (explained["contacts"], explained["mailable"]) == (4, 2)
    write_campaign(project, datetime.now(UTC) + timedelta(seconds=8))
    for step in (("new", "voorjaar.yaml", "--as", "ann"), ("check", "voorjaar"), ("submit", "voorjaar", "--as", "ann")):
        done = cli("campaign", *step)
        assert done.code == 0, done.err
    assert cli("campaign", "approve", "voorjaar", "--as", "ann").code == 1
    for step in (("approve", "voorjaar", "--as", "bert"), ("schedule", "voorjaar", "--as", "bert")):
        done = cli("campaign", *step)
        assert done.code == 0, done.err

    end = time.monotonic() + 60
    while time.monotonic() < end and mailbox.count(campaign=True) < 2:
        jobs.run_due(site)
        time.sleep(0.3)
    mails = {kept.recipient: message for kept, message in mailbox.messages(campaign=True)}
    assert set(mails) == {"info@dorvoldaal.example", "info@norgolux.example"}
    status = json.loads(cli("campaign", "status", "voorjaar", "--json").out)
    assert status["status"] == "sent"

    ann = mails["info@dorvoldaal.example"]
    assert ann["Subject"] == "Groen & proper — uw terrein"
    assert ann["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not ann.defects
    assert "De Vlinder" in html_of(ann)
    assert "De Vlinder" in text_of(ann)
    links = dict.fromkeys(re.findall(rf'href="({re.escape(site.links.base)}/l/[a-z0-9]+)"', html_of(ann)))
    targets = [ask("GET", link).location for link in links]
    assert "https://www.federatie.example/groen?a=1&b=2#top" in targets
    (page,) = [urljoin(site.links.base, target) for target in targets if "/diensten/" in target]

    form = hidden_fields(ask("GET", page).text) | {
        "company_name": "Bouw Dorvoldaal",
        "enterprise_number": format_enterprise_number(make_enterprise_number(19_970_001)),
        "person": "Ann Peereboom",
        "email": "ann@dorvoldaal.example",
        "message": "Wij zoeken iemand voor ons terrein.",
    }
    assert ask("POST", page.partition("?")[0], form).status == 303
    opened = opt_out_address(mails["info@norgolux.example"])
    assert ask("GET", opened).status == 200
    assert json.loads(cli("contact", "show", "info@norgolux.example", "--json").out)
    assert ask("POST", opened, {"List-Unsubscribe": "One-Click"}).status == 200

    jobs.run_due(site)
    other = {kept.recipient: message for kept, message in mailbox.messages(campaign=False)}
    assert set(other) == {"leads@devlinder.example", "info@norgolux.example", "ann@dorvoldaal.example"}
    # What somebody typed goes to the enterprise, and never to the address that somebody typed.
    assert "Wij zoeken" not in text_of(other["ann@dorvoldaal.example"])
    notice = text_of(other["leads@devlinder.example"])
    assert "Wij zoeken iemand voor ons terrein." in notice
    (lead_page,) = set(re.findall(rf"{re.escape(site.links.base)}/lead/[0-9a-z.]+[0-9a-z]", notice))
    assert "Bouw Dorvoldaal" in ask("GET", lead_page).text
    confirm = hidden_fields(ask("GET", lead_page).text) | {"answer": "confirm", "note": "bezoek gepland"}
    assert ask("POST", lead_page, confirm).status == 303

    report = json.loads(cli("report", "campaign", "voorjaar", "--json").out)
    funnel = report["campaigns"][0]["funnel"]
    assert (funnel["sent"], funnel["leads_confirmed"], funnel["unsubscribed"]) == (2, 1, 1)
    # Nobody who opted out is mailed by the next campaign either.
    counted = json.loads(cli("segment", "count", "iedereen", "--json").out)
    assert counted["by_reason"]["suppressed"] == 3

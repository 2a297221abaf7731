"""The built-in inbox, over real SMTP and real HTTP."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Request

from outreach.belgium.calendar import BRUSSELS
from outreach.demo.inbox import PAGE, Mailbox, free_port, running_inbox
from outreach.demo.inbox_pages import serving

EVIL = "<script>document.title='run'</script>"


@dataclass
class Inbox:
    """A running inbox: where mail goes in, and where it is shown."""

    mailbox: Mailbox
    smtp: int
    pages: str

    def send(self, message: EmailMessage, *recipients: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp) as relay:
            relay.send_message(message, "bounces@federatie.example", recipients or "ann@x.example")

    def get(self, path: str, status: int = 200) -> httpx2.Response:
        answer = httpx2.get(self.pages + path)
        assert answer.status_code == status
        return answer


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    mailbox = Mailbox(tmp_path / "inbox.db")
    smtp, http = free_port(0), free_port(0)
    with running_inbox(mailbox, smtp), serving(mailbox, http):
        shown = Inbox(mailbox, smtp, f"http://127.0.0.1:{http}")
        _answering(shown)
        yield shown
    mailbox.close()


def _answering(inbox: Inbox) -> None:
    httpx2.Client(transport=httpx2.HTTPTransport(retries=20)).get(inbox.pages)


def mail(subject: str = "Werk dat past", html: str | None = "<h1>Dag Ann</h1>", text: str = "Dag Ann") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "nieuws@federatie.example", "ann@x.example", subject
    message["Message-ID"] = make_msgid(domain="federatie.example")
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def test_the_inbox_keeps_a_mail_for_every_recipient_and_shows_all_of_it(inbox: Inbox) -> None:
    message = mail()
    message["List-Unsubscribe"] = "<http://news.example/u/x>"
    inbox.send(message, "ann@x.example", "bob@x.example")
    inbox.send(mail("U bent uitgeschreven", html=None), "cleo@x.example")
    assert (inbox.mailbox.count(), inbox.mailbox.count(campaign=True), inbox.mailbox.count(campaign=False)) == (3, 2, 1)
    listing = inbox.get("/").text
    for part in ("Proefpostvak: 3 mails", "ann@x.example", "bob@x.example", "cleo@x.example", "Werk dat past"):
        assert part in listing
    page = inbox.get("/mail/1").text
    for part in ("ann@x.example", "Dag Ann", "List-Unsubscribe", "/mail/1/html", "/mail/1/source"):
        assert part in page
    assert "<h1>Dag Ann</h1>" in inbox.get("/mail/1/html").text
    assert inbox.get("/mail/1/source").content.startswith(b"From: nieuws@federatie.example")


def test_one_mail_is_one_mail(inbox: Inbox) -> None:
    assert "Proefpostvak: 0 mails" in inbox.get("/").text
    inbox.send(mail())
    assert "<h1>Proefpostvak: 1 mail</h1>" in inbox.get("/").text


def test_mails_are_searched_and_paged(inbox: Inbox) -> None:
    for n in range(PAGE + 1):
        inbox.mailbox.keep("a@x.example", f"p{n}@x.example", mail(f"Onderwerp {n}").as_bytes())
    first, second = inbox.get("/").text, inbox.get("/?page_number=1").text
    assert "Onderwerp 50" in first
    assert "Oudere mails" in first
    assert "Onderwerp 0<" not in first
    assert "Onderwerp 0<" in second
    assert inbox.get("/?search=p7@x").text.count("<li>") == 1
    assert "Niets gevonden" in inbox.get("/?search=niemand").text


def test_times_are_those_of_brussels(inbox: Inbox) -> None:
    inbox.send(mail())
    (kept,) = inbox.mailbox.listed()
    assert kept.at.utcoffset() == timedelta(0)
    assert datetime.now(UTC) - kept.at < timedelta(minutes=5)
    local = f"{kept.at.astimezone(BRUSSELS):%H:%M:%S}"
    for path in ("/", "/mail/1"):
        assert local in inbox.get(path).text
        assert "UTC" not in inbox.get(path).text.split("Als tekst")[0]


def test_a_mail_of_text_only_has_no_empty_frame(inbox: Inbox) -> None:
    inbox.send(mail(html=None, text="Alleen tekst"))
    page = inbox.get("/mail/1").text
    assert "Alleen tekst" in page
    assert "<iframe" not in page
    assert "Zoals de ontvanger" not in page
    inbox.get("/mail/1/html", 404)


def test_a_mail_that_is_not_there_is_not_found(inbox: Inbox) -> None:
    assert "Deze mail is er niet" in inbox.get("/mail/7", 404).text
    inbox.get("/mail/7/html", 404)
    inbox.get("/mail/7/source", 404)


def test_what_a_mail_says_is_never_markup_of_the_page(inbox: Inbox) -> None:
    inbox.send(mail(EVIL, html=None, text=EVIL))
    for path in ("/", "/mail/1", "/?search=" + EVIL):
        assert "<script" not in inbox.get(path).text
    source = inbox.get("/mail/1/source")
    assert source.headers["Content-Type"].startswith("text/plain")
    assert source.headers["X-Content-Type-Options"] == "nosniff"


def test_the_pages_name_no_address_elsewhere_and_their_policy_allows_none(inbox: Inbox) -> None:
    inbox.send(mail())
    for path in ("/", "/mail/1", "/mail/1/html"):
        answer = inbox.get(path)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert all(found.startswith("/") for found in re.findall(r'(?:src|href|action)="([^"]*)"', answer.text))


@pytest.mark.chromium
def test_a_mail_runs_no_script_and_loads_nothing_from_elsewhere(inbox: Inbox, running_chromium: Browser) -> None:
    remote = '<img src="http://tracker.example/pixel.png"><link rel="stylesheet" href="http://tracker.example/a.css">'
    broken = f'<img src="x" onerror="{EVIL[8:-9]}">'
    html = f"<title>mail</title>{EVIL}{remote}{broken}<h1 style='color:red'>Dag</h1>"
    inbox.send(mail(html=html))
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.failure is None or "csp" not in request.failure.lower():
            asked.append(request.url)

    with running_chromium.new_page() as page:
        page.on("requestfinished", note)
        page.goto(inbox.pages + "/mail/1/html")
        assert page.title() == "mail"
        page.goto(inbox.pages + "/mail/1")
        page.wait_for_load_state("networkidle")
        assert page.title() == "Werk dat past"
        frame = page.frames[1]
        assert frame.locator("h1").inner_text() == "Dag"
    assert asked
    assert all(address.startswith(inbox.pages) for address in asked)


@pytest.mark.chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_a_phone_with_values_under_their_labels(
    inbox: Inbox, running_chromium: Browser, scheme: str
) -> None:
    message = mail("Eenwoorddatveeltelangisvooreentelefoonenmoetbrekenoppapier")
    message["X-Een-Kopregel-Met-Een-Naam-Die-Geen-Einde-Kent"] = "w" * 70
    inbox.send(message, "iemand.met.een.lange.naam@een-bedrijf-met-een-lange-naam.example")
    with running_chromium.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme) as page:  # type: ignore[arg-type]
        for path in ("/", "/mail/1"):
            page.goto(inbox.pages + path)
            assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.locator("dd").first.bounding_box()["width"] > 300  # type: ignore[index]
        frame = page.locator("iframe").bounding_box()
        assert frame is not None
        assert (frame["x"], frame["width"]) == (0, 360)

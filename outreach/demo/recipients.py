"""Recipients, scanners and enterprises, played with real HTTP requests that say they are simulated.

Everything they know, they read in the mails that the inbox kept: the links, the address to opt out, the page of a lead.
"""

from __future__ import annotations

import http.client
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from outreach.demo.inbox import KeptMail, Mailbox

SIMULATED = {"X-Outreach-Simulated": "1"}
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
)
# What every browser sends beside its name, and HTTP libraries don't.
AS_BROWSERS_DO = {"Accept-Language": "nl-BE,nl;q=0.9", "Sec-Fetch-Mode": "navigate"}
SCANNER = "BarracudaCentral-LinkScanner/2.4"
NEEDS = (
    "Wij zoeken een vaste partner en horen graag wat dit kost.",
    "Kunt u ons bellen om eens langs te komen?",
    "Voor het voorjaar hebben wij extra handen nodig.",
    "Graag een offerte voor een proefreeks.",
)
WHEN = ("Zo snel mogelijk", "Binnen een maand", "Binnen drie maanden")


@dataclass
class Tally:
    """How often each part was played."""

    scanners: int = 0
    clicks: int = 0
    forms: int = 0
    opt_outs: int = 0
    confirmed: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """What the site answered."""

    status: int
    location: str
    body: str


def ask(
    method: str, address: str, *, agent: str, form: dict[str, str] | None = None, extra: dict[str, str] | None = None
) -> Answer:
    """Send one request and follow nothing."""
    parts = urlsplit(address)
    headers = {"User-Agent": agent, **SIMULATED, **(extra or {})}
    if agent in BROWSERS:
        headers |= AS_BROWSERS_DO
    body = urlencode(form) if form is not None else None
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        return Answer(response.status, response.headers.get("Location", ""), text)
    finally:
        connection.close()


class _Hidden(HTMLParser):
    """Collects the hidden fields of a page's post form, as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden" and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a page."""
    parser = _Hidden()
    parser.feed(page)
    return parser.fields


def links_in(message: EmailMessage, base: str) -> list[str]:
    """Return the tracked links of a mail, each once, in the order of its text."""
    part = message.get_body(preferencelist=("html",))
    html = str(part.get_content()) if part is not None else ""
    found = re.findall(rf'href="({re.escape(base)}/l/[a-z0-9]+)"', html)
    return list(dict.fromkeys(found))


def opt_out_address(message: EmailMessage) -> str:
    """Return the address that a one-click opt-out posts to."""
    return str(message["List-Unsubscribe"]).split(",")[0].strip().strip("<>")


def play(
    mailbox: Mailbox, base: str, *, seed: int, since: int = 0, limit: int, step: Callable[[int], None] = lambda _: None
) -> Tally:
    """Let every so many recipients do what recipients do, `limit` of them at most."""
    chance = random.Random(seed)  # noqa: S311 - the same play every time is the point
    tally = Tally()
    acting = 0
    for kept, message in mailbox.messages(campaign=True):
        draw = chance.random()
        if kept.id <= since or draw > 0.16 or acting >= limit:
            continue
        acting += 1
        links = links_in(message, base)
        if draw < 0.05:
            _scan(links, tally)
        elif draw < 0.15:
            _read(kept, links, chance, tally)
        else:
            _opt_out(message, chance, tally)
        step(1)
    return tally


def _expect(answer: Answer, status: int, what: str, tally: Tally) -> bool:
    if answer.status != status:
        tally.faults.append(f"{what}: answered {answer.status}, not {status}")
    return answer.status == status


def _scan(links: list[str], tally: Tally) -> None:
    for link in links:
        for method in ("HEAD", "GET"):
            _expect(ask(method, link, agent=SCANNER), 302, f"scanner's {method} {link}", tally)
    tally.scanners += 1


def _read(kept: KeptMail, links: list[str], chance: random.Random, tally: Tally) -> None:
    """Follow one or two links as a person does, and sometimes fill in the form behind the last."""
    agent = chance.choice(BROWSERS)
    for link in chance.sample(links, min(len(links), chance.choice((1, 1, 2)))):
        answer = ask("GET", link, agent=agent)
        if not _expect(answer, 302, f"click on {link}", tally):
            return
        tally.clicks += 1
        target = urljoin(link, answer.location)
        if urlsplit(target).netloc != urlsplit(link).netloc:
            continue
        page = ask("GET", target, agent=agent)
        _expect(page, 200, f"page {target}", tally)
        if chance.random() < 0.2 and 'name="company_name"' in page.body:
            _fill_in(kept, target, page, agent, chance, tally)


def _fill_in(kept: KeptMail, target: str, page: Answer, agent: str, chance: random.Random, tally: Tally) -> None:
    name, _, domain = kept.recipient.partition("@")
    form = hidden_fields(page.body) | {
        "company_name": domain.removesuffix(".example").replace("-", " ").title(),
        "enterprise_number": "",
        "postcode": chance.choice(("2000", "3000", "3500", "8000", "9000")),
        "person": name.replace(".", " ").title(),
        "email": kept.recipient,
        "phone": "09 000 00 00",
        "message": chance.choice(NEEDS),
        "wanted_when": chance.choice(WHEN),
    }
    address = target.partition("?")[0]
    if _expect(ask("POST", address, agent=agent, form=form), 303, f"form on {address}", tally):
        tally.forms += 1


def _opt_out(message: EmailMessage, chance: random.Random, tally: Tally) -> None:
    """Opt out: mostly by the mail program's button (RFC 8058), sometimes on the page."""
    address = opt_out_address(message)
    if chance.random() < 0.3:
        _expect(ask("GET", address, agent=BROWSERS[0]), 200, f"page {address}", tally)
    one_click = {"List-Unsubscribe": "One-Click"}
    if _expect(ask("POST", address, agent="", form=one_click), 200, f"opt-out {address}", tally):
        tally.opt_outs += 1


def decide_leads(mailbox: Mailbox, base: str, *, seed: int, tally: Tally) -> None:
    """Let the enterprises confirm or refuse the leads they were mailed about; some wait."""
    chance = random.Random(seed)  # noqa: S311
    for _kept, message in mailbox.messages(campaign=False):
        part = message.get_body(preferencelist=("plain",))
        found = re.search(rf"{re.escape(base)}/lead/[0-9a-z.]+", str(part.get_content()) if part is not None else "")
        draw = chance.random()
        if found is None or draw > 0.8:
            continue
        address = found[0].rstrip(".")
        page = ask("GET", address, agent=BROWSERS[0])
        if not _expect(page, 200, f"page {address}", tally):
            continue
        verdict = "confirm" if draw < 0.65 else "refuse"
        form = hidden_fields(page.body) | {"answer": verdict, "note": "gesimuleerd"}
        answer = ask("POST", address, agent=BROWSERS[0], form=form)
        if answer.status in (200, 303):
            tally.confirmed += verdict == "confirm"
            tally.refused += verdict == "refuse"
        else:
            tally.faults.append(f"decision on {address}: answered {answer.status}")


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.2) -> bool:
    """Wait for `condition`; return whether it came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return condition()

"""The mails that are played with: companies behind one address each, cohorts, links, and the moment of each 250."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

AGENTS = {
    "edge": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0 "
    "Safari/537.36 Edg/{0}.0.0.0",
    "chrome": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0 "
    "Safari/537.36",
    "mac": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0 "
    "Safari/537.36",
    "firefox": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "android": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0 Mobile "
    "Safari/537.36",
    "iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1",
}
SHARES = (("edge", 30), ("chrome", 25), ("mac", 6), ("firefox", 7), ("android", 12), ("iphone", 20))


@dataclass(frozen=True)
class MailedLink:
    """A link of a cohort's mail: its place in the world's list, and whether it is a service's."""

    number: int
    service: bool


@dataclass(frozen=True)
class Mail:
    """A mail as its relay took it, `sent` seconds after the campaign began."""

    company: int
    cohort: int
    links: tuple[MailedLink, ...]
    sent: float
    office: str  # the address that everybody at the company shares
    office_agent: str | None  # the browser that the company's computers have, if they all have the same


@dataclass(frozen=True)
class Knock:
    """One request: `at` in seconds since the campaign began, and what it truly was."""

    at: float
    link: MailedLink
    method: str
    headers: dict[str, str]
    address: str
    human: bool
    family: str


@dataclass(frozen=True)
class World:
    """All mails of a campaign."""

    mails: tuple[Mail, ...]
    cohorts: tuple[tuple[MailedLink, ...], ...]

    def of_company(self, company: int) -> list[Mail]:
        return [mail for mail in self.mails if mail.company == company]


def make_world(chance: Random, companies: int, *, per_second: float = 20.0) -> World:
    """Cut companies into cohorts of 10 to 150, with mails of 5 to 12 links, and send to 1 to 4 contacts of each."""
    cohorts, members, number = [], list[tuple[int, int]](), 0
    while len(members) < companies:
        count = chance.randint(3, 6)
        services = [True] * count
        others = [False] * chance.randint(2, 6)
        links = tuple(MailedLink(number + place, service) for place, service in enumerate(services + others))
        number += len(links)
        size = min(companies - len(members), round(chance.triangular(10, 150, 15)))
        members += [(len(members) + place, len(cohorts)) for place in range(size)]
        cohorts.append(links)
    chance.shuffle(members)
    mails, sent = list[Mail](), 0.0
    for company, cohort in members:
        office = f"81.{company >> 16 & 255}.{company >> 8 & 255}.{company & 255}"
        same = agent_of(chance, "edge") if chance.random() < 0.4 else None
        for _ in range(chance.choices((1, 2, 3, 4), (60, 25, 10, 5))[0]):
            sent += chance.expovariate(per_second)
            mails.append(Mail(company, cohort, cohorts[cohort], sent, office, same))
    return World(tuple(mails), tuple(cohorts))


def agent_of(chance: Random, name: str) -> str:
    version = chance.randint(140, 146) if name == "firefox" else chance.choices((139, 140, 141, 142), (1, 2, 5, 8))[0]
    return AGENTS[name].format(version)


def browser(chance: Random, name: str | None = None, *, agent: str | None = None) -> dict[str, str]:
    """Return the headers of a real browser that opens a link of a mail."""
    name = name or chance.choices([name for name, _ in SHARES], [share for _, share in SHARES])[0]
    language = chance.choice(("nl-BE,nl;q=0.9,en;q=0.8", "nl,en-US;q=0.7", "nl-BE", "fr-BE,fr;q=0.9", "en-US,en;q=0.9"))
    return {
        "user-agent": agent or agent_of(chance, name),
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "accept-language": language,
        "accept-encoding": "gzip, deflate, br, zstd",
        "sec-fetch-mode": "navigate",
        "sec-fetch-site": chance.choice(("none", "cross-site")),
        "upgrade-insecure-requests": "1",
    }


def library(agent: str) -> dict[str, str]:
    """Return the headers of an HTTP library, under whatever name."""
    return {"user-agent": agent, "accept": "*/*", "accept-encoding": "gzip, deflate"}

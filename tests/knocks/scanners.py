"""Families of scanners. Each gets the mails of the companies it watches over, and yields its requests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from .mails import Knock, Mail, MailedLink, agent_of, browser, library
from .playing import Family

HOUR = 3600.0


def _machine(at: float, link: MailedLink, headers: dict[str, str], address: str, method: str = "GET") -> Knock:
    return Knock(at, link, method, headers, address, False, "")


def _after_sending(chance: Random) -> float:
    """Return when a sweep begins, as measured over 836 of them (see the package)."""
    low, high = chance.choices(((2, 10), (10, 20), (20, 60), (60, 300), (300, 1800), (1800, 86400)),
                               (0.5, 2.2, 66.4, 28.3, 1.9, 0.7))[0]  # fmt: skip
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def _cloud(chance: Random, network: str, size: int) -> str:
    return f"{network}.{chance.randrange(size) >> 8}.{chance.randrange(size) & 255}"


def defender(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Detonates the links of a mail in real browsers, all at once, from a few machines of one cloud."""
    for mail in mails:
        if chance.random() > 0.5:
            continue
        begin, agent = mail.sent + _after_sending(chance), agent_of(chance, chance.choice(("edge", "chrome")))
        machines = [_cloud(chance, "40.94", 2000) for _ in range(chance.randint(1, 4))]
        for link in mail.links:
            headers = browser(chance, agent=agent) | {"accept-language": "en-US,en;q=0.9"}
            yield _machine(begin + chance.uniform(0, 0.9), link, headers, chance.choice(machines))


def barracuda(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Opens all links within a second or two, half of the time under its own name."""
    named = chance.random() < 0.5
    for mail in mails:
        begin, address = mail.sent + _after_sending(chance), _cloud(chance, "64.235", 500)
        agent = "BarracudaCentral/1.0" if named else agent_of(chance, "chrome")
        for place, link in enumerate(mail.links):
            yield _machine(begin + place * chance.uniform(0.02, 0.25), link, library(agent), address)


def mimecast(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Opens link after link, about one a second, with a browser's name."""
    for mail in mails:
        at, address = mail.sent + chance.uniform(10, 90), _cloud(chance, "91.220", 300)
        headers = browser(chance, "chrome") | {"accept-language": "en-GB,en;q=0.9"}
        for link in mail.links:
            yield _machine(at, link, headers, address)
            at += chance.uniform(0.6, 1.8)


def proofpoint(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Asks with HEAD, and then opens with an old browser's name, some of the links or all."""
    for mail in mails:
        at, address = mail.sent + chance.uniform(5, 120), _cloud(chance, "67.231", 600)
        agent = (
            f"Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 Chrome/{chance.randint(50, 79)}.0 Safari/537.36"
        )
        headers = library(agent) | {"accept-language": "en-us"}
        for link in chance.sample(mail.links, max(1, round(len(mail.links) * chance.uniform(0.4, 1)))):
            yield _machine(at, link, headers, address, "HEAD")
            at += chance.uniform(0.1, 1.5)
            yield _machine(at, link, headers, address)
            at += chance.uniform(0.2, 3)


def google(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Fetches a link ahead through a proxy, so that it opens quickly if it is ever pressed."""
    for mail in mails:
        if chance.random() < 0.15:
            headers = browser(chance, "android") | {
                "sec-purpose": "prefetch;anonymous-client-ip",
                "purpose": "prefetch",
            }
            at = mail.sent + chance.expovariate(1 / (2 * HOUR))
            yield _machine(at, chance.choice(mail.links), headers, _cloud(chance, "66.249", 4000))


def gateway(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """One machine before the mail of several companies: some links of every mail, seconds after it came."""
    address, agent = _cloud(chance, "185.46", 60), agent_of(chance, "chrome")
    for mail in mails:
        at = mail.sent + chance.uniform(1, 15)
        for link in chance.sample(mail.links, chance.randint(1, 3)):
            yield _machine(at, link, browser(chance, agent=agent), address)
            at += chance.uniform(0.3, 4)


def crawler(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """A crawler that found a shared mail: it says who it is, and takes its time."""
    mail, at = chance.choice(mails), chance.uniform(1, 72) * HOUR
    agent = chance.choice(("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
                           "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
                           "CCBot/2.0 (https://commoncrawl.org/faq/)", "python-requests/2.32.3"))  # fmt: skip
    for link in mail.links:
        yield _machine(mail.sent + at, link, library(agent), "17.58.100.20")
        at += chance.uniform(5, 600)


def slow(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Comes hours later with a whole browser, and opens every link with a pause of 10 s to a minute."""
    for mail in mails:
        if chance.random() > 0.6:
            continue
        at, address = mail.sent + chance.uniform(1, 12) * HOUR, _cloud(chance, "18.185", 5000)
        headers = browser(chance, "chrome") | {"accept-language": "en-US,en;q=0.9"}
        for link in mail.links:
            yield _machine(at, link, headers, address)
            at += chance.uniform(10, 60)


def preview(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Chat programs draw a preview of a link that somebody shares."""
    agents = ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "WhatsApp/2.24.20.89 A",
              "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
              "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
              "TelegramBot (like TwitterBot)")  # fmt: skip
    for mail in mails:
        if chance.random() < 0.1:
            at = mail.sent + chance.expovariate(1 / (5 * HOUR))
            yield _machine(at, chance.choice(mail.links), library(chance.choice(agents)), _cloud(chance, "52.112", 900))


def late_detonation(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Looks at one to three links once more, hours after, with a whole browser. A person does the same."""
    for mail in mails:
        if chance.random() < 0.3:
            at, address = mail.sent + chance.uniform(1, 24) * HOUR, _cloud(chance, "40.94", 2000)
            headers = browser(chance, "edge") | {"accept-language": "en-US,en;q=0.9"}
            for link in chance.sample(mail.links, chance.randint(1, 3)):
                yield _machine(at, link, headers, address)
                at += chance.uniform(0.1, 40)


def fleet(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Opens all links within seconds, each from another machine and with another whole browser."""
    for mail in mails:
        begin = mail.sent + _after_sending(chance)
        for link in mail.links:
            yield _machine(begin + chance.uniform(0, 3), link, browser(chance), _cloud(chance, "34.77", 60000))


def apple(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """A person's own telephone draws the preview of a link that is sent on, from the person's own address."""
    agent = ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 "
             "Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0")  # fmt: skip
    for mail in mails:
        if chance.random() < 0.1:
            headers = library(agent) | {"accept-language": "nl-BE,nl;q=0.9"}
            at = mail.sent + chance.expovariate(1 / (5 * HOUR))
            yield _machine(at, chance.choice(mail.links), headers, mail.office)


def sampling(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Opens one link of a mail in twenty, minutes after, with a whole browser from anywhere: no rule can see this."""
    for mail in mails:
        if chance.random() < 0.2:
            at = mail.sent + chance.uniform(20, 900)
            yield _machine(at, chance.choice(mail.links), browser(chance), _cloud(chance, "93.184", 65000))


def desk_guard(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """The virus scanner on the desk: opens what the mail program shows, all of it, from the company's own address."""
    for mail in mails:
        at = mail.sent + chance.expovariate(1 / HOUR)
        headers = library(mail.office_agent or agent_of(chance, "edge")) | {"accept-language": "nl-BE"}
        for link in mail.links:
            yield _machine(at, link, headers, mail.office)
            at += chance.uniform(0.05, 0.5)


# Share of the companies that each watches over. Held back: never looked at while the rules were made.
SCANNERS = (
    Family("defender", defender, 0.10),
    Family("barracuda", barracuda, 0.03),
    Family("mimecast", mimecast, 0.04),
    Family("proofpoint", proofpoint, 0.04),
    Family("google", google, 0.10),
    Family("gateway", gateway, 0.04, group=8),
    Family("crawler", crawler, 0.002),
    Family("slow", slow, 0.03),
    Family("preview", preview, 0.05),
    Family("late_detonation", late_detonation, 0.04, held_back=True),
    Family("fleet", fleet, 0.02, held_back=True),
    Family("apple", apple, 0.05, held_back=True),
    Family("sampling", sampling, 0.05, held_back=True),
    Family("desk_guard", desk_guard, 0.02, held_back=True),
)

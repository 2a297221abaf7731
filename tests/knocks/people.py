"""Kinds of people. Each gets the mails of the companies where such a person works, and yields the requests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from .mails import Knock, Mail, MailedLink, agent_of, browser
from .playing import Family

HOUR = 3600.0


def _person(at: float, link: MailedLink, headers: dict[str, str], address: str) -> Knock:
    return Knock(at, link, "GET", headers, address, True, "")


def _read_at(chance: Random, mail: Mail) -> float:
    """Return when somebody reads: half of the clicks come within some hours, a few within the first minute."""
    return mail.sent + max(6.0, math.exp(chance.gauss(math.log(2.5 * HOUR), 1.9)))


def _liked(chance: Random, mail: Mail) -> MailedLink:
    """Return the link that draws somebody: the first ones most, the small print least."""
    weights = [(3.0 if link.service else 0.7) / (place + 1) ** 0.7 for place, link in enumerate(mail.links)]
    return chance.choices(mail.links, weights)[0]


def _at_work(chance: Random, mail: Mail) -> dict[str, str]:
    return browser(chance, "edge", agent=mail.office_agent) if mail.office_agent else browser(chance)


def one_click(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    for mail in mails:
        yield _person(_read_at(chance, mail), _liked(chance, mail), _at_work(chance, mail), mail.office)


def several_clicks(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Reads on, and comes back to the mail for the next link."""
    for mail in mails:
        at, headers = _read_at(chance, mail), _at_work(chance, mail)
        for _ in range(chance.randint(2, 4)):
            yield _person(at, _liked(chance, mail), headers, mail.office)
            at += chance.lognormvariate(math.log(45), 0.9)


def tabs(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Opens every service in a tab of its own, as fast as a hand moves, to read them afterwards."""
    for mail in mails:
        at, headers = _read_at(chance, mail), _at_work(chance, mail)
        for link in mail.links:
            if link.service:
                yield _person(at, link, headers, mail.office)
                at += chance.lognormvariate(math.log(0.7), 0.4)


def phone_ahead(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """The telephone fetches a link while the thumb comes down; then the person opens it."""
    for mail in mails:
        at, link = _read_at(chance, mail), _liked(chance, mail)
        headers, address = browser(chance, "android"), f"94.{chance.randrange(256)}.{chance.randrange(256)}.7"
        ahead = Knock(at, link, "GET", headers | {"sec-purpose": "prefetch"}, address, False, "")
        yield ahead
        yield _person(at + chance.uniform(0.3, 8), link, headers, address)


def shared(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Sends the mail on to colleagues elsewhere, who open a link of it."""
    for mail in mails:
        at, link = _read_at(chance, mail), _liked(chance, mail)
        yield _person(at, link, _at_work(chance, mail), mail.office)
        for _ in range(chance.randint(1, 3)):
            at += chance.expovariate(1 / HOUR)
            other = link if chance.random() < 0.7 else _liked(chance, mail)
            yield _person(at, other, browser(chance), f"78.{chance.randrange(256)}.{chance.randrange(256)}.9")


def office(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Twenty colleagues behind one address click within a minute: the boss said so at the meeting."""
    mail = mails[0]
    at = _read_at(chance, mail)
    for _ in range(20):
        moment = at + chance.uniform(0, 60)
        for _ in range(chance.choice((1, 1, 1, 2))):
            yield _person(moment, _liked(chance, mail), _at_work(chance, mail), mail.office)
            moment += chance.uniform(3, 20)


def back_button(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Opens, goes back, opens the same again."""
    for mail in mails:
        at, link, headers = _read_at(chance, mail), _liked(chance, mail), _at_work(chance, mail)
        for _ in range(chance.randint(2, 3)):
            yield _person(at, link, headers, mail.office)
            at += chance.uniform(1, 25)


def thorough(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """Opens nearly everything there is, one after the other, within minutes."""
    for mail in mails:
        at, headers = _read_at(chance, mail), _at_work(chance, mail)
        for link in mail.links:
            if chance.random() < 0.85:
                yield _person(at, link, headers, mail.office)
                at += chance.lognormvariate(math.log(12), 0.8)


def old_phone(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """A browser of years ago: no Sec-Fetch headers, and none of its version ever sent them."""
    agents = ("Mozilla/5.0 (iPhone; CPU iPhone OS 15_8 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
              "Version/15.6 Mobile/15E148 Safari/604.1",
              "Mozilla/5.0 (X11; Linux x86_64; rv:78.0) Gecko/20100101 Firefox/78.0")  # fmt: skip
    for mail in mails:
        headers = browser(chance, agent=chance.choice(agents))
        kept = {name: value for name, value in headers.items() if not name.startswith("sec-")}
        yield _person(_read_at(chance, mail), _liked(chance, mail), kept, mail.office)


def cloud_workers(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """People of many companies whose traffic leaves through one address of a cloud proxy, in the first busy minutes."""
    agent = agent_of(chance, "edge")
    for mail in mails:
        at = mail.sent + chance.lognormvariate(math.log(600), 1.0)
        yield _person(at, _liked(chance, mail), browser(chance, agent=agent), "165.225.80.40")


def relay(chance: Random, mails: list[Mail]) -> Iterator[Knock]:
    """iPhones behind a private relay: a few addresses for very many people."""
    for mail in mails:
        address = f"172.225.6.{chance.randrange(16)}"
        at, headers = _read_at(chance, mail), browser(chance, "iphone")
        for _ in range(chance.choice((1, 1, 2))):
            yield _person(at, _liked(chance, mail), headers, address)
            at += chance.uniform(10, 200)


# Share of the companies where somebody is of the kind; shares of clicks are larger than in life, so that errors show.
PEOPLE = (
    Family("one_click", one_click, 0.06),
    Family("several_clicks", several_clicks, 0.03),
    Family("tabs", tabs, 0.02),
    Family("phone_ahead", phone_ahead, 0.02),
    Family("shared", shared, 0.01),
    Family("office", office, 0.003),
    Family("back_button", back_button, 0.02),
    Family("thorough", thorough, 0.005, held_back=True),
    Family("old_phone", old_phone, 0.01, held_back=True),
    Family("cloud_workers", cloud_workers, 0.02, group=12),
    Family("relay", relay, 0.02, held_back=True),
)

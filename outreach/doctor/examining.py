"""All examinations of a domain, one after the other; one that can't be made doesn't stop the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import idna

from outreach.doctor import dkim, dmarc, hosts, one_click, spf
from outreach.doctor.dkim import PrivateKey
from outreach.doctor.findings import Finding, Verdict
from outreach.doctor.names import Address, Names, Unanswered
from outreach.errors import Refusal
from outreach.links import Links
from outreach.settings import Settings


@dataclass(frozen=True)
class Patient:
    """What is examined: the domain of From, and what its operator says about how mail leaves."""

    domain: str
    addresses: Sequence[Address] = ()
    include: str | None = None
    selector: str | None = None
    signing_domain: str | None = None
    key: PrivateKey | None = None


def domain_name(text: str) -> str:
    """Return a domain as the domain name system knows it (A-labels); Refusal if it is none."""
    try:
        name = idna.encode(text.strip().rstrip("."), uts46=True).decode()
    except idna.IDNAError:
        name = ""
    if "." not in name:
        raise Refusal(f"{text!r} is no domain name: write the domain of your From address, such as nieuws.example.be")
    return name


def examine(patient: Patient, names: Names, settings: Settings, links: Links, now: datetime) -> Iterator[Finding]:
    """Yield what was found, matter by matter."""
    relays, domain = [one.settings for one in settings.all_relays], patient.domain
    bounce_domain = domain_name(settings.mail.bounce_domain) if settings.mail.bounce_domain else domain
    addresses: list[Address] = []

    def known() -> Iterator[Finding]:
        leaving = [one for relay in relays for one in hosts.leaving_by(names, patient.addresses, relay)]
        addresses.extend(dict.fromkeys(leaving))
        if not names.exists(domain):
            yield Finding(
                "domain", Verdict.MISSING, f"{domain} doesn't exist (NXDOMAIN): register it, or mend its name"
            )

    yield from _tried("domain", known)
    # Receivers check SPF for the address that bounces go to.
    for checked in dict.fromkeys((bounce_domain, domain)):
        yield from _tried("spf", lambda checked=checked: spf.examine(names, checked, addresses, patient.include))  # type: ignore[misc]
    signing = patient.signing_domain or domain
    yield from _tried("dkim", lambda: dkim.examine(names, signing, patient.selector, patient.key))
    yield from _tried("dmarc", lambda: dmarc.examine(names, domain, bounce_domain, signing))
    yield from _tried("ptr", lambda: hosts.pointers(names, addresses, relays[0]))
    yield from _tried("mx", lambda: hosts.bounces(names, bounce_domain))
    for relay in relays:
        yield from _tried("tls", lambda relay=relay: hosts.transport(relay, now))  # type: ignore[misc]
    yield from _tried("one_click", lambda: one_click.examine(links))


def _tried(matter: str, examination: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from examination()
    except Unanswered as unanswered:
        yield Finding(matter, Verdict.UNKNOWN, f"{unanswered}: this says nothing about the domain; try again later")
    except Refusal as refusal:
        yield Finding(matter, Verdict.MISSING, str(refusal))

"""The machines that our mail passes: names of the sending address, the relay's TLS, and where bounces go."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from outreach.delivery.replies import Stage
from outreach.delivery.smtp import NoConnection, connect, tls_context
from outreach.doctor.findings import Finding, Verdict, record
from outreach.doctor.names import Address, Names
from outreach.settings import RelaySettings

CONNECT_SECONDS = 10.0
SOON = timedelta(days=21)


def leaving_by(names: Names, given: Sequence[Address], relay: RelaySettings) -> list[Address]:
    """Return the addresses by which mail leaves: those given, else the relay's own unless it is on this machine."""
    if given:
        return list(given)
    try:
        found: list[Address] = [ip_address(relay.host)]
    except ValueError:
        found = [] if relay.host == "localhost" else names.addresses(relay.host)
    return [one for one in found if not one.is_loopback]


def pointers(names: Names, addresses: Sequence[Address], relay: RelaySettings) -> Iterator[Finding]:
    """Yield whether each sending address has a name that leads back to it."""
    if not addresses:
        text = "the relay is on this machine: say by which address mail leaves it, with --address"
        yield Finding("ptr", Verdict.UNKNOWN, text)
    for address in addresses:
        found = names.names_of(address)
        confirmed = [name for name in found if address in names.addresses(name)]
        if confirmed:
            yield Finding("ptr", Verdict.OK, f"{address} is {confirmed[0]}, and {confirmed[0]} is {address}")
        elif found:
            kind = "A" if address.version == 4 else "AAAA"
            text = f"{address} is called {found[0]}, which doesn't lead back to it"
            yield Finding("ptr", Verdict.MISSING, text, record(found[0], kind, str(address)))
        else:
            text = f"{address} has no name; whoever gave you the address adds it"
            yield Finding("ptr", Verdict.MISSING, text, record(address.reverse_pointer, "PTR", f"{_name_of(relay)}."))


def _name_of(relay: RelaySettings) -> str:
    try:
        ip_address(relay.host)
    except ValueError:
        return relay.host if relay.host != "localhost" else "mail.example"
    return "mail.example"


def transport(relay: RelaySettings, now: datetime) -> Iterator[Finding]:
    """Yield whether the relay can be reached over TLS that holds, and for how long it will."""
    place = f"{relay.host}:{relay.port}"
    if relay.security == "none":
        yield Finding("tls", Verdict.OK, f"{place} is on this machine; how mail leaves it is the relay's own setting")
        return
    bounded = relay.model_copy(update={"timeout": min(relay.timeout, CONNECT_SECONDS)})
    try:
        connection = connect(bounded, tls_context(relay))
    except NoConnection as refused:
        known = refused.reply.stage in (Stage.STARTTLS, Stage.AUTH)
        yield Finding("tls", Verdict.MISSING if known else Verdict.UNKNOWN, f"{place}: {refused}")
        return
    try:
        certificate = connection.certificate
    finally:
        connection.close()
    yield _lasting(place, certificate["notAfter"], now)


def _lasting(place: str, ends: object, now: datetime) -> Finding:
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC)
    if until - now < SOON:
        text = f"{place}: the certificate ends on {until:%Y-%m-%d}; renew it, or mail stops then"
        return Finding("tls", Verdict.ADVICE, text)
    return Finding("tls", Verdict.OK, f"{place}: the certificate is valid until {until:%Y-%m-%d}")


def bounces(names: Names, domain: str) -> Iterator[Finding]:
    """Yield whether bounces to a domain arrive anywhere."""
    found = names.exchanges(domain)
    if [host for _, host in found] == [""]:
        text = f"{domain} says that it takes no mail at all (null MX), so no bounce comes back"
        yield Finding("mx", Verdict.MISSING, text, record(domain, "MX", f"10 mail.{domain}."))
    elif found:
        lost = [host for _, host in found if not names.addresses(host)]
        if lost:
            yield Finding("mx", Verdict.MISSING, f"{domain}: {', '.join(lost)} has no address, so bounces get lost")
        else:
            yield Finding("mx", Verdict.OK, f"{domain}: mail goes to {found[0][1]}")
    elif names.addresses(domain):
        text = f"{domain} has no MX; mail goes to its own address, which not everybody tries"
        yield Finding("mx", Verdict.ADVICE, text, record(domain, "MX", f"10 {domain}."))
    else:
        text = f"{domain} has no MX, so bounces are never seen: name the host that takes its mail"
        yield Finding("mx", Verdict.MISSING, text, record(domain, "MX", f"10 mail.{domain}."))

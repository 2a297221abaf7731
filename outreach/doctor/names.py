"""Asking the domain name system, within a bounded time."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.exception
import dns.resolver
import dns.reversename
from dns.rdatatype import RdataType

from outreach.errors import Refusal

Address = IPv4Address | IPv6Address

QUESTION_SECONDS = 2.0
ANSWER_SECONDS = 5.0
# After so many questions without any answer the rest isn't asked: each would take its full time.
PATIENCE = 3


class Unanswered(Exception):
    """No server gave an answer, so nobody knows what the name has."""


@dataclass
class Names:
    """A resolver that asks every question once and tells "there is none" from "nobody answers"."""

    resolver: dns.resolver.Resolver
    _known: dict[tuple[str, RdataType], list[str] | Unanswered] = field(default_factory=dict)
    _missing: set[str] = field(default_factory=set)
    _timeouts: int = 0

    def texts(self, name: str) -> list[str]:
        """Return the text records, the strings of each joined."""
        return self._ask(name, RdataType.TXT)

    def addresses(self, name: str) -> list[Address]:
        return [ip_address(text) for kind in (RdataType.A, RdataType.AAAA) for text in self._ask(name, kind)]

    def exchanges(self, name: str) -> list[tuple[int, str]]:
        """Return the mail exchangers with their preference, the preferred one first; an empty name is a null MX."""
        pairs = (text.split() for text in self._ask(name, RdataType.MX))
        return sorted((int(preference), host.rstrip(".")) for preference, host in pairs)

    def names_of(self, address: Address) -> list[str]:
        pointer = dns.reversename.from_address(str(address)).to_text()
        return [text.rstrip(".") for text in self._ask(pointer, RdataType.PTR)]

    def exists(self, name: str) -> bool:
        """Tell whether the name is there at all, with whatever records."""
        self._ask(name, RdataType.SOA)
        return name not in self._missing

    def _ask(self, name: str, kind: RdataType) -> list[str]:
        key = (name.lower(), kind)
        if key not in self._known:
            try:
                self._known[key] = self._asked(name, kind)
            except Unanswered as unanswered:
                self._known[key] = unanswered
        found = self._known[key]
        if isinstance(found, Unanswered):
            raise found
        return found

    def _asked(self, name: str, kind: RdataType) -> list[str]:
        if self._timeouts >= PATIENCE:
            raise Unanswered(f"{name} was not asked for: the name server doesn't answer")
        try:
            answer = self.resolver.resolve(name, kind, search=False)
        except dns.resolver.NXDOMAIN:
            self._missing.add(name)
            return []
        except dns.resolver.NoAnswer:
            return []
        except dns.resolver.NoNameservers as error:
            raise Unanswered(f"the name server can't say what {name} has ({_code(error)})") from error
        except dns.exception.Timeout as error:
            self._timeouts += 1
            raise Unanswered(f"no answer in time about {name}") from error
        except dns.exception.DNSException as error:
            raise Unanswered(f"{name[:80]} can't be asked for: {error}") from error
        return [_text_of(item, kind) for item in answer]


def _text_of(item: object, kind: RdataType) -> str:
    if kind is RdataType.TXT:
        return b"".join(item.strings).decode("utf-8", "replace")  # type: ignore[attr-defined]
    return item.to_text()  # type: ignore[attr-defined,no-any-return]


def _code(error: dns.resolver.NoNameservers) -> str:
    """Return what the servers answered instead: SERVFAIL, REFUSED."""
    answers = [entry[3] for entry in error.kwargs.get("errors", ())]
    return (
        ", ".join(dict.fromkeys(str(answer).removeprefix("The DNS operation timed out") for answer in answers)) or "?"
    )


def open_names(nameserver: str | None) -> Names:
    """Return the machine's own resolver, or one that asks `nameserver` (an IP address, with a port if it isn't 53)."""
    try:
        resolver = dns.resolver.Resolver(configure=nameserver is None)
    except dns.resolver.NoResolverConfiguration as error:
        raise Refusal("this machine names no name server: give one, e.g. --nameserver 9.9.9.9") from error
    if nameserver is not None:
        host, port = _place(nameserver)
        resolver.nameservers, resolver.port = [host], port
    resolver.timeout, resolver.lifetime = QUESTION_SECONDS, ANSWER_SECONDS
    return Names(resolver)


def _place(nameserver: str) -> tuple[str, int]:
    host, colon, port = nameserver.rpartition(":")
    if not colon or nameserver.endswith("]") or (":" in host and not host.startswith("[")):
        host, port = nameserver, "53"
    try:
        address, number = str(ip_address(host.strip("[]"))), int(port)
        if not 0 < number < 65536:
            raise ValueError
    except ValueError:
        raise Refusal(f"--nameserver {nameserver!r}: write an IP address, as 9.9.9.9 or 127.0.0.1:5353") from None
    return address, number

"""SPF (RFC 7208): who may send for a domain, evaluated as a receiver does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network

from outreach.doctor.findings import Finding, Verdict, text_record
from outreach.doctor.names import Address, Names

MOST_LOOKUPS = 10  # RFC 7208, 4.6.4
_DEEPEST = 10
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"


_QUALIFIERS = {"+": Outcome.PASS, "-": Outcome.FAIL, "~": Outcome.SOFTFAIL, "?": Outcome.NEUTRAL}


class Invalid(Exception):
    """A record that receivers throw away (permerror)."""


@dataclass(frozen=True)
class Term:
    """`qualifier name:value/prefix//prefix6`, or a modifier `name=value`."""

    name: str
    value: str = ""
    outcome: Outcome = Outcome.PASS
    prefix: int = 32
    prefix6: int = 128
    modifier: bool = False


def examine(names: Names, domain: str, addresses: Sequence[Address], include: str | None) -> Iterator[Finding]:
    """Yield what is to be said about the SPF of a domain from which mail leaves by `addresses` or by an `include`."""
    found = records(names, domain)
    wanted = _mechanisms(addresses, include)
    if not found:
        text = f"{domain} has no SPF: receivers can't tell who may send for it"
        yield Finding("spf", Verdict.MISSING, text, _new(domain, wanted) if wanted else None)
        return
    if len(found) > 1:
        text = f"{domain} has {len(found)} SPF records, which is invalid: keep one in their place"
        yield Finding("spf", Verdict.MISSING, text, _with(domain, _merged(found), wanted))
        return
    try:
        lookups = count(names, domain)
        lacking = _lacking(names, domain, addresses, include)
    except Invalid as invalid:
        yield Finding(
            "spf", Verdict.MISSING, f"{domain}: receivers throw this SPF away: {invalid}", _new(domain, wanted)
        )
        return
    yield _judged(domain, found[0], lookups, lacking, wanted)


def _judged(domain: str, text: str, lookups: int, lacking: list[str], wanted: list[str]) -> Finding:
    if lookups > MOST_LOOKUPS:
        said = f"{domain}: takes {lookups} lookups and {MOST_LOOKUPS} are allowed: take out an include"
        return Finding("spf", Verdict.MISSING, said)
    if lacking:
        said = f"{domain}: doesn't allow {', '.join(lacking)}, by which our mail leaves"
        return Finding("spf", Verdict.MISSING, said, _with(domain, text, lacking))
    if not wanted:
        said = f"{domain}: say by which address mail leaves (--address), or what your provider includes (--include)"
        return Finding("spf", Verdict.UNKNOWN, said)
    if weak := _weak_end(text):
        return Finding("spf", Verdict.ADVICE, f"{domain}: {weak}", _with(domain, text, []))
    return Finding("spf", Verdict.OK, f"{domain}: allows {', '.join(wanted)}, with {lookups} lookups of {MOST_LOOKUPS}")


def records(names: Names, domain: str) -> list[str]:
    return [text for text in names.texts(domain) if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def evaluate(names: Names, domain: str, address: Address, depth: int = 0) -> Outcome:
    """Say what a receiver makes of mail for `domain` from `address`; Invalid for a record that can't be used."""
    redirect = ""
    for term in terms(names, domain, depth):
        if term.modifier:
            redirect = term.value if term.name == "redirect" else redirect
        elif _matches(names, term, domain, address, depth):
            return term.outcome
    if redirect:
        outcome = evaluate(names, redirect, address, depth + 1)
        if outcome is Outcome.NONE:
            raise Invalid(f"redirect={redirect} has no SPF")
        return outcome
    return Outcome.NEUTRAL if records(names, domain) else Outcome.NONE


def count(names: Names, domain: str, depth: int = 0) -> int:
    """Return how many lookups the whole record takes, those of what it includes too."""
    found = 0
    for term in terms(names, domain, depth):
        found += term.name in _ASKING
        if term.name in ("include", "redirect") and "%" not in term.value:
            found += count(names, term.value, depth + 1)
    return found


def terms(names: Names, domain: str, depth: int) -> list[Term]:
    if depth > _DEEPEST:
        raise Invalid(f"{domain} includes itself, or too deep")
    found = records(names, domain)
    if len(found) > 1:
        raise Invalid(f"{domain} has {len(found)} SPF records")
    return [_term(text) for text in found[0].split()[1:]] if found else []


def _term(text: str) -> Term:
    name, equals, value = text.partition("=")
    if equals and name.replace("-", "").replace("_", "").isalnum():
        return Term(name.lower(), value, modifier=True)
    outcome = _QUALIFIERS.get(text[:1], Outcome.PASS)
    name, _, value = text.lstrip("+-~?").partition(":")
    if name.lower() in ("ip4", "ip6"):
        return Term(name.lower(), value, outcome)
    last = value or name
    last, _, prefix6 = last.partition("//")
    last, _, prefix = last.partition("/")
    name, value = (name, last) if value else (last, "")
    known = ("all", "include", "a", "mx", "ptr", "exists")
    if name.lower() not in known or not (prefix + prefix6 + "0").isdecimal():
        raise Invalid(f"{text[:60]!r} is no mechanism")
    return Term(name.lower(), value, outcome, int(prefix or 32), int(prefix6 or 128))


def _matches(names: Names, term: Term, domain: str, address: Address, depth: int) -> bool:
    target = term.value or domain
    match term.name:
        case "all":
            return True
        case "ip4" | "ip6":
            return _within(address, term.value)
        case "include":
            return _includes(names, target, address, depth)
        case "a":
            return _near(address, names.addresses(target), term)
        case "mx":
            hosts = [host for _, host in names.exchanges(target)]
            return any(_near(address, names.addresses(host), term) for host in hosts if host)
        case _:  # ptr is to be ignored; exists depends on the sender
            return False


def _includes(names: Names, target: str, address: Address, depth: int) -> bool:
    if "%" in target:
        return False
    outcome = evaluate(names, target, address, depth + 1)
    if outcome is Outcome.NONE:
        raise Invalid(f"include:{target} has no SPF")
    return outcome is Outcome.PASS


def _within(address: Address, network: str) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        raise Invalid(f"{network[:60]!r} is no network") from None


def _near(address: Address, others: Sequence[Address], term: Term) -> bool:
    prefix = term.prefix if address.version == 4 else term.prefix6
    return any(other.version == address.version and _within(address, f"{other}/{prefix}") for other in others)


def _mechanisms(addresses: Sequence[Address], include: str | None) -> list[str]:
    return ([f"include:{include}"] if include else []) + [f"ip{one.version}:{one}" for one in addresses]


def _lacking(names: Names, domain: str, addresses: Sequence[Address], include: str | None) -> list[str]:
    """Return the mechanisms that are missing."""
    missing = _mechanisms([one for one in addresses if evaluate(names, domain, one) is not Outcome.PASS], None)
    if include and include.lower() not in _included(names, domain):
        missing.insert(0, f"include:{include}")
    return missing


def _included(names: Names, domain: str, depth: int = 0) -> set[str]:
    found = {term.value.lower() for term in terms(names, domain, depth) if term.name in ("include", "redirect")}
    return found.union(*(_included(names, one, depth + 1) for one in found if "%" not in one))


def _weak_end(text: str) -> str:
    last = text.split()[-1].lower()
    if last in ("all", "+all"):
        return f"ends in {last}, which allows the whole world to send for it"
    if last == "?all" or not (last.endswith("all") or "redirect=" in text.lower()):
        return "doesn't end in ~all or -all, so it forbids nobody anything"
    return ""


def _new(domain: str, mechanisms: Sequence[str]) -> str | None:
    return text_record(domain, " ".join(["v=spf1", *mechanisms, "~all"])) if mechanisms else None


def _with(domain: str, text: str, more: Sequence[str]) -> str:
    """Return the record with more mechanisms, before the last word about all others."""
    words = text.split()
    end = words.pop() if words[-1].lower().endswith("all") and len(words) > 1 else "~all"
    redirects = [word for word in words if word.lower().startswith("redirect=")]
    if redirects and end == "~all":
        words, end = [word for word in words if word not in redirects], redirects[0]
    strict = end if end.lower() in ("~all", "-all") or end.startswith("redirect=") else "~all"
    return text_record(domain, " ".join([*words, *(one for one in more if one not in words), strict]))


def _merged(texts: Sequence[str]) -> str:
    words = dict.fromkeys(word for text in texts for word in text.split()[1:] if not word.lower().endswith("all"))
    return " ".join(["v=spf1", *words, "~all"])

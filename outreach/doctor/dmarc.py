"""DMARC (RFC 7489): what receivers do with mail that claims to be ours, and whether our own passes."""

from __future__ import annotations

from collections.abc import Iterator

from outreach.doctor.dkim import tags
from outreach.doctor.findings import Finding, Verdict, text_record
from outreach.doctor.names import Names

POLICIES = ("none", "quarantine", "reject")


def examine(names: Names, domain: str, bounce_domain: str, signing_domain: str) -> Iterator[Finding]:
    """Yield what is to be said about the policy of a domain, and about the domains of SPF and DKIM beside it."""
    owner, found = policy_of(names, domain)
    wanted = text_record(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}")
    if not found:
        text = f"_dmarc.{domain} has no policy, which large receivers want of everybody who sends newsletters"
        yield Finding("dmarc", Verdict.MISSING, text, wanted)
        return
    if len(found) > 1:
        yield Finding("dmarc", Verdict.MISSING, f"_dmarc.{owner} has {len(found)} policies, so none counts", wanted)
        return
    known = tags(found[0])
    policy = known.get("p", "") if owner == domain else known.get("sp", known.get("p", ""))
    if policy.lower() not in POLICIES:
        yield Finding("dmarc", Verdict.MISSING, f"_dmarc.{owner}: p={policy[:20]} is no policy", wanted)
        return
    yield _judged(owner, policy.lower(), known)
    yield from _aligned(domain, "spf", bounce_domain, owner, strict=known.get("aspf") == "s")
    yield from _aligned(domain, "dkim", signing_domain, owner, strict=known.get("adkim") == "s")


def policy_of(names: Names, domain: str) -> tuple[str, list[str]]:
    """Return the policies of the domain, or else of the nearest domain above it that has one, and whose they are."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        owner = ".".join(labels[start:])
        found = [
            text for text in names.texts(f"_dmarc.{owner}") if text.replace(" ", "").lower().startswith("v=dmarc1")
        ]
        if found:
            return owner, found
    return domain, []


def _judged(owner: str, policy: str, known: dict[str, str]) -> Finding:
    said = f"_dmarc.{owner}: p={policy}"
    if "rua" not in known:
        return Finding("dmarc", Verdict.ADVICE, f"{said}; without rua= nobody tells you who sends in your name")
    if policy == "none":
        text = f"{said}: it asks for reports and protects from nothing; quarantine it once the reports are clean"
        return Finding("dmarc", Verdict.ADVICE, text)
    return Finding("dmarc", Verdict.OK, f"{said}, with reports to {known['rua'][:80]}")


def _aligned(domain: str, matter: str, other: str, owner: str, *, strict: bool) -> Iterator[Finding]:
    """Yield a finding where a domain that is checked isn't that of From, for which alone DMARC counts it."""
    if other == domain:
        return
    if strict:
        text = f"{matter} is checked for {other}, and {owner} wants exactly {domain} (a{matter}=s): make it r"
        yield Finding("dmarc", Verdict.MISSING, text)
    elif not (_under(other, owner) and _under(domain, owner)) and not (_under(other, domain) or _under(domain, other)):
        text = f"{matter} is checked for {other}, which isn't {domain}'s: DMARC doesn't count it"
        yield Finding("dmarc", Verdict.MISSING, text)


def _under(domain: str, other: str) -> bool:
    return domain == other or domain.endswith(f".{other}")

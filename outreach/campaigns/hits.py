"""Requests for the links of a campaign: none is thrown away, each is classified with its reasons, no address is stored.

Scanners open every link of a mail, mostly within seconds of its arrival and often in the disguise of a browser, so the
class is an opinion that reports show beside the raw number. Only what a request shows of itself counts for simulated
ones: a demo squeezes days into seconds.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import idna
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.links import CODE_ALPHABET
from outreach.models import Campaign, Delivery, DeliveryStatus, Hit, HitKind, Link

AGENT_LENGTH = 300
TOO_SOON = timedelta(seconds=3)
BURST_WINDOW = timedelta(seconds=1)
BURST_LINKS = 4

# Parts of the names by which crawlers, link checkers and mail scanners introduce themselves, in lower case.
CRAWLERS = (
    "bot", "crawl", "spider", "slurp", "scanner", "preview", "facebookexternalhit", "embedly", "curl/", "wget/",
    "python-requests", "python-urllib", "aiohttp", "httpx", "go-http-client", "java/", "okhttp", "libwww-perl",
    "headlesschrome", "phantomjs", "barracuda", "mimecast", "proofpoint", "safelinks", "microsoft office",
    "ms-office", "existence discovery", "trendmicro", "zscaler", "fortiguard", "forcepoint", "symantec", "cloudmark",
    "googleimageproxy", "yahoomailproxy", "monitoring", "uptime", "validator", "checker",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A request for a link as the door saw it; `simulated` = a program of ours on this machine played a recipient."""

    code: str
    method: str
    agent: str
    prefetch: bool
    at: datetime
    simulated: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` turns back into the same request."""
        return asdict(self) | {"at": self.at.isoformat()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Request:
        """Return the request that `to_json` wrote down."""
        return cls(**(data | {"at": datetime.fromisoformat(data["at"])}))


@dataclass(frozen=True)
class Target:
    """Where a code leads: the address its campaign contains, and nowhere else."""

    link_id: int
    address: str
    campaign_simulated: bool


def is_code(text: str) -> bool:
    """Tell whether a text can be a code at all."""
    return 6 <= len(text) <= 16 and set(text) <= set(CODE_ALPHABET)


def target(session: Session, code: str) -> Target | None:
    """Return where a code leads; None for a code that no campaign has."""
    if not is_code(code):
        return None
    row = session.execute(
        select(Link.id, Link.target, Campaign.simulated).join(Campaign).where(Link.code == code)
    ).first()
    if row is None or urlsplit(row.target).scheme not in ("http", "https"):
        return None
    return Target(row.id, row.target, row.simulated)


def carrying(address: str, code: str, base: str) -> str:
    """Return `address` with the code for our own pages of services and enterprises, any other address unchanged.

    A parameter added to somebody else's address can break it.
    """
    if not address.startswith((f"{base}/diensten/", f"{base}/bedrijven/")):
        return address
    page, hash_mark, fragment = address.partition("#")
    return f"{page}{'&' if '?' in page else '?'}c={code}{hash_mark}{fragment}"


def on_the_wire(address: str) -> str:
    """Return an address as a Location header carries it: the host as A-label, what is not ASCII as UTF-8 in percents.

    What is encoded already stays, so that no address is encoded twice.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not host.isascii():
        named = idna.encode(host, uts46=True).decode()
        parts = parts._replace(netloc=re.sub(re.escape(host), named, parts.netloc, flags=re.IGNORECASE))
    return quote(urlunsplit(parts), safe="!#$%&'()*+,/:;=?@[]~")


def record(session: Session, request: Request) -> Hit | None:
    """Write the hit down with its class and reasons; None if the code is no longer there.

    The fourth link of a group within a second by one program shows what the first three were: they are classified anew.
    """
    link = session.execute(
        select(Link.id, Link.cohort_id, Campaign.simulated).join(Campaign).where(Link.code == request.code)
    ).first()
    if link is None:
        return None
    simulated = request.simulated and link.simulated
    reasons = visible_reasons(request)
    if not simulated and link.cohort_id is not None:
        if _too_soon(session, link.cohort_id, request.at):
            reasons.append("seconds_after_sending")
        if burst := _burst(session, link.cohort_id, link.id, request):
            reasons.append("many_links_at_once")
            for earlier in burst:
                _classify(earlier, [*filter(None, earlier.reasons.split(",")), "many_links_at_once"])
    hit = Hit(link_id=link.id, at=request.at, method=request.method, agent=_agent(request.agent), simulated=simulated)
    _classify(hit, reasons)
    session.add(hit)
    session.flush()
    return hit


def visible_reasons(request: Request) -> list[str]:
    """Return what the request itself shows of a scanner."""
    agent = request.agent.strip().casefold()
    reasons = ["head"] if request.method == "HEAD" else []
    if request.prefetch:
        reasons.append("prefetch")
    if not agent:
        reasons.append("no_agent")
    elif any(name in agent for name in CRAWLERS):
        reasons.append("crawler")
    return reasons


def _classify(hit: Hit, reasons: list[str]) -> None:
    hit.kind = HitKind.SCANNER if reasons else HitKind.HUMAN
    hit.reasons = ",".join(dict.fromkeys(reasons))


def _too_soon(session: Session, cohort_id: int, at: datetime) -> bool:
    """Tell whether nobody of the group can have had the mail for longer than a moment.

    Groups share their links, so only before the first of them had it for a while is this certain.
    """
    first = session.scalar(
        select(func.min(Delivery.sent_at)).where(
            Delivery.cohort_id == cohort_id, Delivery.status.in_((DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN))
        )
    )
    return first is None or at - first < TOO_SOON


def _burst(session: Session, cohort_id: int, link_id: int, request: Request) -> list[Hit]:
    """Return the hits that make this one part of a burst: other links of the group, same program, within a second."""
    earlier = list(
        session.scalars(
            select(Hit)
            .join(Link)
            .where(
                Link.cohort_id == cohort_id,
                Hit.at > request.at - BURST_WINDOW,
                Hit.at <= request.at,
                Hit.agent == _agent(request.agent),
                Hit.simulated.is_(False),
            )
        )
    )
    return earlier if len({hit.link_id for hit in earlier} | {link_id}) >= BURST_LINKS else []


def _agent(agent: str) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in agent)[:AGENT_LENGTH]

"""Requests for the links of a campaign: none is thrown away, and no address of a visitor is stored.

Here stands what was seen, and where a code leads. What a hit is taken for, a person's or a scanner's, is an opinion
with reasons (`visitors`) that changes when more is seen (`verdicts`); reports show it beside the raw number.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import idna
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from outreach.campaigns import visitors
from outreach.links import CODE_ALPHABET
from outreach.models import Campaign, Hit, Link

AGENT_LENGTH = 300
_CODE = re.compile(f"[{CODE_ALPHABET}]{{6,16}}")


@dataclass(frozen=True)
class Request:
    """A request for a link as the door saw it; `simulated` = a program of ours on this machine played a recipient.

    `signs` as in `visitors.signs_of`, `source` as in `outreach.web.sources`.
    """

    code: str
    method: str
    agent: str
    at: datetime
    signs: str = ""
    source: int | None = None
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
    return _CODE.fullmatch(text) is not None


def leading(session: Session, codes: Collection[str]) -> dict[str, Target]:
    """Return where each code leads, without those that no campaign has."""
    query = select(Link.code, Link.id, Link.target, Campaign.simulated).join(Campaign).where(Link.code.in_(codes))
    return {
        code: Target(link_id, address, simulated)
        for code, link_id, address, simulated in session.execute(query)
        if urlsplit(address).scheme in ("http", "https")
    }


def campaign_of(session: Session, code: str) -> str | None:
    """Return the name of the campaign that has a code."""
    if not is_code(code):
        return None
    return session.scalar(select(Campaign.name).join(Link, Link.campaign_id == Campaign.id).where(Link.code == code))


def target(session: Session, code: str) -> Target | None:
    """Return where one code leads."""
    return leading(session, [code]).get(code) if is_code(code) else None


def record(session: Session, requests: Sequence[Request], targets: Mapping[str, Target]) -> int:
    """Write hits down in one statement, and return how many; those whose code is not among `targets` are left out.

    Their class is what each request shows of itself, until `verdicts` has seen it among its neighbours.
    """
    rows = [_row(request, targets[request.code]) for request in requests if request.code in targets]
    if rows:
        session.connection().execute(insert(Hit), rows)
    return len(rows)


def _row(request: Request, target: Target) -> dict[str, Any]:
    agent = kept_agent(request.agent)
    reasons = visitors.visible_reasons(request.method, agent, request.signs)
    return {
        "link_id": target.link_id,
        "at": request.at,
        "method": request.method,
        "agent": agent,
        "signs": request.signs,
        "source": request.source,
        "kind": visitors.kind_of(reasons),
        "reasons": ",".join(reasons),
        "simulated": request.simulated and target.campaign_simulated,
    }


def kept_agent(agent: str) -> str:
    """Return the name of a program as it is stored: printable, and not endless."""
    return (agent if agent.isprintable() else _printable(agent))[:AGENT_LENGTH]


def _printable(text: str) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in text)


@lru_cache(maxsize=4096)
def location(address: str, code: str, base: str) -> str:
    """Return the Location header that leads to a target from the site at `base`."""
    return on_the_wire(carrying(address, code, base))


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

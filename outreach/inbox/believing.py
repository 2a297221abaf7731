"""What a message is about, and whether it is believed: by a token or a Message-ID of ours, and by nothing else.

Anybody can write a bounce, with any From and about any address. What nobody else can write is the token in the address
that bounces of one delivery go to, our Message-ID (a MAC over campaign and contact, made again here to compare), the
opt-out link in the headers of a mail that comes back, and the token in the Reply-To of a campaign, which says no
person. Whoever has one of these has a copy of that mail, and speaks of that delivery only.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from outreach.audience.addresses import hash_within
from outreach.campaigns import mailing
from outreach.emails.assembly import message_id
from outreach.errors import Refusal
from outreach.inbox.kinds import Class, Kind, Report
from outreach.links import Asked, Links, Purpose
from outreach.models import Contact, Delivery, Via

# Mail systems give up after five days, a few after seven; a bounce that comes later is an old one sent again.
BOUNCES_COME_WITHIN = timedelta(days=45)
# So much of a message is searched for addresses and links: headers, notices and returned headers stand there.
_SEARCHED = 256 * 1024
_ADDRESSES = 60
_CANDIDATES = 500
_CAMPAIGN_CANDIDATES = 20_000
_IDS = 40
_DOMAINS = 4  # ours, and whatever a stranger wrote beside it: each candidate is made again for each
_OURS = re.compile(r"[a-z2-7]{32}@[a-z0-9.-]{1,255}")  # as `emails.assembly.message_id` writes them
_MESSAGE_ID = re.compile(rb"<([a-z2-7]{32}@[a-z0-9.-]{1,255})>", re.IGNORECASE)
_ADDRESS = re.compile(rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{3,255}")


@dataclass(frozen=True)
class Belief:
    """What a message is believed to be about: a delivery, or only a campaign (and service) where no person is named."""

    via: Via
    campaign_id: int
    delivery: Delivery | None = None
    service_id: int | None = None


@dataclass(frozen=True)
class Disbelief:
    """Why nothing that a message says is believed."""

    reason: str


UNKNOWN = Disbelief("it holds neither a token nor a Message-ID of ours, so anybody may have written it")


def believe(
    session: Session, report: Report, raw: bytes, *, links: Links, key: bytes, now: datetime
) -> Belief | Disbelief:
    """Say what a message is about; `key` is that of the suppressions, by which addresses are looked up."""
    by_token = _by_token(session, report, links)
    asked = _asked(session, report, links)
    by_id = _by_message_id(session, report, raw, asked, links, key)
    if by_token is not None and by_id and by_token.id not in {delivery.id for delivery in by_id}:
        return Disbelief(f"its token is that of delivery {by_token.id}, its Message-ID that of another")
    delivery = by_token or next(iter(by_id), None)
    via = Via.TOKEN if by_token else Via.MESSAGE_ID
    if delivery is None and report.kind in (Kind.BOUNCE, Kind.COMPLAINT):
        delivery, via = _by_link(session, raw, links), Via.LINK
    if delivery is None:
        return Belief(Via.REPLY, asked.campaign_id, None, asked.service_id) if asked else UNKNOWN
    if asked is not None and asked.campaign_id != delivery.campaign_id:
        return Disbelief("its Reply-To token is that of another campaign than its Message-ID")
    return _timely(delivery, report, now) or Belief(
        via, delivery.campaign_id, delivery, asked.service_id if asked else None
    )


def _timely(delivery: Delivery, report: Report, now: datetime) -> Disbelief | None:
    if not delivery.attempts:
        return Disbelief(f"no mail of delivery {delivery.id} ever left")
    left = delivery.sent_at or delivery.status_at
    failed = any(finding.klass in (Class.HARD, Class.SOFT) for finding in report.recipients)
    if failed and now - left > BOUNCES_COME_WITHIN:
        return Disbelief(
            f"the mail left {(now - left).days} days ago: no bounce comes that late, so this is an old one"
        )
    return None


def _by_token(session: Session, report: Report, links: Links) -> Delivery | None:
    for token in report.tokens:
        id = links.read(Purpose.BOUNCE, token, lambda each: mailing.bounce_bound(session, each))
        if id is not None:
            return session.get(Delivery, id)
    return None


def _asked(session: Session, report: Report, links: Links) -> Asked | None:
    for token in report.tokens:
        found = links.read_reply(token, lambda each: mailing.reply_bound(session, each))
        if found is not None:
            return found
    return None


def _by_message_id(
    session: Session, report: Report, raw: bytes, asked: Asked | None, links: Links, key: bytes
) -> list[Delivery]:
    """Return the deliveries whose Message-ID, made again, stands in the message: what it is about most first."""
    given = _given(report, raw)
    if not given:
        return []
    domains = set(itertools.islice({id.rpartition("@")[2]: None for id in given}, _DOMAINS))
    found: dict[str, Delivery] = {}
    for delivery in _candidates(session, report, raw, asked, key):
        for domain in domains:
            made = _made(delivery, domain, links)
            if made in given:
                found.setdefault(made, delivery)
        if found and given[0] in found:
            break
    return [found[id] for id in given if id in found]


def _given(report: Report, raw: bytes) -> list[str]:
    """Return the Message-IDs in a message that may be ours: those of its fields first, then as they stand in it."""
    named = [id.strip("<> \t").lower() for id in report.message_ids]
    written = [found[1].decode("ascii").lower() for found in _MESSAGE_ID.finditer(raw[:_SEARCHED])]
    return [id for id in dict.fromkeys([*named, *written]) if _OURS.fullmatch(id)][:_IDS]


def _made(delivery: Delivery, domain: str, links: Links) -> str | None:
    try:
        return message_id(delivery.campaign_id, delivery.contact_id, domain, links.key).strip("<>")
    except Refusal:
        return None  # what stands after the @ is no domain


def _candidates(session: Session, report: Report, raw: bytes, asked: Asked | None, key: bytes) -> Iterator[Delivery]:
    """Yield deliveries that the message may be about: to the addresses in it, then those of its campaign."""
    hashes = _hashes(report, raw, key)
    yield from _deliveries(session, Delivery.address_hash.in_(hashes), _CANDIDATES)
    domain = (report.sender or "").rpartition("@")[2].lower()
    if domain:
        # A colleague answers, or another address of the same person.
        colleagues = select(Contact.id).where(Contact.address_domain == domain)
        yield from _deliveries(session, Delivery.contact_id.in_(colleagues), _CANDIDATES)
    if asked is not None:
        yield from _deliveries(session, Delivery.campaign_id == asked.campaign_id, _CAMPAIGN_CANDIDATES)


def _deliveries(session: Session, these: ColumnElement[bool], most: int) -> Iterable[Delivery]:
    query = select(Delivery).where(these, Delivery.attempts > 0).order_by(Delivery.id.desc()).limit(most)
    return session.scalars(query.execution_options(yield_per=500))


def _hashes(report: Report, raw: bytes, key: bytes) -> set[bytes]:
    named = [address for finding in report.recipients for address in (finding.address, finding.original)]
    seen = dict.fromkeys(filter(None, [*named, report.sender]))
    for found in _ADDRESS.finditer(raw[:_SEARCHED]):
        if len(seen) >= _ADDRESSES:
            break
        seen.setdefault(found[0].decode("ascii").rstrip("."))
    return {hash for address in seen if (hash := hash_within(key, address)) is not None}


def _by_link(session: Session, raw: bytes, links: Links) -> Delivery | None:
    """Return the delivery whose opt-out link stands in the headers that a message returns (List-Unsubscribe)."""
    start = re.escape(f"{links.base}/u/").encode()
    for found in re.finditer(start + rb"([a-z0-9.]{40,120})", raw[:_SEARCHED], re.IGNORECASE):
        addressed = links.read_addressed(Purpose.OPT_OUT, found[1].decode("ascii"))
        delivery = session.get(Delivery, addressed.delivery_id) if addressed else None
        if delivery is not None and addressed is not None and delivery.address_hash == addressed.address_hash:
            return delivery
    return None

"""How far a campaign is: sums over its rows, never a cursor; and what a person can do about rows that stand still."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from outreach.campaigns import life
from outreach.errors import Refusal
from outreach.models import (
    Campaign,
    CampaignStatus,
    CampaignWatch,
    Company,
    Contact,
    Delivery,
    DeliveryStatus,
    Event,
    EventKind,
    PauseKind,
)

UNFINISHED = (DeliveryStatus.PENDING, DeliveryStatus.SENDING, DeliveryStatus.DEFERRED)
RETRIED_IN = (CampaignStatus.SENT, CampaignStatus.SENDING, CampaignStatus.PAUSED)
GIVEN_UP = "given_up"
Outcome = Literal["sent", "give_up"]
RATE_WINDOW = timedelta(minutes=5)
# What the relay said is told of these, which are few; what came back to `pending` made the campaign pause.
TOLD = (DeliveryStatus.DEFERRED, DeliveryStatus.REJECTED, DeliveryStatus.UNCERTAIN)
_REPLY_BEGINS = 16
_REPLY = re.compile(r"(connect|ehlo|starttls|auth|mail|rcpt|data|dot): (?:([2-5])\d\d\b)?")


def class_of(reply: str | None) -> str | None:
    """Return `<step> <class of the code>` of what a relay said, of which there are few; None for words of ours."""
    found = _REPLY.match(reply or "")
    if found is None:
        return None
    return f"{found[1]} {found[2]}xx" if found[2] else f"{found[1]} no answer"


@dataclass(frozen=True)
class Canary:
    """The mails that go first: when they were out, and when it was decided that the others may go."""

    size: int
    out_at: datetime | None
    passed_at: datetime | None


@dataclass(frozen=True)
class CampaignProgress:
    """Counts by status, by reason, and by class of what the relay said.

    `by_provider` is there if it was asked for: it takes longer to count. `ends_at` is when it is done if it goes on as
    in the last minutes; `holds` says that the statuses add up to the frozen audience.
    """

    name: str
    title: str
    status: CampaignStatus
    simulated: bool
    send_at: datetime | None
    pause_kind: PauseKind | None
    pause_reason: str | None
    frozen_at: datetime | None
    finished_at: datetime | None
    audience: int
    counts: dict[str, int]
    reasons: dict[str, dict[str, int]]
    by_class: dict[str, dict[str, int]]
    by_provider: dict[str, dict[str, int]]
    canary: Canary | None
    remaining: int
    per_minute: float
    ends_at: datetime | None
    next_retry_at: datetime | None
    holds: bool


def status(session: Session, campaign: Campaign, now: datetime, *, with_providers: bool = False) -> CampaignProgress:
    """Return how far a campaign is."""
    counts: dict[str, int] = {}
    reasons: dict[str, dict[str, int]] = {}
    query = select(Delivery.status, Delivery.reason, func.count()).where(Delivery.campaign_id == campaign.id)
    for state, reason, count in session.execute(query.group_by(Delivery.status, Delivery.reason)):
        counts[state.value] = counts.get(state.value, 0) + count
        if reason:
            reasons.setdefault(state.value, {})[reason] = count
    total = sum(counts.values())
    remaining = sum(counts.get(state.value, 0) for state in UNFINISHED)
    per_minute = _per_minute(session, campaign, now)
    next_retry_at = _next_retry(session, campaign)
    return CampaignProgress(
        name=campaign.name,
        title=campaign.title,
        status=campaign.status,
        simulated=campaign.simulated,
        send_at=campaign.send_at,
        pause_kind=campaign.pause_kind,
        pause_reason=campaign.pause_reason,
        frozen_at=campaign.frozen_at,
        finished_at=campaign.finished_at,
        audience=total if campaign.frozen_count is None else campaign.frozen_count,
        counts={state.value: counts.get(state.value, 0) for state in DeliveryStatus},
        reasons=reasons,
        by_class=_by_class(session, campaign),
        by_provider=_by_provider(session, campaign) if with_providers else {},
        canary=_canary(session, campaign),
        remaining=remaining,
        per_minute=per_minute,
        ends_at=_ends_at(remaining, per_minute, next_retry_at, now),
        next_retry_at=next_retry_at,
        holds=total == (campaign.frozen_count or 0),
    )


@dataclass(frozen=True)
class DeliveryLine:
    """What became of the mail to one contact; the address is None once it was erased."""

    contact_id: int
    address: str | None
    company: str
    status: DeliveryStatus
    reason: str | None
    attempts: int
    sent_at: datetime | None
    retry_at: datetime | None
    reply: str | None


def deliveries(session: Session, campaign: Campaign, state: DeliveryStatus | None = None) -> Iterator[DeliveryLine]:
    """Yield what became of each mail, in the order of the freeze, one after the other however many there are."""
    query = (
        select(
            Delivery.contact_id,
            Contact.address,
            Company.name,
            Delivery.status,
            Delivery.reason,
            Delivery.attempts,
            Delivery.sent_at,
            Delivery.retry_at,
            Delivery.reply,
        )
        .join(Contact, Contact.id == Delivery.contact_id)
        .join(Company, Company.id == Delivery.company_id)
        .where(Delivery.campaign_id == campaign.id)
        .order_by(Delivery.id)
    )
    if state is not None:
        query = query.where(Delivery.status == state)
    for row in session.execute(query.execution_options(yield_per=1_000)):
        yield DeliveryLine(*row)


def finish_if_done(session: Session, campaign_id: int, now: datetime) -> bool:
    """Mark a campaign as sent once no row is pending, being sent or deferred; return whether it was marked now.

    Rows of a cancelled campaign that came back to wait (a 4xx for a mail that was on the wire) are cancelled.
    """
    state = session.scalar(select(Campaign.status).where(Campaign.id == campaign_id))
    if state is CampaignStatus.CANCELLED:
        life.stop_waiting(session, campaign_id, now)
        return False
    unfinished = exists().where(Delivery.campaign_id == campaign_id, Delivery.status.in_(UNFINISHED))
    finished = session.connection().execute(
        update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == CampaignStatus.SENDING, ~unfinished)
        .values(status=CampaignStatus.SENT, finished_at=now)
    )
    if finished.rowcount != 1:
        return False
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    life.record(session, campaign, "scheduler", now, "finished")
    return True


def settle(
    session: Session,
    campaign: Campaign,
    *,
    outcome: Outcome,
    by: str,
    now: datetime,
    contacts: Sequence[int] | None = None,
) -> int:
    """Decide what became of the mails that may or may not have gone; return how many. None is ever sent again.

    Of these `contacts` only, if they are given: each must have an uncertain mail of this campaign.
    """
    uncertain = _uncertain(session, campaign, contacts)
    events = select(
        Delivery.id,
        literal(EventKind.SETTLED, Event.kind.type),
        literal(now, Event.at.type),
        literal(f"{outcome} by {by}"),
    ).where(*uncertain)
    session.connection().execute(
        insert(Event).from_select(["delivery_id", "kind", "at", "detail"], events, include_defaults=False)
    )
    settle_all = update(Delivery).where(*uncertain).values(status_at=now, worker_id=None, retry_at=None)
    if outcome == "sent":
        went = func.coalesce(Delivery.sent_at, Delivery.first_tried_at, Delivery.status_at)
        settle_all = settle_all.values(status=DeliveryStatus.SENT, sent_at=went, reason=None)
    else:
        settle_all = settle_all.values(status=DeliveryStatus.FAILED, reason=GIVEN_UP)
    settled = session.connection().execute(settle_all)
    life.record(session, campaign, by, now, "settled", f"{settled.rowcount} uncertain mails: {outcome}")
    return settled.rowcount


def _uncertain(session: Session, campaign: Campaign, contacts: Sequence[int] | None) -> list[ColumnElement[bool]]:
    """Return what tells the mails to be settled; Refusal if a contact that was named has none."""
    uncertain = [Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.UNCERTAIN]
    if contacts is None:
        return uncertain
    uncertain.append(Delivery.contact_id.in_(contacts))
    known = set(session.scalars(select(Delivery.contact_id).where(*uncertain)))
    if missing := sorted(set(contacts) - known):
        raise Refusal(
            f"campaign {campaign.name!r}: contact {', '.join(map(str, missing))} has no uncertain mail; "
            f"`outreach campaign deliveries {campaign.name} --status uncertain` lists those that have"
        )
    return uncertain


def retriable(session: Session, campaign: Campaign) -> int:
    """Count the mails that `retry` would put back in the queue."""
    if campaign.status not in RETRIED_IN or campaign.frozen_at is None:
        return 0
    return session.scalar(select(func.count()).select_from(Delivery).where(*_failed(campaign))) or 0


def _failed(campaign: Campaign) -> tuple[ColumnElement[bool], ...]:
    return (
        Delivery.campaign_id == campaign.id,
        Delivery.status == DeliveryStatus.FAILED,
        func.coalesce(Delivery.reason, "") != GIVEN_UP,
    )


def retry(session: Session, campaign: Campaign, *, by: str, now: datetime) -> int:
    """Put the mails that failed back in the queue; return how many.

    Only those that certainly never arrived: not the ones a person gave up on (they may have gone), nor what the relay
    refused for good.
    """
    if campaign.status not in RETRIED_IN or campaign.frozen_at is None:
        raise Refusal(
            f"campaign {campaign.name!r} is {campaign.status.value}: failed mails are retried in a campaign that is "
            "being sent, paused or sent"
        )
    again = session.connection().execute(
        update(Delivery)
        .where(*_failed(campaign))
        .values(
            status=DeliveryStatus.PENDING, reason=None, attempts=0, retry_at=None, first_tried_at=None, status_at=now
        )
    )
    if again.rowcount:
        session.connection().execute(
            update(Campaign)
            .where(Campaign.id == campaign.id, Campaign.status == CampaignStatus.SENT)
            .values(status=CampaignStatus.SENDING, finished_at=None)
        )
        session.refresh(campaign)
        life.record(session, campaign, by, now, "retried", f"{again.rowcount} failed mails")
    return again.rowcount


def _per_minute(session: Session, campaign: Campaign, now: datetime) -> float:
    if campaign.status is not CampaignStatus.SENDING or campaign.frozen_at is None:
        return 0.0
    # The minutes of a pause, or before the start, say nothing about the pace.
    since = max(now - RATE_WINDOW, campaign.frozen_at, campaign.resumed_at or campaign.frozen_at)
    sent = select(func.count()).where(
        Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.SENT, Delivery.sent_at >= since
    )
    minutes = max((now - since).total_seconds(), 1.0) / 60
    return round((session.scalar(sent) or 0) / minutes, 1)


def _ends_at(remaining: int, per_minute: float, next_retry_at: datetime | None, now: datetime) -> datetime | None:
    """Return when the rest is sent at this rate, not before the next retry; None while nothing goes out."""
    if not remaining or not per_minute:
        return None
    return max(now + timedelta(minutes=remaining / per_minute), next_retry_at or now)


def _canary(session: Session, campaign: Campaign) -> Canary | None:
    row = session.get(CampaignWatch, campaign.id)
    return Canary(row.canary, row.canary_out_at, row.canary_passed_at) if row is not None and row.canary else None


def _by_provider(session: Session, campaign: Campaign) -> dict[str, dict[str, int]]:
    """Count the mails that are to go or went, by provider of the recipients and status; the largest first."""
    query = select(Delivery.provider, Delivery.status, func.count()).where(
        Delivery.campaign_id == campaign.id, Delivery.status.not_in((DeliveryStatus.SKIPPED, DeliveryStatus.HELD_OUT))
    )
    found: dict[str, dict[str, int]] = {}
    for provider, state, count in session.execute(query.group_by(Delivery.provider, Delivery.status)):
        found.setdefault(provider, {})[state.value] = count
    return dict(sorted(found.items(), key=lambda one: -sum(one[1].values())))


def _by_class(session: Session, campaign: Campaign) -> dict[str, dict[str, int]]:
    """Count the mails that the relay didn't simply take, by status and by its step and class of code."""
    begins = func.substr(Delivery.reply, 1, _REPLY_BEGINS)
    query = select(Delivery.status, begins, func.count()).where(
        Delivery.campaign_id == campaign.id, Delivery.status.in_(TOLD), Delivery.reply.is_not(None)
    )
    found: dict[str, dict[str, int]] = {}
    for state, reply, count in session.execute(query.group_by(Delivery.status, begins)):
        if kind := class_of(reply):
            kinds = found.setdefault(state.value, {})
            kinds[kind] = kinds.get(kind, 0) + count
    return {state: dict(sorted(kinds.items(), key=lambda one: -one[1])) for state, kinds in found.items()}


def _next_retry(session: Session, campaign: Campaign) -> datetime | None:
    deferred = (Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.DEFERRED)
    return session.scalar(select(func.min(Delivery.retry_at)).where(*deferred))

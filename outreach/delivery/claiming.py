"""The life of a row while it is sent: claimed, taken, recorded; and recovered when its worker died.

Claimed: `worker_id` is set and the status is still `pending` or `deferred`; nothing has happened yet, so a dead
worker's claim is simply freed. Taken: `sending`, committed before the first octet; a dead worker's taken row becomes
`uncertain`. Recorded: on condition that the row is still `sending` or `uncertain` and still names this worker, so the
late answer of a worker given up for dead is kept unless a person has decided meanwhile.

Every step is one conditional UPDATE whose row count counts. Progress is rows: no cursor, no order, no timestamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    String,
    Update,
    bindparam,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from outreach.campaigns import life
from outreach.delivery.replies import LONGEST_PAUSE, Reply, Verdict, retry_pause
from outreach.models import (
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryStatus,
    Event,
    EventKind,
    OutboxMail,
    OutboxStatus,
    Worker,
    given,
)
from outreach.models.columns import BigId
from outreach.models.prepared import Prepared

Mails = type[Delivery] | type[OutboxMail]

# Deliveries and outbox share these words; the enum of each table is found by the word.
_STATUSES: dict[Mails, type[DeliveryStatus] | type[OutboxStatus]] = {Delivery: DeliveryStatus, OutboxMail: OutboxStatus}
_EVENT = insert(Event)
# In these a row may be a worker's; in any other a worker's number is left of the past.
HOLDABLE: dict[Mails, tuple[DeliveryStatus | OutboxStatus, ...]] = {
    mails: (words.PENDING, words.DEFERRED, words.SENDING) for mails, words in _STATUSES.items()
}
_EVENTS = {
    "sent": EventKind.SENT,
    "deferred": EventKind.DEFERRED,
    "rejected": EventKind.REJECTED,
    "failed": EventKind.FAILED,
    "uncertain": EventKind.UNCERTAIN,
}


@dataclass(frozen=True)
class Result:
    """What became of a mail: its new status (a word of both tables), why, and when to try again."""

    status: str
    reason: str | None = None
    reply: str | None = None
    retry_at: datetime | None = None


def due(mails: Mails, now: datetime) -> ColumnElement[bool]:
    """Say which rows of a table may be claimed now; a time further off than any pause was told by a wrong clock."""
    return or_(_fresh(mails), _retried(mails, now))


def _fresh(mails: Mails) -> ColumnElement[bool]:
    return (mails.status == _STATUSES[mails].PENDING) & mails.retry_at.is_(None)


def _retried(mails: Mails, now: datetime) -> ColumnElement[bool]:
    waiting = mails.status.in_((_STATUSES[mails].PENDING, _STATUSES[mails].DEFERRED))
    return waiting & or_(mails.retry_at <= now, mails.retry_at > now + LONGEST_PAUSE)


def claim(
    session: Session, mails: Mails, worker_id: int, now: datetime, limit: int, *conditions: ColumnElement[bool]
) -> list[int]:
    """Claim at most `limit` free rows that are due, those never tried first; return their ids."""
    claimed: list[int] = []
    for which in (_fresh(mails), _retried(mails, now)):
        free = select(mails.id).where(mails.worker_id.is_(None), which, *conditions)
        # Two statements: PostgreSQL may run a locking subquery of an UPDATE more than once, past its LIMIT.
        ids = session.scalars(free.limit(limit - len(claimed)).with_for_update(skip_locked=True)).all()
        if ids:
            found = _claiming(mails).run(session, ids=given.as_parameter([id] for id in ids), me=worker_id)
            claimed += [id for (id,) in found]
        if len(claimed) == limit:
            break
    return sorted(claimed)


def release(session: Session, mails: Mails, worker_id: int, ids: Sequence[int]) -> None:
    """Free claimed rows that were not taken."""
    free = update(mails).where(mails.id.in_(ids), mails.worker_id == worker_id, _waiting(mails))
    session.execute(free.values(worker_id=None))


def take(session: Session, mails: Mails, worker_id: int, ids: Sequence[int], now: datetime) -> set[int]:
    """Make claimed rows `sending`; return those that are, since a campaign may have been paused meanwhile."""
    if not ids:
        return set()
    found = _taking(mails).run(session, ids=given.as_parameter([id] for id in ids), me=worker_id, now=now)
    return {id for (id,) in found}


@cache
def _claiming(mails: Mails) -> Prepared:
    def build(dialect: str) -> Update:
        free = update(mails).where(mails.id.in_(given.ids(dialect)), mails.worker_id.is_(None))
        return free.values(worker_id=bindparam("me")).returning(mails.id)

    return Prepared(build)


@cache
def _taking(mails: Mails) -> Prepared:
    return Prepared(lambda dialect: _take(mails, dialect))


def _take(mails: Mails, dialect: str) -> Update:
    ours = update(mails).where(mails.id.in_(given.ids(dialect)), mails.worker_id == bindparam("me"), _waiting(mails))
    if mails is Delivery:
        live = exists().where(Campaign.id == Delivery.campaign_id, Campaign.status == CampaignStatus.SENDING)
        ours = ours.where(live)
    now = bindparam("now", type_=mails.status_at.type)
    taken = ours.values(
        status=_STATUSES[mails].SENDING,
        attempts=mails.attempts + 1,
        first_tried_at=func.coalesce(mails.first_tried_at, now),
        status_at=now,
    )
    return taken.returning(mails.id)


def close(session: Session, mails: Mails, worker_id: int, id: int, result: Result, now: datetime) -> bool:
    """Give a claimed row that was never taken its end: skipped, or failed before the wire."""
    return _write(session, mails, id, worker_id, result, now, taken=False)


def record(session: Session, mails: Mails, worker_id: int, id: int, result: Result, now: datetime) -> bool:
    """Write what became of a taken row; False if others decided about it meanwhile."""
    if mails is OutboxMail or result.status not in ("pending", "deferred"):
        return _write(session, mails, id, worker_id, result, now, taken=True)
    # Locked first: who finishes or cancels the campaign either sees this row waiting, or is seen here.
    query = select(Campaign).join(Delivery, Delivery.campaign_id == Campaign.id).where(Delivery.id == id)
    campaign = session.scalars(query.with_for_update(of=Campaign).execution_options(populate_existing=True)).one()
    written = _write(session, mails, id, worker_id, result, now, taken=True)
    if written:
        _go_on(session, campaign, now)
    return written


def _go_on(session: Session, campaign: Campaign, now: datetime) -> None:
    """Let a campaign know that a row of it waits again, though it may have come to its end without that row."""
    if campaign.status is CampaignStatus.CANCELLED:
        life.stop_waiting(session, campaign.id, now)
    elif campaign.status is CampaignStatus.SENT:
        campaign.status, campaign.finished_at = CampaignStatus.SENDING, None
        why = "a sender that was taken for dead came back with mails that never went out"
        life.record(session, campaign, "sender", now, "reopened", why)
        session.flush()


def record_sent(
    session: Session, mails: Mails, worker_id: int, sent: Sequence[tuple[int, str]], now: datetime
) -> set[int]:
    """Write of taken rows (id, the relay's words) that they are sent; return those about which nobody else decided."""
    rows = given.as_parameter(sent)
    ours = {id for (id,) in _recording_sent(mails).run(session, rows=rows, me=worker_id, now=now)}
    if ours and mails is Delivery:
        theirs = rows if len(ours) == len(sent) else given.as_parameter(one for one in sent if one[0] in ours)
        _NOTING_SENT.run(session, rows=theirs, now=now)
    return ours


_SENT = (("id", BigId), ("said", String()))


@cache
def _recording_sent(mails: Mails) -> Prepared:
    return Prepared(lambda dialect: _record_sent(mails, dialect))


def _record_sent(mails: Mails, dialect: str) -> Update:
    words, sent = _STATUSES[mails], given.rows(dialect, _SENT)
    now = bindparam("now", type_=mails.status_at.type)
    # `+ 0`: SQLite would begin with all that this worker holds, and look each up among the given.
    ours = update(mails).where(mails.id == sent.c.id, mails.worker_id + 0 == bindparam("me", type_=BigId))
    return (
        ours.where(or_(mails.status == words.SENDING, mails.status == words.UNCERTAIN))
        .values(**_end(words.SENT, null(), sent.c.said, null(), now), sent_at=now)
        .returning(mails.id)
    )


def _note_sent(dialect: str) -> Insert:
    sent = given.rows(dialect, _SENT)
    kind = literal(EventKind.SENT, Event.kind.type)
    columns = select(sent.c.id, kind, bindparam("now", type_=Event.at.type), sent.c.said)
    return insert(Event).from_select(["delivery_id", "kind", "at", "detail"], columns, include_defaults=False)


_NOTING_SENT = Prepared(_note_sent)


def take_back(session: Session, campaign_id: int, ids: Sequence[int], now: datetime) -> None:
    """Let rejected deliveries wait again, due at once yet behind all that was never tried."""
    rejected = (Delivery.campaign_id == campaign_id, Delivery.status == DeliveryStatus.REJECTED)
    waits = {"status": DeliveryStatus.PENDING, "reason": None, "retry_at": now, "status_at": now}
    session.execute(update(Delivery).where(Delivery.id.in_(ids), *rejected).values(**waits, first_tried_at=None))


def recover(session: Session, mails: Mails, now: datetime) -> int:
    """Free what workers that are gone had claimed, and make `uncertain` what they were sending; return how many."""
    gone = _gone(mails)
    session.execute(update(mails).where(gone, _waiting(mails)).values(worker_id=None))
    statuses = _STATUSES[mails]
    # The worker's id stays: should it come back after all, it may still write the answer it got.
    lost = update(mails).where(gone, mails.status == statuses.SENDING)
    words = "the sender stopped while this was on its way"
    ids = session.scalars(lost.values(status=statuses.UNCERTAIN, reply=words, status_at=now).returning(mails.id)).all()
    if mails is Delivery and ids:
        rows = [{"delivery_id": id, "kind": EventKind.UNCERTAIN, "at": now, "detail": words} for id in ids]
        session.execute(insert(Event), rows)
    return len(ids)


def has_lost(session: Session) -> bool:
    """Tell whether a worker that is gone still holds rows."""
    held = [_gone(mails) & mails.status.in_(HOLDABLE[mails]) for mails in (Delivery, OutboxMail)]
    return bool(session.scalar(select(or_(*(exists().where(one) for one in held)))))


def _gone(mails: Mails) -> ColumnElement[bool]:
    return mails.worker_id.is_not(None) & mails.worker_id.not_in(select(Worker.id))


def _waiting(mails: Mails) -> ColumnElement[bool]:
    # Not IN, which a statement for many rows at once can't have.
    return or_(mails.status == _STATUSES[mails].PENDING, mails.status == _STATUSES[mails].DEFERRED)


def _write(
    session: Session, mails: Mails, id: int, worker_id: int, result: Result, now: datetime, *, taken: bool
) -> bool:
    values = {
        "this_id": id,
        "me": worker_id,
        "why": result.reason,
        "said": result.reply,
        "later": result.retry_at,
        "now": now,
    }
    connection = session.connection()
    if connection.execute(_writing(mails, result.status, taken), values).rowcount != 1:
        return False
    if mails is Delivery and result.status in _EVENTS:
        detail = ": ".join(filter(None, (result.reason, result.reply)))
        event = {"delivery_id": id, "kind": _EVENTS[result.status], "at": now, "detail": detail}
        connection.execute(_EVENT, event)
    return True


@cache
def _writing(mails: Mails, status: str, taken: bool) -> Update:
    words = _STATUSES[mails]
    now = bindparam("now", type_=mails.status_at.type)
    end = _end(words(status), bindparam("why"), bindparam("said"), bindparam("later"), now)
    if status == "sent":
        end["sent_at"] = now
    if status == "pending":
        # It wasn't its turn to be judged: the hours of its retries start anew.
        end["first_tried_at"] = null()
    open_to_us = or_(mails.status == words.SENDING, mails.status == words.UNCERTAIN) if taken else _waiting(mails)
    return _ours(mails).where(open_to_us).values(**end)


def _end(status: object, reason: object, reply: object, retry_at: object, now: object) -> dict[str, Any]:
    """Give the columns of a row that a worker is done with."""
    return {
        "status": status,
        "reason": reason,
        "reply": reply,
        "retry_at": retry_at,
        "worker_id": null(),
        "status_at": now,
    }


def _ours(mails: Mails) -> Update:
    """Begin an UPDATE of one row that names this worker; built once, since building costs more than running it."""
    return update(mails).where(mails.id == bindparam("this_id"), mails.worker_id == bindparam("me"))


@dataclass(frozen=True)
class Attempts:
    """What a row's retries are judged by."""

    id: int
    count: int
    first_at: datetime | None


def result_of(reply: Reply, tried: Attempts, *, retry_window: timedelta, now: datetime) -> Result:
    """Say what a reply makes of a mail; PAUSE and STOP send it back, since they are about us."""
    said = str(reply)
    match reply.verdict:
        case Verdict.DELIVERED:
            return Result("sent", None, said)
        case Verdict.REJECT:
            return Result("rejected", reply.enhanced or (str(reply.code) if reply.code else "unsupported"), said)
        case Verdict.UNCERTAIN:
            return Result("uncertain", "no_answer", said)
        case Verdict.PAUSE | Verdict.STOP:
            # Due at once, yet behind all that was never tried: one bad mail can't hold up the others.
            return Result("pending", None, said, now)
        case Verdict.RETRY | Verdict.SLOW | Verdict.RENEW:
            return deferred(said, tried, retry_window=retry_window, now=now)


def deferred(said: str, tried: Attempts, *, retry_window: timedelta, now: datetime) -> Result:
    """Put a mail off with a growing pause, or give it up once its retry window is over."""
    if tried.first_at is not None and now - tried.first_at >= retry_window:
        return Result("failed", "expired", said)
    return Result("deferred", None, said, now + retry_pause(tried.count, tried.id))

"""What a believed message does: events at the delivery first, each once; then what follows from a new one.

An event that was there already does nothing again, so a bounce that is sent a second time, after a person lifted the
suppression, changes nothing. Only the address that the mail went to is ever suppressed, never one that merely stands
in the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.audience import bulk, suppressing
from outreach.audience.addresses import hash_within
from outreach.delivery import opting_out
from outreach.delivery.replies import masked
from outreach.inbox import counting, turning_away
from outreach.inbox.believing import Belief, Disbelief
from outreach.inbox.kinds import ABOUT_US, NO_COMPLAINT, Class, Finding, Kind, Reason, Report
from outreach.models import Delivery, DeliveryStatus, Event, EventKind, InboxMessage, SuppressionReason
from outreach.subscriptions.asking import Ours

ACTOR = "inbox"
_DETAIL = 500


@dataclass(frozen=True)
class Outcome:
    """What was done, in words; `waits` says that a person must look."""

    note: str
    waits: bool = False


def act(
    session: Session, message: InboxMessage, report: Report, belief: Belief | Disbelief, ours: Ours, now: datetime
) -> Outcome:
    """Do what a message that is no answer says, as far as it is believed."""
    if isinstance(belief, Disbelief):
        return _unbelieved(report, belief)
    if belief.delivery is None:
        return _about_a_campaign_only(report)
    settle_uncertain(session, belief.delivery, f"by a message that came back ({report.kind})", now)
    told = _Told(session, message, belief.delivery, ours, now)
    match report.kind:
        case Kind.BOUNCE:
            return _bounced(told, report)
        case Kind.COMPLAINT:
            return _complained(told, report)
        case Kind.OPT_OUT:
            return _opted_out(told)
        case Kind.AUTOREPLY:
            told.event(EventKind.AUTORESPONDED, Class.AUTOREPLY, _reason_of(report, Reason.AUTOMATIC), report.subject)
            return Outcome("an automatic reply; it counts for nothing")
        case Kind.DELIVERY_NOTICE:
            told.event(EventKind.DELIVERED, Class.DELIVERED, _reason_of(report, Reason.DELIVERED), "")
            return Outcome("the mail arrived")
        case Kind.CHALLENGE:
            told.event(EventKind.AUTORESPONDED, Class.AUTOREPLY, "challenge", report.subject)
            return Outcome("it asks to prove that a person wrote; only a person may do that", waits=True)
        case Kind.ADDRESS_CHANGE:
            told.event(EventKind.AUTORESPONDED, Class.AUTOREPLY, "address_change", report.subject)
            return Outcome(f"says that the address is now {report.new_address or 'another'}; nothing was changed", True)
    return Outcome("not understood", waits=True)


def _unbelieved(report: Report, belief: Disbelief) -> Outcome:
    if report.kind in (Kind.AUTOREPLY, Kind.DELIVERY_NOTICE):
        return Outcome(f"about no mail of ours that can be named: {belief.reason}")
    return Outcome(f"not believed: {belief.reason}", waits=True)


def _about_a_campaign_only(report: Report) -> Outcome:
    """Say what becomes of a message to a Reply-To address without a Message-ID: it names no person."""
    if report.kind in (Kind.AUTOREPLY, Kind.DELIVERY_NOTICE):
        return Outcome("an automatic reply; it counts for nothing")
    return Outcome("it answers a campaign, but nothing proves to whose mail: From alone is not believed", waits=True)


@dataclass(frozen=True)
class _Told:
    """What a message tells of one delivery."""

    session: Session
    message: InboxMessage
    delivery: Delivery
    ours: Ours
    now: datetime

    def event(self, kind: EventKind, klass: str, reason: str, detail: str) -> bool:
        """Write an event down; False if this was told before."""
        return record(self.session, self.delivery.id, kind, klass, reason, detail, self.message.id, self.now)

    def delayed(self, detail: str) -> None:
        """Write down, once, that the mail is held up: no bounce yet, so it counts as none anywhere."""
        mine = (Event.delivery_id == self.delivery.id, Event.kind == EventKind.DEFERRED, Event.reason == Reason.DELAYED)
        if not self.session.scalar(select(exists().where(*mine))):
            self.event(EventKind.DEFERRED, Class.SOFT, Reason.DELAYED, detail)

    def suppress(self, reason: SuppressionReason, why: str) -> bool:
        """Suppress the address that the mail went to; of an erased contact nothing is left to suppress."""
        if self.delivery.address_hash is None:
            return False
        return suppressing.suppress(
            self.session,
            self.delivery.address_hash,
            reason=reason,
            source=f"delivery {self.delivery.id}, {why}",
            actor=ACTOR,
            now=self.now,
            campaign_id=self.delivery.campaign_id,
        )


def record(
    session: Session,
    delivery_id: int,
    kind: EventKind,
    klass: str,
    reason: str,
    detail: str,
    inbox_id: int | None,
    now: datetime,
) -> bool:
    """Write down what came back about a delivery, once; return whether it is new."""
    insert = sqlite.insert if bulk.is_sqlite(session) else postgresql.insert
    values = {
        "delivery_id": delivery_id,
        "kind": kind,
        "at": now,
        "detail": masked(detail)[:_DETAIL],
        "klass": klass,
        "reason": reason,
        "inbox_id": inbox_id,
    }
    # The index of what is told once decides, so of two processes only one acts.
    added = insert(Event).values(values).on_conflict_do_nothing().returning(Event.id)
    return session.scalar(added) is not None


def _bounced(told: _Told, report: Report) -> Outcome:
    finding, own = _about(told, report)
    klass = finding.klass if own else Class.SOFT
    diagnostic = " ".join(filter(None, (finding.status, finding.diagnostic)))
    if not own:
        diagnostic = f"names another address than the mail went to: {diagnostic}"
    if not finding.final:
        told.delayed(diagnostic)
        return Outcome("delayed: the mail may still arrive")
    if not told.event(EventKind.BOUNCED, klass, finding.reason, diagnostic):
        return Outcome(f"told before: bounced, {klass}, {finding.reason}")
    if klass is Class.HARD:
        why = f"bounced: {finding.reason}" + (f" {finding.status}" if finding.status else "")
        told.suppress(SuppressionReason.HARD_BOUNCE, why)
        return Outcome(f"bounced, {finding.reason}: the address is suppressed")
    settings = told.ours.settings.inbox
    if finding.reason in ABOUT_US:
        paused = turning_away.pause_if_many(told.session, told.delivery.campaign_id, settings, told.now)
        return Outcome(
            f"turned away, {finding.reason}: it is about us" + (", and the campaign is paused" if paused else "")
        )
    if suppressed := counting.suppress_if_often(told.session, told.delivery, settings, told.now):
        return Outcome(f"bounced soft, {finding.reason}; {suppressed}")
    return Outcome(f"bounced soft, {finding.reason}")


def _about(told: _Told, report: Report) -> tuple[Finding, bool]:
    """Return what is said of the address that the mail went to, and whether it is said of that one.

    Where no recipient is named at all, what our token says is enough: it is about that one. Where another address is
    named, the mail was passed on to it: that the other one is dead says less of ours.
    """
    failed = [one for one in report.recipients if one.klass in (Class.HARD, Class.SOFT)]
    if not failed:
        return Finding("", Class.SOFT, Reason.UNDEFINED, diagnostic=report.subject), True
    mine = [one for one in failed if told.delivery.address_hash in _hashes(one, told.ours.key)]
    best = max(mine or failed, key=lambda one: (one.final, one.klass is Class.HARD))
    return best, bool(mine) or not any(one.address for one in failed)


def _hashes(finding: Finding, key: bytes) -> set[bytes | None]:
    return {hash_within(key, address) for address in (finding.address, finding.original) if address}


def _complained(told: _Told, report: Report) -> Outcome:
    reason = _reason_of(report, Reason.ABUSE)
    if reason in NO_COMPLAINT:
        return Outcome(f"{reason}: no person complained", waits=reason == Reason.NOT_SPAM)
    if not told.event(EventKind.COMPLAINED, Class.COMPLAINT, reason, report.subject):
        return Outcome(f"told before: complained, {reason}")
    told.suppress(SuppressionReason.COMPLAINT, f"complained: {reason}")
    return Outcome(f"complained, {reason}: the address is suppressed")


def _opted_out(told: _Told) -> Outcome:
    delivery, settings = told.delivery, told.ours.settings
    opting_out.opt_out(
        told.session, delivery.id, delivery.address_hash, via="asked by mail", settings=settings, now=told.now
    )
    return Outcome("asked to get no more: the address is suppressed, and the person is told once")


def _reason_of(report: Report, otherwise: Reason) -> str:
    return str(report.recipients[0].reason if report.recipients else otherwise)


def settle_uncertain(session: Session, delivery: Delivery, how: str, now: datetime) -> bool:
    """Make an uncertain delivery `sent`: what came back about a mail proves that it went.

    One that is uncertain only later is found by `understanding.settle_proven`.
    """
    if delivery.status is not DeliveryStatus.UNCERTAIN:
        return False
    settled = session.scalars(
        update(Delivery)
        .where(Delivery.id == delivery.id, Delivery.status == DeliveryStatus.UNCERTAIN)
        .values(
            status=DeliveryStatus.SENT,
            reason=None,
            worker_id=None,
            retry_at=None,
            status_at=now,
            sent_at=func.coalesce(Delivery.sent_at, Delivery.first_tried_at, Delivery.status_at),
        )
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    if settled.first() is None:
        return False
    session.add(Event(delivery_id=delivery.id, kind=EventKind.SETTLED, at=now, detail=f"sent {how}"))
    session.flush()
    session.refresh(delivery)
    return True

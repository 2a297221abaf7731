"""One transaction between carrier and tables: what became of the mails that were answered, and which go next.

In a group each step is one statement for all. Where the rows turn out not to be as they were when they were claimed (a
person settled one, paused or cancelled the campaign), the transaction is done again row by row, which tells them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from outreach.delivery import claiming
from outreach.delivery.claiming import Result
from outreach.delivery.lanes import Lane, Mail
from outreach.delivery.replies import Reply, Verdict, speaker
from outreach.delivery.rounds import Round
from outreach.models import PaceOf
from outreach.relays import OTHER

# So many unknowable ends in a row, and a person looks before more mails end like that.
UNCERTAIN_IN_A_ROW = 3


@dataclass(eq=False, slots=True)
class Ready:
    """A claimed mail, composed; `message` is in wire form. `returned` says that a connection gave it back once."""

    lane: Lane
    mail: Mail
    sender: str
    recipient: str
    message: bytes = field(repr=False)
    returned: bool = False
    route: str = ""  # the relay that it goes over, once there is a permit


class Answered(NamedTuple):
    """A mail that was on the wire, the reply that decides about it, and the relay that gave it."""

    lane: Lane
    mail: Mail
    reply: Reply
    route: str


@dataclass
class Exchanged:
    """What was written, and which mails are `sending` now."""

    results: list[tuple[Lane, Mail, Result]] = field(default_factory=list)
    taken: list[Ready] = field(default_factory=list)


def exchange(round: Round, answered: Sequence[Answered], ready: Sequence[Ready]) -> Exchanged:
    """Record the answers and take the mails that may still go; the others are refused or released."""
    return round.commit(lambda session: _exchange(round, session, answered, ready))


def give_back(
    round: Round, answered: Sequence[Answered], taken: Sequence[Ready], claimed: Sequence[tuple[Lane, Mail]]
) -> None:
    """Record the last answers; let what was taken but never on the wire wait again, and free what was claimed."""

    def back(session: Session) -> Exchanged:
        now = round.now()
        exchanged = Exchanged()
        for one in answered:
            _record(round, session, one, now, exchanged)
        for ready_one in taken:
            waits = Result("pending")
            claiming.record(session, ready_one.lane.mails, round.worker_id, ready_one.mail.id, waits, now)
        _release(round, session, claimed)
        return exchanged

    if answered or taken or claimed:
        for lane, mail, result in round.commit(back).results:
            round.count(lane, mail, result)


def _exchange(round: Round, session: Session, answered: Sequence[Answered], ready: Sequence[Ready]) -> Exchanged:
    exchanged, now = Exchanged(), round.now()
    delivered: defaultdict[int, list[Answered]] = defaultdict(list)
    for one in answered:
        if one.reply.verdict is Verdict.DELIVERED:
            delivered[id(one.lane)].append(one)
        else:
            _record(round, session, one, now, exchanged)
    for group in delivered.values():
        _record_delivered(round, session, group, now, exchanged)
    lanes: defaultdict[int, list[Ready]] = defaultdict(list)
    for ready_one in ready:
        lanes[id(ready_one.lane)].append(ready_one)
    for ready_group in lanes.values():
        _take(round, session, ready_group, now, exchanged)
    return exchanged


def _record_delivered(
    round: Round, session: Session, group: Sequence[Answered], now: datetime, exchanged: Exchanged
) -> None:
    lane = group[0].lane
    sent = [(one.mail.id, str(one.reply)) for one in group]
    written = claiming.record_sent(session, lane.mails, round.worker_id, sent, now)
    for name in {one.route for one in group}:
        round.worked(session, round.routes[name])
    for one, (id, words) in zip(group, sent, strict=True):
        lane.note(one.mail, one.reply)
        if id in written:
            exchanged.results.append((lane, one.mail, Result("sent", None, words)))


def _take(round: Round, session: Session, group: Sequence[Ready], now: datetime, exchanged: Exchanged) -> None:
    lane = group[0].lane
    if not lane.is_open(now):
        _release(round, session, [(lane, one.mail) for one in group])
        return
    refused = lane.refusals(session, [one.mail for one in group])
    for one in group:
        if result := refused.get(one.mail.id):
            claiming.close(session, lane.mails, round.worker_id, one.mail.id, result, now)
            exchanged.results.append((lane, one.mail, result))
    free = [one for one in group if one.mail.id not in refused]
    taken = claiming.take(session, lane.mails, round.worker_id, [one.mail.id for one in free], now)
    exchanged.taken += [one for one in free if one.mail.id in taken]
    _release(round, session, [(lane, one.mail) for one in free if one.mail.id not in taken])


def _record(round: Round, session: Session, one: Answered, now: datetime, exchanged: Exchanged) -> None:
    lane, reply, route = one.lane, one.reply, round.routes[one.route]
    if result := lane.record(session, round.worker_id, one.mail, reply, now):
        exchanged.results.append((lane, one.mail, result))
    match reply.verdict:
        case Verdict.DELIVERED:
            round.worked(session, route)
        case Verdict.UNCERTAIN:
            if round.rest(session, route, reply) >= UNCERTAIN_IN_A_ROW:
                lane.give_pause(session, f"the relay takes mail without an answer: {reply}", now)
        case Verdict.SLOW:
            _slow(round, session, one)
        case Verdict.STOP:
            round.rest(session, route, reply)
        case Verdict.RETRY if reply.code is None:
            round.rest(session, route, reply)


def _slow(round: Round, session: Session, one: Answered) -> None:
    """Ease the provider that is overrun, where it is known; else the relay, which rests too."""
    reply, route = one.reply, round.routes[one.route]
    provider = speaker(reply.words)
    if provider is None and reply.code != 421 and reply.rule.reason == "too_fast" and one.mail.provider != OTHER:
        provider = one.mail.provider
    if provider is not None:
        round.permits.slow(PaceOf.PROVIDER, provider, str(reply))
        return
    round.permits.slow(PaceOf.RELAY, route.name, str(reply))
    round.rest(session, route, reply)


def _release(round: Round, session: Session, claimed: Sequence[tuple[Lane, Mail]]) -> None:
    for mails in {lane.mails for lane, _ in claimed}:
        ids = [mail.id for lane, mail in claimed if lane.mails is mails]
        claiming.release(session, mails, round.worker_id, ids)

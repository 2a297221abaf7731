"""A round of sending: what its connections share, from the first claim until nothing is due or something is wrong."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from outreach.database import Database
from outreach.delivery import claiming, lanes, resting, smtp
from outreach.delivery.claiming import Result
from outreach.delivery.lanes import CampaignLane, Lane, Mail, OutboxLane
from outreach.delivery.outcomes import OTHER, Outcome, kind_of
from outreach.delivery.pace import Pace
from outreach.delivery.presence import Presence
from outreach.delivery.replies import Reply, Verdict
from outreach.delivery.smtp import Connection, NoConnection
from outreach.links import Links
from outreach.models import Campaign, CampaignStatus, Delivery, OutboxMail, PauseKind
from outreach.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

# A rest of so many seconds is waited for; during a longer one there are no rounds.
PATIENCE = 5.0
FAILURES = 3
# With fewer connections than we want a round ends after so long, and the next one tries for all of them.
FEWER_SECONDS = 30.0
# A full disk or a lock that is held long: an answer we have is worth waiting for, since nobody can ask for it again.
_COMMIT_PAUSES = (0.2, 1.0, 5.0, 15.0)
OUTBOX = "outbox"


class Tally:
    """Counts what became of mails, for any number of threads."""

    def __init__(
        self,
        progress: Callable[[Counter[str]], None] | None = None,
        note: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        self._lock = threading.Lock()
        self._progress = progress
        self.note = note
        self.counts: Counter[str] = Counter()

    def add(self, word: str, count: int = 1) -> None:
        with self._lock:
            self.counts[word] += count
            if self._progress is not None:
                self._progress(self.counts.copy())


@dataclass
class Round:
    """Shared by the connections of one process while it sends."""

    database: Database
    settings: Settings
    links: Links
    now: Callable[[], datetime]
    stop: threading.Event
    me: Presence
    tally: Tally
    pacer: Pace
    simulated: bool = False
    only: frozenset[int] | None = None  # of these campaigns; None = of all
    troubled: bool = False
    trouble: str | None = None
    _halted: threading.Event = field(default_factory=threading.Event)
    # SQLite takes one writer at a time; waiting here is fair and quick, where its own waiting is neither.
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _loading: threading.Lock = field(default_factory=threading.Lock)
    _campaigns: dict[int, CampaignLane] = field(default_factory=dict)
    _open: int = 0
    _fewer_since: float = 0.0
    _failures: int = 0
    _rest_until: float = 0.0
    _context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if self.settings.relay.security != "none":
            self._context = smtp.tls_context(self.settings.relay)

    @property
    def worker_id(self) -> int:
        return self.me.worker_id

    def over(self) -> bool:
        """Tell whether to stop before the next mail."""
        return self.stop.is_set() or self._halted.is_set() or self.me.lost.is_set()

    def halt(self, reason: str) -> None:
        """End the round for all connections; what is on the wire is finished first."""
        with self._guard:
            if self.trouble is None:
                self.trouble = reason
                log.warning("sending stops for now: %s", reason)
        self._halted.set()

    def wait(self, seconds: float) -> None:
        """Wait, but not past the end of the round."""
        until = time.monotonic() + seconds
        while not self.over() and (left := until - time.monotonic()) > 0:
            self.stop.wait(min(left, 0.25))

    def commit(self, work: Callable[[Session], T]) -> T:
        """Do `work` in a transaction of its own, again if the database was busy or away for a moment."""
        for pause in _COMMIT_PAUSES:
            try:
                return self._once(work)
            except OperationalError as error:
                log.warning("the database refused: %s; again in %s s", error.orig, pause)
                time.sleep(pause)
        return self._once(work)

    def _once(self, work: Callable[[Session], T]) -> T:
        if not self.database.is_sqlite:
            with self.database.writing() as session:
                return work(session)
        with self._turn, self.database.writing() as session:
            return work(session)

    def next_batch(self, number: int, size: int) -> tuple[Lane, list[Mail]] | None:
        """Claim mails: the outbox first, then the campaigns in turn; None if nothing is due or a new round better."""
        if self._fewer_since and time.monotonic() > self._fewer_since + FEWER_SECONDS:
            return None
        outbox = OutboxLane(self.settings)
        if mails := self._claim(outbox, size, outbox_is_due):
            return outbox, mails
        with self.database.reading() as session:
            waiting = waiting_campaigns(session, self.now(), simulated=self.simulated, only=self.only)
        for campaign_id in waiting[number % len(waiting) :] + waiting[: number % len(waiting)] if waiting else []:
            lane = self._campaign(campaign_id)
            if lane is not None and (mails := self._claim(lane, size)):
                return lane, mails
        return None

    def _claim(self, lane: Lane, size: int, is_due: Callable[[Session, datetime], bool] | None = None) -> list[Mail]:
        if is_due is not None:
            with self.database.reading() as session:
                if not is_due(session, self.now()):
                    return []
        return self.commit(lambda session: lane.claim(session, self.worker_id, self.now(), size))

    def _campaign(self, campaign_id: int) -> CampaignLane | None:
        """Return the lane of a campaign; one that can't be loaded is paused with the reason, and no row is touched."""
        with self._loading:
            if campaign_id in self._campaigns:
                return replace(self._campaigns[campaign_id], now=self.now())
            try:
                with self.database.reading() as session:
                    lane = lanes.open_campaign(
                        session, campaign_id, settings=self.settings, links=self.links, now=self.now()
                    )
            except Exception as error:
                log.exception("campaign %s can't be loaded", campaign_id)
                reason = f"its mails can't be made: {error}"
                self.commit(
                    lambda session: lanes.pause_sending(session, campaign_id, reason, PauseKind.CONTENT, self.now())
                )
                return None
            self._campaigns[campaign_id] = lane
            return lane

    def connect(self) -> Connection | None:
        """Open a connection, waiting out short rests; None if the round is over or the others are enough."""
        while not self.over():
            self.wait(self._rest_until - time.monotonic())
            try:
                connection = smtp.connect(self.settings.relay, self._context)
            except NoConnection as refused:
                with self._guard:
                    others = self._open
                # A relay may allow fewer connections than we would like; those that it took go on.
                if others and refused.reply.verdict is not Verdict.STOP:
                    log.info("one connection fewer: %s", refused.reply)
                    self._fewer_since = self._fewer_since or time.monotonic()
                    return None
                reply = refused.reply
                self.commit(lambda session, reply=reply: self.rest(session, reply))  # type: ignore[misc]
                continue
            with self._guard:
                self._open += 1
            return connection
        return None

    def disconnect(self, connection: Connection) -> None:
        with self._guard:
            self._open -= 1
        connection.close()

    def grant(self, wanted: int) -> tuple[int, float]:
        """Return how many of the wanted messages may go now, and how many seconds until more may."""
        resting = self._rest_until - time.monotonic()
        return (0, resting) if resting > 0 else self.pacer.grant(wanted)

    def rest(self, session: Session, reply: Reply) -> int:
        """Give the relay a rest and return how often it failed in a row; a long rest, or a third, ends the round."""
        now = self.now()
        rest = resting.begin(session, self.settings.relay, reply, now)
        seconds = (rest.until - now).total_seconds()
        self.troubled = True
        with self._guard:
            if time.monotonic() >= self._rest_until:  # else another connection failed of the same cause
                self._failures += 1
                self._rest_until = time.monotonic() + min(seconds, PATIENCE)
        if rest.configuration or seconds > PATIENCE or self._failures >= FAILURES:
            self.halt(str(reply))
        return max(rest.failures, self._failures)

    def worked(self, session: Session) -> None:
        """Forget the relay's troubles: it took a message."""
        if self.troubled:
            resting.end(session, self.settings.relay)
            self.troubled, self._failures = False, 0

    def count(self, lane: Lane, mail: Mail, result: Result) -> None:
        campaign_id = lane.campaign_id if isinstance(lane, CampaignLane) else None
        self.tally.add(f"{OUTBOX}_{result.status}" if campaign_id is None else result.status)
        kind = kind_of(result.reason, result.reply)
        self.tally.note(Outcome(result.status, kind, OTHER, mail.id, campaign_id, mail.tried.count))


def outbox_is_due(session: Session, now: datetime) -> bool:
    """Tell whether the outbox has mail that may be claimed now."""
    return _any(session, OutboxMail.worker_id.is_(None) & claiming.due(OutboxMail, now))


def waiting_campaigns(
    session: Session, now: datetime, *, simulated: bool = False, only: frozenset[int] | None = None
) -> list[int]:
    """Return the campaigns being sent, the real or the simulated ones, that have mail which may be claimed now."""
    waits = exists().where(
        Delivery.campaign_id == Campaign.id, Delivery.worker_id.is_(None), claiming.due(Delivery, now)
    )
    sending = select(Campaign.id).where(
        Campaign.status == CampaignStatus.SENDING, Campaign.simulated.is_(simulated), waits
    )
    if only is not None:
        sending = sending.where(Campaign.id.in_(only))
    return list(session.scalars(sending.order_by(Campaign.id)))


def has_strays(session: Session) -> bool:
    """Tell whether a worker, dead or alive, holds rows."""
    held = Delivery.worker_id.is_not(None) & Delivery.status.in_(claiming.HOLDABLE[Delivery])
    held_mail = OutboxMail.worker_id.is_not(None) & OutboxMail.status.in_(claiming.HOLDABLE[OutboxMail])
    return _any(session, held) or _any(session, held_mail)


def _any(session: Session, condition: ColumnElement[bool]) -> bool:
    return bool(session.scalar(select(exists().where(condition))))

"""A round of sending: what its connections share, from the first claim until nothing is due or something is wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from outreach.campaigns import canaries
from outreach.campaigns.spec import window_of
from outreach.database import Database
from outreach.delivery import claiming, lanes, pace, resting, smtp, watching
from outreach.delivery.claiming import Result
from outreach.delivery.lanes import CampaignLane, Lane, Mail, OutboxLane
from outreach.delivery.outcomes import Outcome, kind_of
from outreach.delivery.pace import Permits
from outreach.delivery.presence import Presence
from outreach.delivery.replies import Reply, Verdict
from outreach.delivery.routes import Route, Routes, plan
from outreach.delivery.smtp import Connection, NoConnection
from outreach.delivery.watching import Histories
from outreach.emails import signing
from outreach.emails.signing import Signer
from outreach.links import Links
from outreach.models import Campaign, CampaignStatus, CampaignWatch, Delivery, OutboxMail, PaceOf, PauseKind
from outreach.settings import SendingSettings, Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

# A rest of so many seconds is waited for; during a longer one there are no rounds.
PATIENCE = 5.0
FAILURES = 3
# With fewer connections than we want a round ends after so long, and the next one tries for all of them.
FEWER_SECONDS = 30.0
# So long a round waits for a provider's pace; what is slower than this goes on in another one.
PERMIT_PATIENCE = 65.0
# So often rejects, bounces and complaints are counted while a campaign is sent.
WATCH_SECONDS = 5.0
# The days of a frequency cap are counted back from a moment that is at most so old.
RECHECKED_FROM = timedelta(minutes=1)
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
    permits: Permits
    simulated: bool = False
    only: frozenset[int] | None = None  # of these campaigns; None = of all
    trouble: str | None = None
    _halted: threading.Event = field(default_factory=threading.Event)
    # SQLite takes one writer at a time; waiting here is fair and quick, where its own waiting is neither.
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _loading: threading.Lock = field(default_factory=threading.Lock)
    _campaigns: dict[int, CampaignLane] = field(default_factory=dict)
    _watched_at: float = field(default_factory=time.monotonic)
    _histories: Histories = field(default_factory=Histories)
    _next_permit: float = 0.0  # monotonic: when mail that waits for its provider's pace may go on; 0 = there is none
    _signer: Signer | None = None

    def __post_init__(self) -> None:
        self._signer = signing.load(self.settings.dkim, self.database.folder)
        self.routes = Routes(plan(self.settings.all_relays), self.permits)
        with self.database.reading() as session:
            now = self.now()
            for route in self.routes.all:
                if rest := resting.find(session, route.relay, now):
                    route.close_for((rest.until - now).total_seconds())

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

    def keep_pace(self) -> None:
        """Settle with the rows of the pace, if it is time to."""
        if self.permits.is_due():
            self.commit(lambda session: self.permits.look(session, self.now()))
        if self._campaigns and time.monotonic() - self._watched_at >= WATCH_SECONDS:
            self._watched_at = time.monotonic()
            ours = list(self._campaigns)
            for said in self.commit(
                lambda session: watching.watch(session, self.settings, self._histories, self.now(), ours)
            ):
                log.warning("campaign %s", said)

    def next_batch(self, number: int, size: int) -> tuple[Lane, list[Mail]] | None:
        """Claim mail: the outbox first, then the campaigns in turn; None if nothing is due or a new round better."""
        self._next_permit = 0.0
        if any(one.fewer_since and time.monotonic() > one.fewer_since + FEWER_SECONDS for one in self.routes.all):
            return None
        outbox = OutboxLane(self.settings, self._signer)
        if mails := self._claim_other(outbox, size):
            return outbox, mails
        if self.routes.is_dry():
            return None
        with self.database.reading() as session:
            waiting = waiting_campaigns(
                session, self.settings.sending, self.now(), simulated=self.simulated, only=self.only
            )
        for campaign_id in waiting[number % len(waiting) :] + waiting[: number % len(waiting)] if waiting else []:
            lane = self._campaign(campaign_id)
            if lane is not None and (mails := self._claim(lane, size)):
                return lane, mails
        return None

    def _claim_other(self, lane: OutboxLane, size: int) -> list[Mail]:
        with self.database.reading() as session:
            if not outbox_is_due(session, self.now()):
                return []
        return self.commit(lambda session: lane.claim(session, self.worker_id, self.now(), size))

    def _claim(self, lane: CampaignLane, size: int) -> list[Mail]:
        """Claim mail to the provider whose turn it is, as much as its pace allows, or to the next one."""
        for provider in lane.turns.order():
            room = self.permits.grant(PaceOf.PROVIDER, provider, size)
            if not room:
                self._expect(self.permits.wait(PaceOf.PROVIDER, provider))
                continue
            mails = self.commit(
                lambda session, provider=provider, room=room: lane.claim(  # type: ignore[misc]
                    session, self.worker_id, self.now(), provider, room
                )
            )
            self.permits.give_back(PaceOf.PROVIDER, provider, room - len(mails))
            if mails:
                return mails
            lane.turns.pass_over(provider)
        return []

    def _expect(self, seconds: float) -> None:
        at = time.monotonic() + max(seconds, pace.HUNGRY_SECONDS)
        self._next_permit = min(self._next_permit or at, at)

    def expects_permits(self) -> bool:
        """Tell whether mail waits for nothing but the pace of its provider, and not for long."""
        return 0 < self._next_permit < time.monotonic() + PERMIT_PATIENCE

    def _campaign(self, campaign_id: int) -> CampaignLane | None:
        """Return the lane of a campaign; one that can't be loaded is paused with the reason, and no row is touched."""
        with self._loading:
            if known := self._campaigns.get(campaign_id):
                if self.now() - known.now > RECHECKED_FROM:
                    known = self._campaigns[campaign_id] = replace(known, now=self.now())
                return known
            try:
                with self.database.reading() as session:
                    lane = lanes.open_campaign(
                        session,
                        campaign_id,
                        settings=self.settings,
                        links=self.links,
                        now=self.now(),
                        signer=self._signer,
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

    def connect(self, route: Route) -> Connection | None:
        """Open a connection, waiting out short rests; None if the relay gets a long one or the others are enough."""
        while not self.over() and route.is_open():
            self.wait(route.pause_until - time.monotonic())
            try:
                connection = smtp.connect(route.relay.settings, route.context)
            except NoConnection as refused:
                with self._guard:
                    others = route.open
                # A relay may allow fewer connections than we would like; those that it took go on.
                if others and refused.reply.verdict is not Verdict.STOP:
                    log.info("one connection fewer: %s", refused.reply)
                    route.fewer_since = route.fewer_since or time.monotonic()
                    return None
                reply = refused.reply
                self.commit(lambda session, reply=reply: self.rest(session, route, reply))  # type: ignore[misc]
                continue
            connection.name = route.name
            with self._guard:
                route.open += 1
            return connection
        return None

    def disconnect(self, connection: Connection) -> None:
        with self._guard:
            self.routes[connection.name].open -= 1
        connection.close()

    def grant(self, route: Route, wanted: int, *, exempt: bool = False) -> tuple[int, float]:
        """Return how many of the wanted messages may go over a relay now, and how many seconds until more may."""
        resting = route.pause_until - time.monotonic()
        if resting > 0:
            return 0, resting
        granted = self.permits.grant(PaceOf.RELAY, route.name, wanted, exempt=exempt)
        return granted, max(self.permits.wait(PaceOf.RELAY, route.name), pace.HUNGRY_SECONDS)

    def rest(self, session: Session, route: Route, reply: Reply) -> int:
        """Give a relay a rest and return how often it failed in a row; a long rest, or a third, leaves it to others."""
        now = self.now()
        rest = resting.begin(session, route.relay, reply, now)
        seconds = (rest.until - now).total_seconds()
        route.troubled = True
        with self._guard:
            if time.monotonic() >= route.pause_until:  # else another connection failed of the same cause
                route.failures += 1
                route.pause_until = time.monotonic() + min(seconds, PATIENCE)
        if len(self.routes.all) > 1 or rest.configuration or seconds > PATIENCE or route.failures >= FAILURES:
            self._leave_to_others(route, seconds, reply)
        return max(rest.failures, route.failures)

    def _leave_to_others(self, route: Route, seconds: float, reply: Reply) -> None:
        route.close_for(seconds)
        if others := self.routes.carrying():
            log.warning("relay %s rests: %s; mail goes over %s", route.name, reply, others[0].name)
            return
        # The others rest too: a short while is waited out, as with one relay.
        soonest = min(one.closed_until for one in self.routes.all) - time.monotonic()
        if soonest > PATIENCE or route.failures >= FAILURES:
            self.halt(str(reply))

    def worked(self, session: Session, route: Route) -> None:
        """Forget a relay's troubles: it took a message."""
        if route.troubled:
            resting.end(session, route.relay)
            route.troubled, route.failures = False, 0

    def count(self, lane: Lane, mail: Mail, result: Result) -> None:
        campaign_id = lane.campaign_id if isinstance(lane, CampaignLane) else None
        self.tally.add(f"{OUTBOX}_{result.status}" if campaign_id is None else result.status)
        kind = kind_of(result.reason, result.reply)
        self.tally.note(Outcome(result.status, kind, mail.provider, mail.id, campaign_id, mail.tried.count))


def outbox_is_due(session: Session, now: datetime) -> bool:
    """Tell whether the outbox has mail that may be claimed now."""
    return _any(session, OutboxMail.worker_id.is_(None) & claiming.due(OutboxMail, now))


def waiting_campaigns(
    session: Session,
    sending: SendingSettings,
    now: datetime,
    *,
    simulated: bool = False,
    only: frozenset[int] | None = None,
) -> list[int]:
    """Return the campaigns being sent, the real or the simulated ones, that have mail which may go now."""
    waits = exists().where(
        Delivery.campaign_id == Campaign.id, Delivery.worker_id.is_(None), claiming.due(Delivery, now)
    )
    unjudged = exists().where(
        CampaignWatch.campaign_id == Campaign.id,
        CampaignWatch.canary > 0,
        CampaignWatch.canary_passed_at.is_(None),
    )
    window, hours = Campaign.spec["window"].as_string(), Campaign.spec["office_hours"].as_boolean()
    found = select(Campaign.id, window, hours, unjudged).where(
        Campaign.status == CampaignStatus.SENDING, Campaign.simulated.is_(simulated), waits
    )
    if only is not None:
        found = found.where(Campaign.id.in_(only))
    return [
        id
        for id, hours_named, in_office, canary in session.execute(found.order_by(Campaign.id))
        if window_of(hours_named, in_office, sending).is_open(now)
        and (not canary or canaries.free(session, id, now, limit=1))
    ]


def has_strays(session: Session) -> bool:
    """Tell whether a worker, dead or alive, holds rows."""
    held = Delivery.worker_id.is_not(None) & Delivery.status.in_(claiming.HOLDABLE[Delivery])
    held_mail = OutboxMail.worker_id.is_not(None) & OutboxMail.status.in_(claiming.HOLDABLE[OutboxMail])
    return _any(session, held) or _any(session, held_mail)


def _any(session: Session, condition: ColumnElement[bool]) -> bool:
    return bool(session.scalar(select(exists().where(condition))))

"""Send what is due: deliveries of campaigns that are being sent, and the outbox, over the connections of one relay."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from outreach.campaigns import progress as campaign_progress
from outreach.database import Database
from outreach.delivery import claiming, pace, presence, resting, rounds
from outreach.delivery.carrying import Carrier
from outreach.delivery.outcomes import Outcome
from outreach.delivery.pace import Permits
from outreach.delivery.presence import AnotherSender, Presence
from outreach.delivery.rounds import Round, Tally
from outreach.links import Links
from outreach.models import Campaign, CampaignStatus, Delivery, OutboxMail, RelayRest
from outreach.settings import Settings

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class Summary:
    """What became of mails in this run; `recovered` were on their way when another process died.

    `returned` went back to the queue, `trouble` says why sending stopped early, `standby` that another process sends.
    """

    sent: int = 0
    deferred: int = 0
    rejected: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: int = 0
    returned: int = 0
    recovered: int = 0
    finished: int = 0
    outbox_sent: int = 0
    outbox_unsent: int = 0
    trouble: str | None = None
    standby: bool = False

    @property
    def worked(self) -> bool:
        """Tell whether anything changed, so that there may be more to do."""
        return any(value for name, value in vars(self).items() if name not in ("trouble", "standby"))

    @property
    def handled(self) -> int:
        """Return how many mails came to an end, or to their next pause."""
        ends = self.sent + self.deferred + self.rejected + self.failed + self.uncertain + self.skipped
        return ends + self.outbox_sent + self.outbox_unsent

    def __add__(self, later: Summary) -> Summary:
        """Add a later run; its trouble and standby count."""
        counts = {name: value + getattr(later, name) for name, value in vars(self).items() if type(value) is int}
        return replace(later, **counts)


Progress = Callable[[Summary], None]


def send_due(
    database: Database,
    settings: Settings,
    links: Links,
    *,
    clock: Callable[[], datetime],
    stop: threading.Event,
    until_idle: bool,
    progress: Progress | None = None,
    note: Callable[[Outcome], None] = lambda outcome: None,
    simulated: bool = False,
    only: frozenset[int] | None = None,
) -> Summary:
    """Send what is due, until nothing is (`until_idle`) or until `stop` is set; mails on the wire are finished.

    Any number of processes may do this at once; on SQLite all but one stand by. A rest of the relay is obeyed.
    Of campaigns only the real ones are sent, or only the simulated ones; `only` these, besides other mail. `note` is
    told each outcome, in whatever thread.
    """
    permits = Permits.of(settings.all_relays, settings.providers)
    tally = Tally(None if progress is None else lambda counts: progress(_summary(counts)), note)
    trouble, standby = None, False
    while not stop.is_set():
        before = tally.counts.copy()
        standby, trouble = False, None
        try:
            trouble = _send_once(database, settings, links, clock, stop, tally, permits, simulated, only)
        except AnotherSender as other:
            log.info("standing by: %s", other)
            standby = True
        idle = standby or trouble is not None or tally.counts == before
        if idle and (until_idle or stop.wait(IDLE_SECONDS)):
            break
    return _summary(tally.counts, trouble, standby)


def _send_once(
    database: Database,
    settings: Settings,
    links: Links,
    clock: Callable[[], datetime],
    stop: threading.Event,
    tally: Tally,
    permits: Permits,
    simulated: bool,
    only: frozenset[int] | None,
) -> str | None:
    """Do one round if there is anything to do; return what went wrong."""
    with database.reading() as session:
        rest = _rest(session, settings, clock())
        strays = rounds.has_strays(session)
        due = rounds.outbox_is_due(session, clock()) or (
            _has_permits(session, settings, clock())
            and bool(rounds.waiting_campaigns(session, settings.sending, clock(), simulated=simulated, only=only))
        )
    trouble = f"the relay rests until {rest.until:%H:%M:%S} UTC: {rest.reply}" if rest is not None and due else None
    if strays or (due and rest is None):
        lease = timedelta(seconds=settings.sending.lease_seconds)
        with presence.present(database, now=clock, lease=lease) as me:
            round = Round(database, settings, links, clock, stop, me, tally, permits, simulated, only)
            tally.add("recovered", round.commit(lambda session: _recover(session, me, lease, clock())))
            if rest is None:
                _carry(round)
                trouble = round.trouble
    _finish(database, clock, tally)
    return trouble


def waiting(session: Session, settings: Settings, now: datetime) -> list[int | None]:
    """Return what a sender could begin with now: campaigns, and None for other mail; nothing while all relays rest."""
    if _rest(session, settings, now) is not None:
        return []
    other: list[int | None] = [None] if rounds.outbox_is_due(session, now) else []
    return other + (
        list(rounds.waiting_campaigns(session, settings.sending, now)) if _has_permits(session, settings, now) else []
    )


def _rest(session: Session, settings: Settings, now: datetime) -> RelayRest | None:
    """Return the rest that ends first; None if a relay has none, since mail then goes over that one."""
    rests = [rest for relay in settings.all_relays if (rest := resting.find(session, relay, now))]
    return min(rests, key=lambda rest: rest.until) if len(rests) == len(settings.all_relays) else None


def _has_permits(session: Session, settings: Settings, now: datetime) -> bool:
    """Tell whether a relay may have more of a campaign's mail today."""
    return not all(pace.is_used_up(session, relay, now) for relay in settings.all_relays)


def is_untidy(session: Session, settings: Settings) -> bool:
    """Tell, on PostgreSQL, whether `tidy` would find anything to do."""
    lease = timedelta(seconds=settings.sending.lease_seconds)
    return presence.anybody_dead(session, lease) or claiming.has_lost(session) or bool(_complete(session))


def tidy(database: Database, settings: Settings, *, clock: Callable[[], datetime]) -> Summary:
    """Take over, on PostgreSQL, what dead workers held, and mark the campaigns of which nothing is left to send.

    For when nobody begins to send, who would do it first.
    """
    tally, lease = Tally(), timedelta(seconds=settings.sending.lease_seconds)
    with database.writing() as session:
        tally.add("recovered", _recover(session, None, lease, clock()))
    _finish(database, clock, tally)
    return _summary(tally.counts)


def _recover(session: Session, me: Presence | None, lease: timedelta, now: datetime) -> int:
    presence.bury_dead(session, me, lease)
    return claiming.recover(session, Delivery, now) + claiming.recover(session, OutboxMail, now)


def _carry(round: Round) -> None:
    try:
        Carrier(round).run()
    finally:
        round.commit(lambda session: round.permits.finish(session, round.now()))


def _finish(database: Database, clock: Callable[[], datetime], tally: Tally) -> None:
    """Mark the campaigns of which nothing is left to send."""
    with database.reading() as session:
        done = _complete(session)
    for campaign_id in done:
        with database.writing() as session:
            if campaign_progress.finish_if_done(session, campaign_id, clock()):
                tally.add("finished")


def _complete(session: Session) -> list[int]:
    unfinished = exists().where(Delivery.campaign_id == Campaign.id, Delivery.status.in_(campaign_progress.UNFINISHED))
    done = select(Campaign.id).where(Campaign.status == CampaignStatus.SENDING, ~unfinished)
    return list(session.scalars(done))


def _summary(counts: Counter[str], trouble: str | None = None, standby: bool = False) -> Summary:
    outbox = {word: count for word, count in counts.items() if word.startswith(rounds.OUTBOX)}
    plain = {word: count for word, count in counts.items() if word not in outbox and word != "pending"}
    sent = outbox.pop(f"{rounds.OUTBOX}_sent", 0)
    return Summary(
        **plain,
        returned=counts["pending"],
        outbox_sent=sent,
        outbox_unsent=sum(outbox.values()),
        trouble=trouble,
        standby=standby,
    )

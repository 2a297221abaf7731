"""Figures for Prometheus: the state of the tables, and what this process did since it started.

Nothing here names a person or a company, and no label can take more values than the code and the settings know: not
even a campaign's name, since campaigns are never deleted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from outreach import __version__
from outreach.app import App
from outreach.delivery import resting
from outreach.models import (
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryStatus,
    InboxMessage,
    InboxState,
    Lead,
    OutboxMail,
    OutboxStatus,
    Worker,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# However often somebody asks: the tables are counted at most once in so many seconds.
FRESH_SECONDS = 5.0
LIVE = (CampaignStatus.SENDING, CampaignStatus.PAUSED)


class Metrics:
    """The figures of an open project."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._counted: list[Metric] = []
        self._counted_at = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def text(self) -> bytes:
        """Return all figures in the text format of Prometheus."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: the registry would count the tables to learn the names."""
        return []

    def collect(self) -> Iterable[Metric]:
        yield from self._own()
        with self._lock:
            if not self._counted or time.monotonic() - self._counted_at > FRESH_SECONDS:
                with self._app.database.reading() as session:
                    self._counted = list(_tables(session, self._app))
                self._counted_at = time.monotonic()
            yield from self._counted

    def _own(self) -> Iterator[Metric]:
        kind = "sqlite" if self._app.database.is_sqlite else "postgresql"
        yield _gauge(
            "outreach_info", "Version and kind of database.", {(__version__, kind): 1}, ("version", "database")
        )
        vitals, now = self._app.vitals, datetime.now(UTC)
        mails = CounterMetricFamily(
            "outreach_mails", "Ends of tries by this process.", labels=("mail", "outcome", "class", "provider")
        )
        for labels, count in sorted(vitals.outcomes.snapshot().items()):
            mails.add_metric(labels, count)
        yield mails
        ended = vitals.ticks.copy()
        ticks: dict[tuple[str, ...], float] = {(job,): (now - at).total_seconds() for job, at in ended.items()}
        yield _gauge("outreach_tick_age_seconds", "Since a job of the clock last ended well.", ticks, ("job",))


def _tables(session: Session, app: App) -> Iterator[Metric]:
    now = app.now()
    live = select(Campaign.id).where(Campaign.status.in_(LIVE)).scalar_subquery()
    deliveries = _counted(session, Delivery.status, DeliveryStatus, Delivery.campaign_id.in_(live))
    yield _gauge("outreach_deliveries", "Mails of campaigns being sent or paused.", deliveries, ("status",))
    campaigns = _counted(session, Campaign.status, CampaignStatus)
    yield _gauge("outreach_campaigns", "Campaigns.", campaigns, ("status",))
    outbox = _counted(session, OutboxMail.status, OutboxStatus)
    yield _gauge("outreach_outbox", "Mails that are no campaign's.", outbox, ("status",))
    yield _gauge(
        "outreach_oldest_due_seconds", "Since the oldest mail fell due that waits.", _oldest(session, now), ("mail",)
    )
    since = Delivery.sent_at >= datetime.fromtimestamp(now.timestamp() - 60, UTC)
    rate = session.scalar(select(func.count()).where(since, Delivery.campaign_id.in_(live))) or 0
    yield _gauge("outreach_sent_last_minute", "Mails of live campaigns that went out in the last minute.", {(): rate})
    yield from _relays(session, app, now)
    beats = session.scalars(select(Worker.heartbeat_at)).all()
    yield _gauge("outreach_workers", "Processes that send.", {(): len(beats)})
    silent = max(((now - at).total_seconds() for at in beats), default=0.0)
    yield _gauge("outreach_worker_silent_seconds", "Since the quietest of them was heard.", {(): silent})
    inbox = _counted(session, InboxMessage.state, InboxState)
    yield _gauge(
        "outreach_inbox", "Mails that came back, as far as they were understood and settled.", inbox, ("state",)
    )
    stages = session.execute(select(Lead.stage, func.count()).group_by(Lead.stage)).all()
    yield _gauge(
        "outreach_leads", "Contacts between companies and enterprises.", {(s.value,): n for s, n in stages}, ("stage",)
    )


def _oldest(session: Session, now: datetime) -> dict[tuple[str, ...], float]:
    """Return how long the oldest mail waits that may go now, by kind; 0 if none does."""
    sending = select(Campaign.id).where(Campaign.status == CampaignStatus.SENDING).scalar_subquery()
    fresh = select(func.min(Delivery.status_at)).where(
        Delivery.campaign_id.in_(sending), Delivery.status == DeliveryStatus.PENDING, Delivery.retry_at.is_(None)
    )
    again = select(func.min(Delivery.retry_at)).where(
        Delivery.campaign_id.in_(sending),
        Delivery.status.in_((DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)),
        Delivery.retry_at <= now,
    )
    waiting = OutboxMail.status.in_((OutboxStatus.PENDING, OutboxStatus.DEFERRED))
    other = select(func.min(func.coalesce(OutboxMail.retry_at, OutboxMail.created_at))).where(
        waiting, or_(OutboxMail.retry_at.is_(None), OutboxMail.retry_at <= now)
    )
    found = [session.scalar(query) for query in (fresh, again)]
    oldest = min((at for at in found if at is not None), default=None)
    return {("campaign",): _age(oldest, now), ("outbox",): _age(session.scalar(other), now)}


def _age(at: datetime | None, now: datetime) -> float:
    return max((now - at).total_seconds(), 0.0) if at is not None else 0.0


def _relays(session: Session, app: App, now: datetime) -> Iterator[Metric]:
    rests = resting.everything(session)
    left, failures, wrong = (dict[tuple[str, ...], float]() for _ in range(3))
    for relay in app.settings.all_relays:
        key, rest = (relay.name,), rests.get(relay.name)
        left[key] = max((rest.until - now).total_seconds(), 0.0) if rest else 0.0
        failures[key] = float(rest.failures) if rest else 0.0
        wrong[key] = float(bool(rest and rest.configuration))
    yield _gauge("outreach_relay_rest_seconds", "How long the relay still rests; 0 = it works.", left, ("relay",))
    yield _gauge("outreach_relay_failures", "How often it failed in a row.", failures, ("relay",))
    yield _gauge("outreach_relay_misconfigured", "1 if a person must mend our settings.", wrong, ("relay",))


def _counted(
    session: Session, column: InstrumentedAttribute[object], words: type, *where: ColumnElement[bool]
) -> dict[tuple[str, ...], float]:
    """Count rows by a column of words; those that no row has are 0, so that an alert sees them."""
    query = select(column, func.count()).where(*where).group_by(column)
    found: dict[object, int] = dict(session.execute(query).all())
    return {(word.value,): found.get(word, 0) for word in words}  # type: ignore[attr-defined]


def _gauge(
    name: str, text: str, values: Mapping[tuple[str, ...], float], labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family

"""How fast mail goes now, and what it waits for: what a person asks who looks at a campaign or at the relays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.campaigns.spec import CampaignSpec, window_of
from outreach.delivery import pace, resting
from outreach.delivery.buckets import QUIET_SECONDS, Bucket
from outreach.errors import NotFound
from outreach.models import Campaign, CampaignStatus, CampaignWatch, Canary, Delivery, DeliveryStatus, PaceOf, RelayRest
from outreach.relays import Relay
from outreach.settings import Settings

_WAITING = (DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)


@dataclass(frozen=True)
class RelayGauge:
    """A relay: its state (`works`, `rests`, `misconfigured`, `used_up`), its rate now and set, and its day."""

    name: str
    place: str
    backup: bool
    state: str
    until: datetime | None
    reply: str | None
    failures: int
    per_second: float | None  # None = no limit
    per_second_set: float | None
    sent_per_minute: float
    today: int
    ceiling: int | None


@dataclass(frozen=True)
class ProviderGauge:
    """A recipients' provider: its rate now and set, why it is slowed, and how many mails of a campaign wait for it."""

    name: str
    per_minute: float | None  # None = no limit
    per_minute_set: float | None
    sent_per_minute: float
    slowed_at: datetime | None
    reply: str | None
    waiting: int


@dataclass(frozen=True)
class Wait:
    """What a campaign that is being sent waits for, and until when."""

    reason: str
    until: datetime | None


def relays(session: Session, settings: Settings, now: datetime) -> list[RelayGauge]:
    """Return how each relay does."""
    rows, at, rests = pace.buckets(session), pace.pulse(session), resting.everything(session)
    return [
        _relay(session, relay, rows.get((PaceOf.RELAY, relay.name), Bucket()), at, rests.get(relay.name), now)
        for relay in settings.all_relays
    ]


def _relay(session: Session, relay: Relay, row: Bucket, at: float, rest: RelayRest | None, now: datetime) -> RelayGauge:
    bucket, found = row.at(at, relay.settings.per_second), relay.settings
    today, ceiling = (
        pace.granted_on(session, relay.name, pace.today(now)),
        pace.ceiling_on(session, relay, pace.today(now)),
    )
    resting_now = rest is not None and now < rest.until
    state, until = "works", None
    if rest is not None and resting_now:
        state, until = "misconfigured" if rest.configuration else "rests", rest.until
    elif ceiling is not None and today >= ceiling:
        state, until = "used_up", pace.next_day(now)
    return RelayGauge(
        name=relay.name,
        place=f"{found.host}:{found.port}",
        backup=found.backup,
        state=state,
        until=until,
        reply=rest.reply if rest is not None else bucket.reply,
        failures=rest.failures if rest is not None else 0,
        per_second=_rounded(bucket.limit(found.per_second)),
        per_second_set=found.per_second or None,
        sent_per_minute=_measured(row, at),
        today=today,
        ceiling=ceiling,
    )


def providers(session: Session, settings: Settings, campaign: Campaign | None = None) -> list[ProviderGauge]:
    """Return the providers that have mail of a campaign, or all that are known or slowed."""
    rows, at = pace.buckets(session), pace.pulse(session)
    waiting = _waiting(session, campaign) if campaign is not None else {}
    slowed = {name for (kind, name), row in rows.items() if kind is PaceOf.PROVIDER and row.slowed_at is not None}
    names = dict.fromkeys([*settings.providers, *sorted(slowed)] if campaign is None else waiting)
    found = []
    for name in names:
        row, rate = (
            rows.get((PaceOf.PROVIDER, name), Bucket()),
            pace.set_rate((PaceOf.PROVIDER, name), {}, settings.providers),
        )
        bucket = row.at(at, rate)
        limit = bucket.limit(rate)
        since = datetime.fromtimestamp(bucket.slowed_at, UTC) if bucket.slowed_at is not None else None
        found.append(
            ProviderGauge(
                name=name,
                per_minute=None if limit is None else _rounded(limit * 60),
                per_minute_set=_rounded(rate * 60) or None,
                sent_per_minute=_measured(row, at),
                slowed_at=since,
                reply=bucket.reply,
                waiting=waiting.get(name, 0),
            )
        )
    return found


def _waiting(session: Session, campaign: Campaign) -> dict[str, int]:
    mails = select(Delivery.provider, func.count().label("mails")).where(
        Delivery.campaign_id == campaign.id, Delivery.status.in_(_WAITING)
    )
    return {row.provider: int(row.mails) for row in session.execute(mails.group_by(Delivery.provider))}


def pace_of(
    session: Session, settings: Settings, campaign: Campaign, now: datetime
) -> tuple[list[RelayGauge], list[ProviderGauge]]:
    """Return what sets a campaign's pace: nothing, if it goes to the built-in inbox and to no relay of the settings."""
    if campaign.simulated:
        return [], []
    return relays(session, settings, now), providers(session, settings, campaign)


def wait_of(session: Session, settings: Settings, campaign: Campaign, now: datetime) -> Wait | None:
    """Say what a campaign that is being sent waits for; None if it waits for nothing, or isn't being sent."""
    if campaign.status is not CampaignStatus.SENDING:
        return None
    if (canary := _canary(session, campaign)) is not None:
        return canary
    spec = CampaignSpec.from_json(campaign.spec)
    window = window_of(spec.window, spec.office_hours, settings.sending)
    if not window.is_open(now):
        return Wait("it is outside the hours in which it is sent", window.opens_at(now))
    if campaign.simulated:
        return None  # no relay of the settings has a part in it
    gauges = relays(session, settings, now)
    if all(gauge.state == "used_up" for gauge in gauges):
        return Wait("the relay has had all of its mail of today", pace.next_day(now))
    if all(gauge.state != "works" for gauge in gauges):
        first = min(gauges, key=lambda gauge: gauge.until or now)
        return Wait(f"the relay rests: {first.reply}" if first.reply else "the relay rests", first.until)
    return None


def _canary(session: Session, campaign: Campaign) -> Wait | None:
    watch = session.get(CampaignWatch, campaign.id)
    if watch is None or not watch.canary or watch.canary_passed_at is not None:
        return None
    if watch.canary_out_at is not None:
        until = watch.canary_out_at + timedelta(minutes=watch.canary_minutes)
        return Wait(f"its first {watch.canary} mails are out: what comes of them decides about the others", until)
    on_the_way = select(func.count()).select_from(Canary).join(Delivery, Delivery.id == Canary.delivery_id)
    open_states = (DeliveryStatus.PENDING, DeliveryStatus.SENDING)
    left = session.scalar(on_the_way.where(Canary.campaign_id == campaign.id, Delivery.status.in_(open_states))) or 0
    return Wait(f"its first {watch.canary} mails go before the others: {left} of them are to go", None)


def wake(session: Session, settings: Settings, name: str | None = None) -> list[str]:
    """Let relays and providers go at full rate again, all or one of this name; return those that were held back."""
    known = [*(relay.name for relay in settings.all_relays), *settings.providers]
    if name is not None and name not in known:
        raise NotFound(f"no relay or provider {name!r}; there are: {', '.join(known)}")
    woken = []
    for relay in settings.all_relays:
        if name in (None, relay.name):
            rested = resting.end(session, relay)
            if pace.recover(session, PaceOf.RELAY, relay.name) or rested:
                woken.append(relay.name)
    for provider in settings.providers:
        if name in (None, provider) and pace.recover(session, PaceOf.PROVIDER, provider):
            woken.append(provider)
    return woken


def _measured(row: Bucket, at: float) -> float:
    """Return the messages a minute as last measured; nothing if that is long ago."""
    return round(row.speed * 60, 1) if 0 <= at - row.counted_since < QUIET_SECONDS else 0.0


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 2)

"""A campaign is watched while it is sent: it pauses by itself where too many of its mails come to nothing.

Rejects are told while sending; bounces and complaints come back later, as events. Their share is looked at among the
last mails and among all since a person last said that it may go on. A canary (`campaigns/canaries.py`) is judged by the
same limits once its time is over; until then nothing else goes.
"""

from __future__ import annotations

import secrets
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import distinct, func, select, text, update
from sqlalchemy.orm import Session

from outreach.campaigns import canaries, life
from outreach.delivery import lanes, outbox
from outreach.emails.assembly import Headers, Mailbox, ascii_address, ascii_domain, assemble_plain
from outreach.models import (
    Campaign,
    CampaignStatus,
    CampaignWatch,
    Delivery,
    DeliveryStatus,
    Event,
    EventKind,
    PauseKind,
)
from outreach.models.deliveries import CAME_BACK
from outreach.settings import LimitSettings, Settings

# One reject, bounce or complaint is no pattern, however few the mails.
FEWEST = 2
_HAPPENED = {"rejected": "were refused", "bounced": "bounced", "complained": "brought a complaint"}
_SNAPSHOTS = 200


@dataclass(frozen=True)
class Outcomes:
    """How many mails were answered for good by a relay, and what became of them."""

    tried: int = 0
    rejected: int = 0
    bounced: int = 0
    complained: int = 0

    def __sub__(self, earlier: Outcomes) -> Outcomes:
        return Outcomes(**{name: value - getattr(earlier, name) for name, value in vars(self).items()})


@dataclass
class Histories:
    """Earlier outcomes of campaigns, by which the last so many mails are told from all."""

    _seen: defaultdict[int, deque[Outcomes]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_SNAPSHOTS))
    )

    def latest(self, campaign_id: int, now: Outcomes, among: int) -> Outcomes | None:
        """Return what became of at least the last `among` mails, and note what there is now; None = too few yet."""
        seen = self._seen[campaign_id]
        before = next((one for one in reversed(seen) if now.tried - one.tried >= among), None)
        if not seen or now.tried - seen[-1].tried >= max(among // 10, 1):
            seen.append(now)
        return None if before is None else now - before


def outcomes(session: Session, campaign_id: int) -> Outcomes:
    """Return what became of a campaign's mails so far."""
    ended = (DeliveryStatus.SENT, DeliveryStatus.REJECTED)
    query = select(Delivery.status, func.count()).where(Delivery.campaign_id == campaign_id, Delivery.status.in_(ended))
    counts = {row[0]: int(row[1]) for row in session.execute(query.group_by(Delivery.status))}
    came = (
        select(Event.kind, func.count(distinct(Event.delivery_id)))
        .join(Delivery, Delivery.id == Event.delivery_id)
        .where(text(f"event.{CAME_BACK}"), Delivery.campaign_id == campaign_id)
        .group_by(Event.kind)
    )
    back = {row[0]: int(row[1]) for row in session.execute(came)}
    rejected = counts.get(DeliveryStatus.REJECTED, 0)
    return Outcomes(
        counts.get(DeliveryStatus.SENT, 0) + rejected,
        rejected,
        back.get(EventKind.BOUNCED, 0),
        back.get(EventKind.COMPLAINED, 0),
    )


def past_limit(found: Outcomes, limits: LimitSettings, least: int) -> str | None:
    """Say which share is past its limit; None if none is, or too few mails went to say."""
    if found.tried < least:
        return None
    for name, happened in _HAPPENED.items():
        count, limit = getattr(found, name), getattr(limits, name)
        if count >= FEWEST and count > limit * found.tried:
            return f"{count} of {found.tried} mails {happened}: more than {limit:.1%} (limits.{name})"
    return None


def is_due(session: Session) -> bool:
    """Tell whether a campaign is under way, so that there is anything to look at."""
    return session.scalar(select(Campaign.id).where(Campaign.status == CampaignStatus.SENDING).limit(1)) is not None


def watch(
    session: Session, settings: Settings, histories: Histories, now: datetime, only: Iterable[int] = ()
) -> list[str]:
    """Look at the campaigns being sent; pause those past a limit and judge canaries. Return what was decided."""
    query = select(Campaign.id).where(Campaign.status == CampaignStatus.SENDING)
    chosen = list(only)
    decided = []
    for campaign_id in session.scalars(query.where(Campaign.id.in_(chosen)) if chosen else query).all():
        if said := _look(session, campaign_id, settings, histories, now):
            decided.append(said)
    return decided


def _look(session: Session, campaign_id: int, settings: Settings, histories: Histories, now: datetime) -> str | None:
    limits, row = settings.limits, session.get(CampaignWatch, campaign_id, populate_existing=True)
    found = outcomes(session, campaign_id)
    if row is not None and row.canary and row.canary_passed_at is None:
        return _judge_canary(session, row, found, settings, now)
    since = found - Outcomes(**row.accepted) if row is not None and row.accepted else found
    for part in (histories.latest(campaign_id, found, limits.among), since):
        if part is not None and (reason := past_limit(part, limits, limits.least)):
            return _pause(session, campaign_id, reason, found, settings, now)
    return None


def _judge_canary(
    session: Session, row: CampaignWatch, found: Outcomes, settings: Settings, now: datetime
) -> str | None:
    """Pause at once where the canary is past a limit; else let the others go when its time is over."""
    least = min(settings.limits.least, row.canary)
    over = row.canary_out_at is not None and now - row.canary_out_at >= timedelta(minutes=row.canary_minutes)
    # Rows that were skipped at the last moment make the canary smaller than it was chosen.
    if reason := past_limit(found, settings.limits, min(least, found.tried) if over else least):
        _pass(session, row.campaign_id, now)  # whoever resumes it has decided about the others too
        return _pause(session, row.campaign_id, f"of its canary, {reason}", found, settings, now)
    if row.canary_out_at is None:
        canaries.note_out(session, row.campaign_id, now)
        return None
    if not over or not _pass(session, row.campaign_id, now):
        return None
    campaign = session.get_one(Campaign, row.campaign_id)
    told = f"{found.tried} mails: {found.rejected} refused, {found.bounced} bounced, {found.complained} complaints"
    life.record(session, campaign, "sender", now, "canary_passed", told)
    return f"{campaign.name}: its canary is back, the others go"


def _pass(session: Session, campaign_id: int, now: datetime) -> bool:
    judged = update(CampaignWatch).where(
        CampaignWatch.campaign_id == campaign_id, CampaignWatch.canary_passed_at.is_(None)
    )
    return session.connection().execute(judged.values(canary_passed_at=now)).rowcount == 1


def _pause(
    session: Session, campaign_id: int, reason: str, found: Outcomes, settings: Settings, now: datetime
) -> str | None:
    if not lanes.pause_sending(session, campaign_id, reason, PauseKind.POLICY, now):
        return None
    # From here on it is judged by what happens after a person let it go on.
    accepted = update(CampaignWatch).where(CampaignWatch.campaign_id == campaign_id)
    session.connection().execute(accepted.values(accepted=asdict(found)))
    campaign = session.get_one(Campaign, campaign_id)
    if settings.limits.notify:
        _notify(session, campaign, reason, settings, now)
    return f"{campaign.name}: paused, {reason}"


def _notify(session: Session, campaign: Campaign, reason: str, settings: Settings, now: datetime) -> None:
    recipient = ascii_address(settings.limits.notify)
    headers = Headers(
        sender=Mailbox(settings.from_address, settings.from_name),
        recipient=Mailbox(recipient),
        date=now,
        message_id=f"<paused.{secrets.token_hex(12)}@{ascii_domain(settings.mail_domain)}>",
        auto_submitted="auto-generated",
    )
    page = f"{settings.site.url}/staff/campaigns/{campaign.name}"
    lines = (
        f"De campagne {campaign.name} ({campaign.title}) is vanzelf gepauzeerd.",
        f"Campaign {campaign.name} paused by itself: {reason}.",
        f"Bekijk ze en beslis / look and decide: {page}",
    )
    body = "\n\n".join(lines) + "\n"
    html = "".join(f"<p>{_escaped(line)}</p>" for line in lines)
    message = assemble_plain(headers, f"Gepauzeerd: {campaign.title}", body, html)
    key = f"paused:{campaign.id}:{now:%Y%m%d%H%M%S}"
    outbox.put(session, key=key, kind="paused", recipient=recipient, message=message, now=now)


def _escaped(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;")


def shown(row: CampaignWatch | None) -> Mapping[str, object]:
    """Return how a campaign's canary stands, for whoever asks; empty where it has none."""
    if row is None or not row.canary:
        return {}
    back_at = row.canary_out_at + timedelta(minutes=row.canary_minutes) if row.canary_out_at else None
    return {"size": row.canary, "out_at": row.canary_out_at, "back_at": back_at, "judged_at": row.canary_passed_at}

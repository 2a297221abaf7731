"""What a person who watches sending wants to see: each campaign under way, and which relays rest and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from outreach.campaigns import progress
from outreach.campaigns.progress import CampaignProgress
from outreach.delivery.resting import LONGEST_REST
from outreach.models import Campaign, CampaignStatus, RelayRest

UNDER_WAY = (CampaignStatus.SENDING, CampaignStatus.PAUSED)


@dataclass(frozen=True)
class Rest:
    """A relay that rests, until when, and what it said."""

    relay: str
    until: datetime
    reply: str
    mended_by_waiting: bool


@dataclass(frozen=True)
class Watched:
    """How it stands at a moment."""

    at: datetime
    campaigns: tuple[CampaignProgress, ...]
    rests: tuple[Rest, ...]


def look(session: Session, now: datetime, names: Sequence[str] = (), *, all_under_way: bool = True) -> Watched:
    """Say how the campaigns under way stand (those whose audience is frozen), and those of `names` in any state."""
    wanted: ColumnElement[bool] = Campaign.name.in_(names)
    if all_under_way:
        wanted = or_(wanted, Campaign.status.in_(UNDER_WAY) & Campaign.frozen_at.is_not(None))
    campaigns = session.scalars(select(Campaign).where(wanted).order_by(Campaign.id))
    rests = session.scalars(select(RelayRest).where(RelayRest.until > now).order_by(RelayRest.relay))
    return Watched(
        now,
        tuple(progress.status(session, campaign, now, with_providers=True) for campaign in campaigns),
        tuple(
            Rest(rest.relay, rest.until, rest.reply, not rest.configuration)
            for rest in rests
            if rest.until <= now + LONGEST_REST
        ),
    )

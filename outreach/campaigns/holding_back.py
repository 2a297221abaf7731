"""Campaigns that wait for a person because the database may not be what it was: adopted, or silent for too long.

A database that was put back, from wherever, holds campaigns as they were: what they still had to send may have gone
out since. Whoever adopts it decides about each. And where nothing tells a database put back from the one that stopped
(a whole machine, restored from yesterday), the clock does: a sender writes down that it is there, and a campaign under
way of which nothing was heard for `sending.max_lateness_minutes` waits, as one that would start so late does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from outreach.campaigns import life
from outreach.models import Campaign, CampaignStatus, Installation, OutboxMail, OutboxStatus, PauseKind

# A sender says at least this often that it is there, so that a shorter silence means nothing.
ALIVE = timedelta(minutes=1)
_SHORTEST_SILENCE = timedelta(minutes=10)
ADOPTED = (
    "this copy of the database was adopted: since it was made, mails of this campaign may have gone out already from "
    "another; look at what was sent, and resume it only if they haven't"
)
_OUTBOX = "waited in a database that was restored or copied: it may have gone out already"


def adopt(session: Session, *, by: str, now: datetime, send_other_mail: bool = False) -> tuple[list[str], int]:
    """Make everything that waits to be sent wait for a person; return the campaigns' names, and how many other mails.

    The other mails become `uncertain`, as after a crash, unless a person says that they are to be sent.
    """
    open_states = (CampaignStatus.SCHEDULED, CampaignStatus.SENDING)
    for campaign in session.scalars(select(Campaign).where(Campaign.status.in_(open_states)).order_by(Campaign.id)):
        life.pause(session, campaign, by=by, now=now, reason=ADOPTED, kind=PauseKind.OTHER_DATABASE)
    session.flush()
    # Those that were paused already too, for whatever reason: they may have been resumed elsewhere.
    waiting = select(Campaign).where(Campaign.status == CampaignStatus.PAUSED).order_by(Campaign.id)
    names = []
    for campaign in session.scalars(waiting):
        if campaign.pause_reason != ADOPTED:
            before = campaign.pause_reason or ""
            campaign.pause_kind, campaign.pause_reason = PauseKind.OTHER_DATABASE, ADOPTED
            life.record(session, campaign, by, now, "paused", f"{ADOPTED} (it was paused already: {before})")
        names.append(campaign.name)
    if send_other_mail:
        return names, 0
    unsent = OutboxMail.status.in_((OutboxStatus.PENDING, OutboxStatus.DEFERRED))
    values = {"status": OutboxStatus.UNCERTAIN, "reply": _OUTBOX, "retry_at": None, "status_at": now}
    mails = session.scalars(update(OutboxMail).where(unsent).values(values).returning(OutboxMail.id)).all()
    return names, len(mails)


def is_due_to_be_seen(session: Session, now: datetime) -> bool:
    """Tell whether a sender should say again that it is there: only while something is under way."""
    late = or_(Installation.seen_at.is_(None), Installation.seen_at < now - ALIVE)
    under_way = select(Campaign.id).where(Campaign.status == CampaignStatus.SENDING).exists()
    return session.scalar(select(Installation.id).where(late, under_way)) is not None


def silent(session: Session, now: datetime, lateness: timedelta) -> list[Campaign]:
    """Return the campaigns under way of which nothing was heard for so long that a person should look first."""
    limit = now - max(lateness, _SHORTEST_SILENCE)
    seen_at = session.scalar(select(Installation.seen_at))
    if seen_at is not None and seen_at > limit:
        return []
    still = [or_(moment.is_(None), moment <= limit) for moment in (Campaign.frozen_at, Campaign.resumed_at)]
    return list(session.scalars(select(Campaign).where(Campaign.status == CampaignStatus.SENDING, *still)))


def pause_silent(session: Session, now: datetime, lateness: timedelta) -> list[str]:
    """Pause those campaigns; return their names."""
    seen_at = session.scalar(select(Installation.seen_at))
    found = silent(session, now, lateness)
    for campaign in found:
        since = max(filter(None, (seen_at, campaign.frozen_at, campaign.resumed_at)))
        reason = (
            f"nothing was sent from this database since {life.shown_time(since)}: if it is an earlier state put back, "
            "mails may have gone out already; if the machine only stood still, the campaign is late"
        )
        life.pause(session, campaign, by="scheduler", now=now, reason=reason, kind=PauseKind.LATE)
    return [campaign.name for campaign in found]

"""Submitting and approving: nothing passes without the check, and what is approved is exactly what was submitted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from outreach.campaigns import life, objections
from outreach.campaigns.checking import Checked, CheckFailed, examine
from outreach.campaigns.sources import Sources
from outreach.models import Approval, Campaign, CampaignStatus


def submit(
    session: Session,
    campaign: Campaign,
    *,
    sources: Sources,
    by: str,
    now: datetime,
    seen: str | None = None,
    via: str = "",
) -> Checked:
    """Check a campaign and hand it to a colleague; CheckFailed gives every reason against it at once."""
    life.require(campaign, "submitted", CampaignStatus.DRAFT, CampaignStatus.IN_REVIEW)
    objections.refuse_unseen(campaign, seen)
    checked = examine(session, campaign, sources=sources, now=now)
    if checked.frozen is None or checked.reasons:
        raise CheckFailed(checked)
    life.submit(session, campaign, by=by, now=now, frozen=checked.frozen, via=via)
    return checked


def approve(
    session: Session,
    campaign: Campaign,
    *,
    sources: Sources,
    by: str,
    now: datetime,
    seen: str | None = None,
    via: str = "",
) -> Approval:
    """Check a campaign again and freeze it as it was submitted and (`objections.seen_by`) as the approver saw it."""
    life.require(campaign, "approved", CampaignStatus.IN_REVIEW)
    objections.refuse_unseen(campaign, seen)
    approve_own = sources.settings.sending.approve_own
    objections.refuse_own(campaign, by, approve_own)
    checked = examine(session, campaign, sources=sources, now=now)
    if checked.frozen is not None:
        objections.refuse_changed(campaign, checked.frozen)
    if checked.frozen is None or checked.audience is None or checked.reasons:
        raise CheckFailed(checked)
    return life.approve(
        session,
        campaign,
        by=by,
        now=now,
        frozen=checked.frozen,
        audience_count=checked.audience.contacts,
        mailable_count=checked.audience.mailable,
        approve_own=approve_own,
        via=via,
    )

"""The states of a campaign and who may move it from one to the next.

`draft → in_review → approved → scheduled → sending ⇄ paused → sent`, or `cancelled`. Each step is one conditional
UPDATE whose row count is looked at, so that of two people (or two presses of a button) one wins, and each leaves a
`CampaignChange`. Until sending has started an edit is always possible and voids the approval; afterwards never.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, null, select, update
from sqlalchemy.orm import Session

from outreach.belgium.calendar import BRUSSELS
from outreach.campaigns import objections
from outreach.campaigns.frozen import Frozen, store_pictures
from outreach.campaigns.spec import CampaignSpec, send_time
from outreach.errors import NotFound, Refusal
from outreach.models import (
    Approval,
    Campaign,
    CampaignChange,
    CampaignStatus,
    Delivery,
    DeliveryStatus,
    PauseKind,
)
from outreach.settings import SendingSettings

S = CampaignStatus

# What can be done in each state, for refusals.
_WAYS_OUT: Mapping[CampaignStatus, str] = {
    S.DRAFT: "submit, edit or cancel it",
    S.IN_REVIEW: "approve, edit or cancel it",
    S.APPROVED: "schedule, edit or cancel it",
    S.SCHEDULED: "pause, edit or cancel it",
    S.SENDING: "pause or cancel it",
    S.PAUSED: "resume or cancel it",
    S.SENT: "see its report, or copy it for the next one",
    S.CANCELLED: "copy it to start again",
}
# As long as sending hasn't started.
EDITABLE = (S.DRAFT, S.IN_REVIEW, S.APPROVED, S.SCHEDULED, S.PAUSED)
NEEDS_ACCEPTING = frozenset({PauseKind.LATE, PauseKind.AUDIENCE, PauseKind.OTHER_DATABASE})


def create(
    session: Session,
    spec: CampaignSpec,
    *,
    sending: SendingSettings,
    by: str,
    now: datetime,
    simulated: bool = False,
) -> Campaign:
    """Make a draft from a campaign file; the name must be new."""
    if session.scalar(select(Campaign.id).where(Campaign.name == spec.name)) is not None:
        raise Refusal(
            f"campaign {spec.name!r} exists already: `outreach campaign edit FILE` changes it, "
            "another name in the file makes a new one"
        )
    campaign = Campaign(name=spec.name, status=S.DRAFT, created_by=by, created_at=now, simulated=simulated)
    for column, value in _columns(spec, sending).items():
        setattr(campaign, column, value)
    session.add(campaign)
    session.flush()
    record(session, campaign, by, now, "created")
    return campaign


def edit(
    session: Session,
    campaign: Campaign,
    spec: CampaignSpec,
    *,
    sending: SendingSettings,
    by: str,
    now: datetime,
    seen: str | None = None,
) -> None:
    """Change a campaign that isn't being sent yet; it is a draft again, and an approval is void."""
    objections.refuse_unseen(campaign, seen)
    if spec.name != campaign.name:
        raise Refusal(f"the file names {spec.name!r} and not {campaign.name!r}: a campaign keeps its name")
    before = campaign.status
    _move(
        session,
        campaign,
        "edited",
        EDITABLE,
        S.DRAFT,
        Campaign.frozen_at.is_(None),
        **_columns(spec, sending),
        **_unsubmitted(),
    )
    voided = _void(session, campaign, now, f"edited by {by}")
    detail = f"was {before.value}; the approval is void" if voided else f"was {before.value}"
    record(session, campaign, by, now, "edited", detail)


def copy(
    session: Session, campaign: Campaign, name: str, *, sending: SendingSettings, by: str, now: datetime
) -> Campaign:
    """Make a draft with the texts of another campaign and no time: a real one, also where that was a simulation."""
    data = {**campaign.spec, "name": name, "send_at": None}
    try:
        spec = CampaignSpec.from_json(data)
    except ValueError:
        raise Refusal(f"{name!r} is no campaign name: small letters and digits, with '-' between words") from None
    made = create(session, spec, sending=sending, by=by, now=now)
    record(session, made, by, now, "copied", f"from {campaign.name}")
    return made


def submit(session: Session, campaign: Campaign, *, by: str, now: datetime, frozen: Frozen, via: str = "") -> None:
    """Hand a checked campaign to a colleague; what was checked is remembered by its digests.

    `via` is who really sat at the terminal, where that is known and isn't `by`.
    """
    _move(
        session,
        campaign,
        "submitted",
        (S.DRAFT, S.IN_REVIEW),
        S.IN_REVIEW,
        submitted_by=by,
        submitted_at=now,
        submitted_digests=frozen.digests(),
    )
    record(session, campaign, by, now, "submitted", f"at {via}" if via else "")


def approve(
    session: Session,
    campaign: Campaign,
    *,
    by: str,
    now: datetime,
    frozen: Frozen,
    audience_count: int,
    approve_own: bool,
    mailable_count: int | None = None,
    via: str = "",
) -> Approval:
    """Freeze exactly what was submitted. Refused to who submitted it, and if a part changed since."""
    if campaign.status is S.IN_REVIEW:
        objections.refuse_own(campaign, by, approve_own)
        objections.refuse_changed(campaign, frozen)
    unchanged = Campaign.submitted_at == campaign.submitted_at
    _move(session, campaign, "approved", (S.IN_REVIEW,), S.APPROVED, unchanged)
    store_pictures(session, frozen, now)
    approval = Approval(
        campaign_id=campaign.id,
        frozen=frozen.to_json(),
        audience_count=audience_count,
        mailable_count=mailable_count,
        approved_by=by,
        approved_at=now,
    )
    session.add(approval)
    session.flush()
    record(session, campaign, by, now, "approved", f"{audience_count} contacts" + (f", at {via}" if via else ""))
    return approval


def schedule(session: Session, campaign: Campaign, *, by: str, now: datetime, seen: str | None = None) -> None:
    """Arm an approved campaign for the time that was approved."""
    if campaign.status is S.APPROVED:
        objections.refuse_unseen(campaign, seen)
    if campaign.status is S.APPROVED and (campaign.send_at is None or campaign.send_at <= now):
        raise Refusal(
            f"campaign {campaign.name!r}: its time {shown_time(campaign.send_at)} is past. Set another with "
            "`outreach campaign edit FILE`; the time is part of what is approved, so it is reviewed again"
        )
    same_time = Campaign.send_at == campaign.send_at
    _move(session, campaign, "scheduled", (S.APPROVED,), S.SCHEDULED, same_time, scheduled_by=by, scheduled_at=now)
    record(session, campaign, by, now, "scheduled", f"for {shown_time(campaign.send_at)}")


def pause(
    session: Session,
    campaign: Campaign,
    *,
    by: str,
    now: datetime,
    reason: str = "",
    kind: PauseKind = PauseKind.PERSON,
    facts: dict[str, int] | None = None,
) -> None:
    """Stop a campaign that is scheduled or being sent; what is on the wire this moment is finished."""
    text = reason or f"paused by {by}"
    values = {"pause_kind": kind, "pause_reason": text, "pause_facts": facts if facts is not None else null()}
    _move(session, campaign, "paused", (S.SCHEDULED, S.SENDING), S.PAUSED, **values)
    record(session, campaign, by, now, "paused", text)


def resume(
    session: Session, campaign: Campaign, *, by: str, now: datetime, accept: bool = False, seen: str | None = None
) -> None:
    """Go on with a paused campaign; `accept` says that the person takes what it was paused for."""
    if campaign.status is S.PAUSED:
        objections.refuse_unseen(campaign, seen)
    if campaign.status is S.PAUSED and campaign.pause_kind in NEEDS_ACCEPTING and not accept:
        raise Refusal(
            f"campaign {campaign.name!r} waits for a decision: {campaign.pause_reason}. "
            f"To go on nevertheless: `outreach campaign resume {campaign.name} --accept`"
        )
    reason = campaign.pause_reason or ""
    target = S.SCHEDULED if campaign.frozen_at is None else S.SENDING
    values: dict[str, Any] = {"pause_kind": None, "pause_reason": None, "pause_facts": null(), "resumed_at": now}
    if accept and campaign.pause_facts:
        values["accepted_counts"] = campaign.pause_facts
    same = Campaign.pause_reason == campaign.pause_reason
    _move(session, campaign, "resumed", (S.PAUSED,), target, same, **values)
    record(session, campaign, by, now, "resumed", f"accepted: {reason}" if accept else reason)


def cancel(session: Session, campaign: Campaign, *, by: str, now: datetime) -> int:
    """Stop a campaign for good and return how many mails will not go; what is on the wire is finished."""
    open_states = tuple(state for state in S if state not in (S.SENT, S.CANCELLED))
    waits: dict[str, Any] = {"pause_kind": None, "pause_reason": None, "pause_facts": null()}
    _move(session, campaign, "cancelled", open_states, S.CANCELLED, finished_at=now, **waits)
    _void(session, campaign, now, f"cancelled by {by}") if campaign.frozen_at is None else None
    stopped = stop_waiting(session, campaign.id, now)
    record(session, campaign, by, now, "cancelled", f"{stopped} mails not sent")
    return stopped


def stop_waiting(session: Session, campaign_id: int, now: datetime) -> int:
    """Mark what waits of a cancelled campaign as cancelled; return how many rows."""
    waiting = (DeliveryStatus.PENDING, DeliveryStatus.DEFERRED)
    result = session.connection().execute(
        update(Delivery)
        .where(Delivery.campaign_id == campaign_id, Delivery.status.in_(waiting))
        .values(status=DeliveryStatus.CANCELLED, status_at=now, retry_at=None, worker_id=None)
    )
    return result.rowcount


def require(campaign: Campaign, verb: str, *origins: CampaignStatus) -> None:
    """Refuse a step that the campaign's state doesn't allow, before the work for it is done."""
    if campaign.status not in origins:
        raise Refusal(_why_not(campaign, verb, origins))


def find(session: Session, name: str) -> Campaign:
    """Return the campaign with this name; NotFound names those that look like it."""
    campaign = session.scalar(select(Campaign).where(Campaign.name == name))
    if campaign is None:
        names = list(session.scalars(select(Campaign.name).order_by(Campaign.created_at.desc()).limit(200)))
        near = difflib.get_close_matches(name, names, n=3) or names[:5]
        there = f"there are: {', '.join(near)}" if near else "there are none yet: `outreach campaign new FILE`"
        raise NotFound(f"no campaign {name!r}; {there}")
    return campaign


def free_name(session: Session, name: str) -> str:
    """Return a name for a copy that no campaign has yet: `groen-mei-2` after `groen-mei`."""
    stem = re.sub(r"-\d+\Z", "", name)[:70].rstrip("-")
    taken = set(session.scalars(select(Campaign.name).where(Campaign.name.startswith(stem, autoescape=True))))
    return next(one for number in itertools.count(2) if (one := f"{stem}-{number}") not in taken)


def listed(session: Session, status: CampaignStatus | None = None) -> list[Campaign]:
    """Return the campaigns, newest first."""
    query = select(Campaign).order_by(Campaign.created_at.desc(), Campaign.id.desc())
    return list(session.scalars(query.where(Campaign.status == status) if status else query))


def history(session: Session, campaign: Campaign) -> list[CampaignChange]:
    """Return what was done to a campaign, oldest first."""
    query = select(CampaignChange).where(CampaignChange.campaign_id == campaign.id)
    return list(session.scalars(query.order_by(CampaignChange.at, CampaignChange.id)))


def live_approval(session: Session, campaign_id: int) -> Approval | None:
    """Return the approval in force, None if there is none."""
    return session.scalar(select(Approval).where(Approval.campaign_id == campaign_id, Approval.voided_at.is_(None)))


def record(session: Session, campaign: Campaign, by: str, now: datetime, action: str, detail: str = "") -> None:
    """Note what was done to a campaign."""
    session.add(CampaignChange(campaign_id=campaign.id, at=now, actor=by, action=action, detail=detail))


def shown_time(moment: datetime | None) -> str:
    """Write a moment as people in Belgium read it; the offset tells the two hours of a clock change apart."""
    return "(no time)" if moment is None else f"{moment.astimezone(BRUSSELS):%Y-%m-%d %H:%M (%Z)}"


def _move(
    session: Session,
    campaign: Campaign,
    verb: str,
    origins: tuple[CampaignStatus, ...],
    target: CampaignStatus,
    *conditions: ColumnElement[bool],
    **values: Any,
) -> None:
    """Take the step if the row still stands where it must; else refuse with its state and what can be done."""
    session.flush()
    moved = session.connection().execute(
        update(Campaign)
        .where(Campaign.id == campaign.id, Campaign.status.in_(origins), *conditions)
        .values(status=target, **values)
    )
    session.refresh(campaign)
    if moved.rowcount != 1:
        raise Refusal(_why_not(campaign, verb, origins))


def _why_not(campaign: Campaign, verb: str, origins: tuple[CampaignStatus, ...]) -> str:
    if verb == "edited" and campaign.frozen_at is not None:
        return (
            f"campaign {campaign.name!r}: sending has started, so nothing about it can change any more; "
            f"{_WAYS_OUT[campaign.status]}"
        )
    if campaign.status in origins:
        return f"campaign {campaign.name!r} was changed by somebody else this moment: look again"
    wanted = " or ".join(origin.value for origin in origins)
    return (
        f"campaign {campaign.name!r} is {campaign.status.value} and can't be {verb} (that takes {wanted}): "
        f"{_WAYS_OUT[campaign.status]}"
    )


def _columns(spec: CampaignSpec, sending: SendingSettings) -> dict[str, Any]:
    return {
        "title": spec.title,
        "segment": spec.segment,
        "template": spec.template,
        "topic": spec.topic,
        "spec": spec.to_json(),
        "send_at": send_time(spec, sending),
    }


def _unsubmitted() -> dict[str, Any]:
    cleared = ("submitted_by", "submitted_at", "scheduled_by", "scheduled_at", "pause_kind", "pause_reason")
    empty = ("submitted_digests", "pause_facts", "accepted_counts")
    return {**dict.fromkeys(cleared), **{name: null() for name in empty}, "resumed_at": None}


def _void(session: Session, campaign: Campaign, now: datetime, reason: str) -> bool:
    result = session.connection().execute(
        update(Approval)
        .where(Approval.campaign_id == campaign.id, Approval.voided_at.is_(None))
        .values(voided_at=now, voided_reason=reason)
    )
    return result.rowcount > 0

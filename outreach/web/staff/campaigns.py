"""Campaigns: what they say and to whom, who did what, the steps that a person may take, and how far they are."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from outreach.app import App
from outreach.audience.contacts import checked_address
from outreach.campaigns import checking, life, objections, previewing, progress, reviewing
from outreach.delivery import gauges, trial
from outreach.errors import NotFound, Refusal
from outreach.models import Campaign, CampaignStatus
from outreach.reports.campaigns import CampaignsReport, report
from outreach.users import LoggedIn
from outreach.web.door import Opened, Submitted, field, is_slug, page
from outreach.web.guard import mail_headers
from outreach.web.staff.door import Somebody, TeamActing, show_to

router = APIRouter()

S = CampaignStatus
# What a person of the team may do in each state; the domain decides again, whatever the page offered.
STEPS: Mapping[CampaignStatus, tuple[str, ...]] = {
    S.DRAFT: ("submit", "cancel"),
    S.IN_REVIEW: ("approve", "cancel"),
    S.APPROVED: ("schedule", "cancel"),
    S.SCHEDULED: ("pause", "cancel"),
    S.SENDING: ("pause", "cancel"),
    S.PAUSED: ("resume", "cancel"),
}
# Rows of the table of clicks: at once, and folded away; the rest is in the export.
CLICKS_SHOWN, CLICKS_FOLDED = 15, 150
# These change by themselves, so their page looks again by itself.
MOVING = frozenset({S.SCHEDULED, S.SENDING})


@page(router, "/campaigns")
def overview(request: Request, app: Opened, who: Somebody) -> Response:
    with app.database.reading() as session:
        campaigns = life.listed(session)
    return show_to(who, request, "staff/campaigns.html", campaigns=campaigns)


@page(router, "/campaigns/{name}")
def one(request: Request, name: str, app: Opened, who: Somebody) -> Response:
    return _campaign(request, app, who, name)


@page(router, "/campaigns/{name}/status")
def status(request: Request, name: str, app: Opened, who: Somebody) -> Response:
    """Answer with the part of the page that changes while a campaign is sent."""
    with app.database.reading() as session:
        campaign = _found(session, name)
        now = progress.status(session, campaign, app.now())
        wait = gauges.wait_of(session, app.settings, campaign, app.now())
    return show_to(who, request, "staff/_progress.html", progress=now, wait=wait, moving=campaign.status in MOVING)


@page(router, "/campaigns/{name}/mail.html")
def mail(request: Request, name: str, app: Opened, who: Somebody) -> Response:
    """Answer with the mail itself, for the frame of the page."""
    with app.database.reading() as session:
        campaign, sources = _found(session, name), app.sources
        shown = previewing.preview(session, campaign, sources=sources, now=app.now())
    html = shown.rendered.html
    for picture in shown.pictures:
        inline = f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
        html = html.replace(app.links.picture(picture.digest, picture.suffix), inline)
    return HTMLResponse(html, headers=mail_headers(framed=True))


@router.post("/campaigns/{name}/{step}", include_in_schema=False)
def take(request: Request, name: str, step: str, app: Opened, who: TeamActing, form: Submitted) -> Response:
    if step not in _TAKE:
        raise HTTPException(404)
    try:
        with app.database.writing() as session:
            choice = Choice(who.email, field(form, "seen", 64), form.get("accept") == "1", field(form, "value", 254))
            led_to = _TAKE[step](session, _found(session, name), app, choice)
    except NotFound:
        raise
    except Refusal as refusal:
        return _campaign(request, app, who, name, refusal=str(refusal), status=409)
    return RedirectResponse(f"/staff/campaigns/{led_to or name}", status_code=303)


@dataclass(frozen=True)
class Choice:
    """Who pressed a button, having seen what (`objections.seen_by`), and whether it takes what a campaign waits for.

    `value` is what was typed beside the button.
    """

    by: str
    seen: str
    accept: bool
    value: str


def _submit(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    reviewing.submit(session, campaign, by=choice.by, now=app.now(), sources=app.sources, seen=choice.seen)


def _approve(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    reviewing.approve(session, campaign, by=choice.by, now=app.now(), sources=app.sources, seen=choice.seen)


def _schedule(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    life.schedule(session, campaign, by=choice.by, now=app.now(), seen=choice.seen)


def _pause(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    life.pause(session, campaign, by=choice.by, now=app.now())


def _resume(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    life.resume(session, campaign, by=choice.by, now=app.now(), accept=choice.accept, seen=choice.seen)


def _cancel(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    life.cancel(session, campaign, by=choice.by, now=app.now())


def _settle_as_sent(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    progress.settle(session, campaign, outcome="sent", by=choice.by, now=app.now())


def _give_up(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    progress.settle(session, campaign, outcome="give_up", by=choice.by, now=app.now())


def _retry(session: Session, campaign: Campaign, app: App, choice: Choice) -> None:
    progress.retry(session, campaign, by=choice.by, now=app.now())


def _copy(session: Session, campaign: Campaign, app: App, choice: Choice) -> str:
    return life.copy(session, campaign, choice.value, sending=app.settings.sending, by=choice.by, now=app.now()).name


def _test(session: Session, campaign: Campaign, app: App, choice: Choice) -> str:
    to = checked_address(choice.value)
    trial.send(session, campaign, to=[to], sources=app.sources, now=app.now())
    return f"{campaign.name}?tested=1#voorbeeld"


# Each gives the page that it leads to, where that isn't the campaign's own.
_TAKE: Mapping[str, Callable[[Session, Campaign, App, Choice], str | None]] = {
    "submit": _submit,
    "approve": _approve,
    "schedule": _schedule,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "settle-sent": _settle_as_sent,
    "give-up": _give_up,
    "retry": _retry,
    "copy": _copy,
    "test": _test,
}


def _found(session: Session, name: str) -> Campaign:
    if not is_slug(name):
        raise HTTPException(404)
    return life.find(session, name)


def _has_progress(campaign: Campaign) -> bool:
    return campaign.frozen_at is not None or campaign.status in MOVING


def _campaign(
    request: Request, app: App, who: LoggedIn, name: str, *, refusal: str = "", status: int = 200
) -> Response:
    with app.database.reading() as session:
        shown = _shown(session, _found(session, name), app, who)
    wide, tested = request.query_params.get("width") != "phone", "tested" in request.query_params
    return show_to(
        who, request, "staff/campaign.html", status=status, refusal=refusal, wide=wide, tested=tested, **shown
    )


def _shown(session: Session, campaign: Campaign, app: App, who: LoggedIn) -> dict[str, Any]:
    sources, now = app.sources, app.now()
    checked = preview = None
    if campaign.status in (S.DRAFT, S.IN_REVIEW):
        checked = checking.examine(session, campaign, sources=sources, now=now)
    with suppress(Refusal):  # the check says why there is none
        preview = previewing.preview(session, campaign, sources=sources, now=now).rendered
    return {
        "campaign": campaign,
        "seen": objections.seen_by(campaign),
        "history": life.history(session, campaign),
        "approval": life.live_approval(session, campaign.id),
        "steps": STEPS.get(campaign.status, ()) if who.is_team else (),
        "own": campaign.submitted_by == who.email and not app.settings.sending.approve_own,
        "needs_accepting": campaign.pause_kind in life.NEEDS_ACCEPTING,
        "moving": campaign.status in MOVING,
        "progress": progress.status(session, campaign, now) if _has_progress(campaign) else None,
        "editable": campaign.frozen_at is None and campaign.status in life.EDITABLE,
        "failed": progress.retriable(session, campaign),
        "copy_name": life.free_name(session, campaign.name),
        "wait": gauges.wait_of(session, app.settings, campaign, now),
        "spec": yaml.safe_dump(campaign.spec, allow_unicode=True, sort_keys=False),
        "checked": checked,
        "preview": preview,
        "report": _report(session, campaign, app) if campaign.frozen_at else None,
        "clicks_shown": CLICKS_SHOWN,
        "clicks_folded": CLICKS_FOLDED,
    }


def _report(session: Session, campaign: Campaign, app: App) -> CampaignsReport:
    return report(session, [campaign.name], min_cohort=app.settings.tracking.min_cohort)

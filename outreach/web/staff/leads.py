"""Leads for the team and the analysts: the list, one lead, and the answer where the enterprise gave it by phone."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response

from outreach.campaigns import life
from outreach.errors import Refusal
from outreach.inbox import listing as inbox
from outreach.inbox.kinds import Kind
from outreach.leads import receiving
from outreach.leads.deciding import NOTE_LENGTH
from outreach.models import LeadStage
from outreach.users import LoggedIn
from outreach.web.door import Opened, Submitted, field, page
from outreach.web.staff.door import Somebody, TeamActing, show_to

router = APIRouter()

SHOWN = 200
LeadId = Annotated[int, Path(ge=1, lt=2**63)]


@page(router, "/leads")
def overview(request: Request, app: Opened, who: Somebody) -> Response:
    asked = request.query_params
    stage = LeadStage(asked["stage"]) if asked.get("stage") in set(LeadStage) else None
    with app.database.reading() as session:
        names = [campaign.name for campaign in life.listed(session)]
        campaign = asked.get("campaign") if asked.get("campaign") in names else None
        leads = receiving.listed(session, stage=stage, campaign=campaign, limit=SHOWN)
        answers = inbox.waiting(session, Kind.ANSWER)
    return show_to(
        who,
        request,
        "staff/leads.html",
        leads=leads,
        answers=answers,
        stage=stage,
        stages=list(LeadStage),
        campaign=campaign,
        names=names,
        shown=SHOWN,
    )


@page(router, "/leads/{lead_id}")
def one(request: Request, lead_id: LeadId, app: Opened, who: Somebody) -> Response:
    return _lead(request, app, who, lead_id)


@router.post("/leads/{lead_id}/{answer}", include_in_schema=False)
def decide(
    request: Request,
    lead_id: LeadId,
    answer: Literal["confirm", "refuse"],
    app: Opened,
    who: TeamActing,
    form: Submitted,
) -> Response:
    step = receiving.confirm if answer == "confirm" else receiving.refuse
    note = field(form, "note", NOTE_LENGTH, lines=True)
    try:
        with app.database.writing() as session:
            step(session, lead_id, by=who.email, note=note, now=app.now())
    except Refusal as refusal:
        return _lead(request, app, who, lead_id, refusal=str(refusal), status=409)
    return RedirectResponse(f"/staff/leads/{lead_id}", status_code=303)


def _lead(
    request: Request, app: Opened, who: LoggedIn, lead_id: int, *, refusal: str = "", status: int = 200
) -> Response:
    with app.database.reading() as session:
        lead = receiving.find(session, lead_id)
    return show_to(who, request, "staff/lead.html", status=status, lead=lead, refusal=refusal)

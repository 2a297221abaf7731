"""A campaign written or changed in the browser: the file that the commands read, with its faults by line."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from outreach.audience import segments
from outreach.campaigns import life, objections
from outreach.campaigns.spec import CampaignSpec, file_text
from outreach.documents import parse_yaml, validate
from outreach.emails import templates
from outreach.errors import NotFound, Refusal
from outreach.models import Campaign
from outreach.web.door import Opened, Submitted, field, is_slug, page
from outreach.web.staff.door import Somebody, TeamActing, show_to

router = APIRouter()

LONGEST = 60_000
# What the refusals of a text without a file name.
FILE = Path("campagne.yaml")
EXAMPLE = """\
name: groen-in-de-lente
title: Groen in de lente
template: monthly
segment: {segment}
subject: Een verzorgd bedrijfsterrein, dicht bij huis
preheader: Maatwerkbedrijven in uw provincie
send_at: 2027-03-02 10:00
office_hours: true
intro: |
  Schrijf hier de inleiding. **Markdown** mag.
spotlights:
  - block: dichtbij
    title: Bij u in de buurt
    count: 3
closing: |
  Tot binnenkort.
"""


@page(router, "/new-campaign")
def offer(request: Request, app: Opened, who: Somebody) -> Response:
    if not who.is_team:
        raise HTTPException(403)
    known = segments.available(app.segments)
    return _form(request, app, who, EXAMPLE.format(segment=known[0] if known else "doelgroep"))


@router.post("/new-campaign", include_in_schema=False)
def create(request: Request, app: Opened, who: TeamActing, form: Submitted) -> Response:
    text = field(form, "text", LONGEST, lines=True)
    try:
        spec = validate(CampaignSpec, parse_yaml(text, FILE))
        with app.database.writing() as session:
            life.create(session, spec, sending=app.settings.sending, by=who.email, now=app.now())
    except Refusal as refusal:
        return _form(request, app, who, text, faults=refusal)
    return RedirectResponse(f"/staff/campaigns/{spec.name}", status_code=303)


@page(router, "/campaigns/{name}/edit")
def open_draft(request: Request, name: str, app: Opened, who: Somebody) -> Response:
    if not who.is_team:
        raise HTTPException(403)
    with app.database.reading() as session:
        campaign = _found(session, name)
        text, seen = file_text(CampaignSpec.from_json(campaign.spec)), objections.seen_by(campaign)
    return _form(request, app, who, text, name=name, seen=seen)


@router.post("/campaigns/{name}/edit", include_in_schema=False)
def change(request: Request, name: str, app: Opened, who: TeamActing, form: Submitted) -> Response:
    text, seen = field(form, "text", LONGEST, lines=True), field(form, "seen", 64)
    try:
        spec = validate(CampaignSpec, parse_yaml(text, FILE))
        with app.database.writing() as session:
            campaign = _found(session, name)
            life.edit(session, campaign, spec, sending=app.settings.sending, by=who.email, now=app.now(), seen=seen)
    except NotFound:
        raise
    except Refusal as refusal:
        return _form(request, app, who, text, name=name, seen=seen, faults=refusal)
    return RedirectResponse(f"/staff/campaigns/{name}", status_code=303)


def _found(session: Session, name: str) -> Campaign:
    if not is_slug(name):
        raise HTTPException(404)
    return life.find(session, name)


def _form(
    request: Request,
    app: Opened,
    who: Somebody,
    text: str,
    *,
    name: str = "",
    seen: str = "",
    faults: Refusal | None = None,
) -> Response:
    """Answer with the text of a new campaign, or of the one called `name`."""
    return show_to(
        who,
        request,
        "staff/draft.html",
        status=422 if faults else 200,
        text=text,
        campaign=name,
        seen=seen,
        faults=str(faults).splitlines() if faults else [],
        segments=segments.available(app.segments),
        templates=templates.available(app.templates),
        longest=LONGEST,
    )

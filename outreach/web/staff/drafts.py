"""A campaign written in the browser: the same file as `outreach campaign new` reads, with its faults by line."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from outreach.audience import segments
from outreach.campaigns import life
from outreach.campaigns.spec import CampaignSpec
from outreach.documents import parse_yaml, validate
from outreach.emails import templates
from outreach.errors import Refusal
from outreach.web.door import Opened, Submitted, field, page
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
        return _form(request, app, who, text, str(refusal).splitlines(), 422)
    return RedirectResponse(f"/staff/campaigns/{spec.name}", status_code=303)


def _form(
    request: Request, app: Opened, who: Somebody, text: str, faults: list[str] | None = None, status: int = 200
) -> Response:
    return show_to(
        who,
        request,
        "staff/draft.html",
        status=status,
        text=text,
        faults=faults or [],
        segments=segments.available(app.segments),
        templates=templates.available(app.templates),
        longest=LONGEST,
    )

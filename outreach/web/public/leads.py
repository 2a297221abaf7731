"""`/lead/<token>`: the enterprise sees who got in contact, and confirms or refuses with a POST.

The token in the path is the credential: it came by mail to the enterprise and opens this one lead.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from outreach.errors import NotFound
from outreach.leads import cards, receiving
from outreach.leads.deciding import NOTE_LENGTH
from outreach.links import Purpose
from outreach.models import LeadStage
from outreach.web.door import Explained, Opened, Submitted, field, page
from outreach.web.pages import show

router = APIRouter()


@page(router, "/lead/{token}")
def read(request: Request, token: str, app: Opened) -> Response:
    lead_id = _lead_id(app, token)
    with app.database.reading() as session:
        try:
            lead = receiving.find(session, lead_id)
        except NotFound:
            raise _unknown() from None
        return show(request, "public/lead.html", lead=lead, note="", errors={})


@router.post("/lead/{token}", include_in_schema=False)
def decide(request: Request, token: str, app: Opened, form: Submitted) -> Response:
    lead_id = _lead_id(app, token)
    note = field(form, "note", NOTE_LENGTH, lines=True)
    answer = form.get("answer")
    with app.database.writing() as session:
        try:
            lead = receiving.find(session, lead_id)
        except NotFound:
            raise _unknown() from None
        if lead.stage is LeadStage.NEW and answer == "confirm":
            receiving.confirm(session, lead_id, by="enterprise", note=note, now=app.now())
        elif lead.stage is LeadStage.NEW and answer == "refuse":
            receiving.refuse(session, lead_id, by="enterprise", note=note, now=app.now())
        elif lead.stage is LeadStage.NEW:
            errors = {"answer": "Kies een van beide knoppen."}
            return show(request, "public/lead.html", status=422, lead=lead, note=note, errors=errors)
    return RedirectResponse(request.url.path, status_code=303)


def _lead_id(app: Opened, token: str) -> int:
    with app.database.reading() as session:
        lead_id = app.links.read(Purpose.LEAD, token, partial(cards.secret, session))
    if lead_id is None:
        raise _unknown()
    return lead_id


def _unknown() -> Explained:
    return Explained(
        404,
        "Deze link klopt niet",
        "Waarschijnlijk is hij onvolledig overgenomen. Klik op de link in de mail over dit contact.",
    )

"""One contact for the team: what we hold, and what came back about each mail, with its evidence."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from outreach.audience import cards
from outreach.web.door import Opened, page
from outreach.web.staff.door import Somebody, show_to

router = APIRouter()


@page(router, "/contacts/{contact_id}")
def one(request: Request, contact_id: Annotated[int, Path(ge=1, lt=2**63)], app: Opened, who: Somebody) -> Response:
    if not who.is_team:
        raise HTTPException(403)  # analysts count, and need nobody's address
    with app.database.reading() as session:
        card = cards.show(session, contact_id)
    return show_to(who, request, "staff/contact.html", contact=card)

"""Companies without a number beside the register: what is proposed, and a person's yes or no."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response

from outreach.errors import NotFound, Refusal
from outreach.register import entries, proposing
from outreach.users import LoggedIn
from outreach.web.door import Opened, Submitted, page
from outreach.web.staff.door import Somebody, TeamActing, show_to

router = APIRouter()

SHOWN = 60
ProposalId = Annotated[int, Path(ge=1, lt=2**63)]


@page(router, "/register")
def overview(request: Request, app: Opened, who: Somebody) -> Response:
    return _overview(request, app, who)


@router.post("/register/{proposal_id}/{answer}", include_in_schema=False)
def decide(
    request: Request,
    proposal_id: ProposalId,
    answer: Literal["accept", "reject"],
    app: Opened,
    who: TeamActing,
    form: Submitted,
) -> Response:
    step = proposing.accept if answer == "accept" else proposing.reject
    try:
        with app.database.writing() as session:
            step(session, proposal_id, by=who.email, now=app.now())
    except (Refusal, NotFound) as refusal:
        return _overview(request, app, who, refusal=str(refusal), status=409)
    return RedirectResponse("/staff/register", status_code=303)


def _overview(request: Request, app: Opened, who: LoggedIn, *, refusal: str = "", status: int = 200) -> Response:
    with app.database.reading() as session:
        held = entries.current(session)
        waiting = proposing.waiting(session)
        certain = proposing.listed(session, certain=True, limit=SHOWN)
        doubtful = proposing.listed(session, certain=False, limit=SHOWN)
        source = entries.source(session) if held else None
    by_company = [list(rows) for _, rows in groupby(doubtful, key=lambda row: row.company_id)]
    return show_to(
        who,
        request,
        "staff/register.html",
        status=status,
        held=held,
        source=source,
        waiting=waiting,
        certain=certain,
        doubtful=by_company,
        shown=SHOWN,
        refusal=refusal,
    )

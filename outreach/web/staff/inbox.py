"""The post that came back and waits for a person: read it, and say what is to be done with it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response

from outreach import intake
from outreach.errors import Refusal
from outreach.inbox import listing, mailboxes, settling
from outreach.inbox.kinds import Kind
from outreach.models import InboxState
from outreach.users import LoggedIn
from outreach.web.door import Opened, Submitted, field, page
from outreach.web.staff.door import Somebody, TeamActing, show_to

router = APIRouter()

SHOWN = 200
NOTE_LENGTH = 500
MessageId = Annotated[int, Path(ge=1, lt=2**63)]
Step = Literal["settle", "opt-out", "move", "assign", "again"]


@page(router, "/inbox")
def overview(request: Request, app: Opened, who: Somebody) -> Response:
    asked = request.query_params
    state = InboxState(asked["state"]) if asked.get("state") in set(InboxState) else InboxState.WAITING
    kind = asked["kind"] if asked.get("kind") in set(Kind) else None
    with app.database.reading() as session:
        messages = listing.listed(session, state=state, kind=kind, limit=SHOWN)
        waiting = listing.waiting(session)
        faults = [box for box in mailboxes.listed(session) if box.fault]
    return show_to(
        who,
        request,
        "staff/inbox.html",
        messages=messages,
        waiting=waiting,
        faults=faults,
        state=state,
        states=(InboxState.WAITING, InboxState.SETTLED, InboxState.UNDERSTOOD),
        kind=kind,
        kinds=list(Kind),
        shown=SHOWN,
    )


@page(router, "/inbox/{message_id}")
def one(request: Request, message_id: MessageId, app: Opened, who: Somebody) -> Response:
    return _message(request, app, who, message_id)


@router.post("/inbox/{message_id}/{step}", include_in_schema=False)
def decide(
    request: Request, message_id: MessageId, step: Step, app: Opened, who: TeamActing, form: Submitted
) -> Response:
    try:
        _do(step, message_id, app, who, form)
    except Refusal as refusal:
        return _message(request, app, who, message_id, refusal=str(refusal), status=409)
    return RedirectResponse(f"/staff/inbox/{message_id}", status_code=303)


def _do(step: Step, message_id: int, app: Opened, who: LoggedIn, form: Submitted) -> None:
    ours, by, now = intake.ours_of(app), who.email, app.now()
    with app.database.writing() as session:
        match step:
            case "settle":
                settling.settle(session, message_id, by=by, note=field(form, "note", NOTE_LENGTH), now=now)
            case "opt-out":
                settling.opt_out(session, message_id, by=by, ours=ours, now=now)
            case "move":
                address = field(form, "address", 320) or None
                settling.move(session, message_id, address=address, by=by, ours=ours, now=now)
            case "assign":
                service = field(form, "service", 80)
                settling.assign(session, message_id, service=service, enterprise=None, by=by, ours=ours, now=now)
            case "again":
                settling.again(session, message_id)
    if step == "again":
        intake.understand(app)


def _message(
    request: Request, app: Opened, who: LoggedIn, message_id: int, *, refusal: str = "", status: int = 200
) -> Response:
    with app.database.reading() as session:
        message = listing.find(session, message_id)
        offers = listing.offers(session, message)
        known = listing.every_service(session)
    return show_to(
        who,
        request,
        "staff/message.html",
        status=status,
        message=message,
        offers=offers,
        others=[one for one in known if one not in offers],
        refusal=refusal,
    )

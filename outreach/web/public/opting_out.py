"""`/u/<token>`: GET shows one button and changes nothing; POST opts out at once.

RFC 8058: mail programs POST `List-Unsubscribe=One-Click` without cookies, login or page before it, so nothing but the
token is asked for and the body hardly matters; the answer is 200 without a redirect, however often it comes.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from outreach.delivery.opting_out import opt_out
from outreach.links import Addressed, Purpose
from outreach.web.door import Explained, Opened, page
from outreach.web.pages import show

router = APIRouter()


@page(router, "/u/{token}")
def offer(request: Request, token: str, app: Opened) -> Response:
    _addressed(app, token)
    return show(request, "public/opt_out.html", done=False)


@router.post("/u/{token}", include_in_schema=False)
async def act(request: Request, token: str, app: Opened) -> Response:
    body = await request.body()
    via = "page" if b"button" in body else "one-click"
    return await run_in_threadpool(_opt_out, request, token, app, via)


def _opt_out(request: Request, token: str, app: Opened, via: str) -> Response:
    delivery_id, address_hash = _addressed(app, token)
    with app.database.writing() as session:
        opt_out(session, delivery_id, address_hash, via=via, settings=app.settings, now=app.now())
    return show(request, "public/opt_out.html", done=True)


def _addressed(app: Opened, token: str) -> Addressed:
    addressed = app.links.read_addressed(Purpose.OPT_OUT, token)
    if addressed is None:
        raise Explained(
            404,
            "Deze uitschrijflink klopt niet",
            "Waarschijnlijk is hij onvolledig overgenomen. Klik op de link in de mail zelf, of mail ons: we schrijven "
            "u meteen uit.",
        )
    return addressed

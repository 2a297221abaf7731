"""`/n/<code>`: a newsletter in the browser, as its group got it and without anything about a person."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from outreach.campaigns import hits
from outreach.campaigns.mailing import browser_view
from outreach.web.door import Explained, Opened, page
from outreach.web.guard import mail_headers

router = APIRouter()


@page(router, "/n/{code}")
def read(code: str, app: Opened) -> Response:
    html = None
    if hits.is_code(code):
        with app.database.reading() as session:
            html = browser_view(session, code, links=app.links)
    if html is None:
        raise Explained(
            404, "Deze nieuwsbrief kennen we niet", "Misschien is de link onvolledig overgenomen uit de mail."
        )
    return HTMLResponse(html, headers=mail_headers(framed=False))

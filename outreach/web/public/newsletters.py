"""`/n/<code>`: a newsletter as its group got it; `/nieuwsbrieven`: those that anybody may read, with their feed.

None of them says anything about a person. A mail's own page carries its styles inline, so it is shown in a sandbox.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from outreach.campaigns import editions, hits
from outreach.campaigns.mailing import browser_view
from outreach.web.door import Explained, Opened, is_slug, page
from outreach.web.guard import mail_headers
from outreach.web.keeping import FRESH, tag_of
from outreach.web.pages import show
from outreach.web.public import feed

router = APIRouter()

FIRST = datetime(2026, 1, 1, tzinfo=UTC)  # the time of a feed without entries, which must have one


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


@page(router, "/nieuwsbrieven")
def archive(request: Request, app: Opened) -> Response:
    with app.database.reading() as session:
        found = editions.listed(session, simulated=app.simulated)
    return show(request, "public/archive.html", canonical="/nieuwsbrieven", kept=True, found=found)


@page(router, "/nieuwsbrieven.atom")
def atom(app: Opened) -> Response:
    with app.database.reading() as session:
        found = editions.listed(session, simulated=app.simulated)
        data = feed.write_feed(found, settings=app.settings, links=app.links, started=FIRST)
    return Response(data, media_type=feed.MEDIA_TYPE, headers={"Cache-Control": FRESH, "ETag": tag_of(data)})


@page(router, "/nieuwsbrieven/{name}")
def edition(name: str, app: Opened) -> Response:
    html = None
    if is_slug(name):
        with app.database.reading() as session:
            html = editions.read(session, name, links=app.links, simulated=app.simulated)
    if html is None:
        ways = (("Bekijk alle nieuwsbrieven", "/nieuwsbrieven"),)
        raise Explained(404, "Deze nieuwsbrief vinden we niet", "Misschien is ze uit het archief gehaald.", ways)
    canonical = {"Link": f'<{app.links.edition(name)}>; rel="canonical"'}
    kept = {"Cache-Control": FRESH, "ETag": tag_of(html.encode())}
    return HTMLResponse(html, headers=mail_headers(framed=False) | canonical | kept)

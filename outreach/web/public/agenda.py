"""`/agenda/<campaign>.ics`: the calendar entry of a mail's event, as it was approved."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from outreach.campaigns.mailing import calendar_file
from outreach.web.door import Opened, is_slug, page

router = APIRouter()


@page(router, "/agenda/{name}.ics")
def entry(name: str, app: Opened) -> Response:
    data = None
    if is_slug(name):
        with app.database.reading() as session:
            data = calendar_file(session, name, links=app.links)
    if data is None:
        raise HTTPException(404)
    # Inline: a phone then offers to add it, where it would otherwise only save a file.
    headers = {
        "Content-Disposition": f'inline; filename="{name}.ics"',
        "Cache-Control": "public, max-age=300",
        "X-Robots-Tag": "noindex",
    }
    return Response(data, media_type="text/calendar; charset=utf-8; method=PUBLISH", headers=headers)

"""`/l/<code>`: to the address that the campaign contains for that code, and to no other."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from outreach.campaigns import hits
from outreach.web import hit_book
from outreach.web.door import Explained, Opened, is_prefetch, is_simulated, page

router = APIRouter()


@page(router, "/l/{code}")
def follow(request: Request, code: str, app: Opened) -> Response:
    code = code.lower()
    with app.database.reading() as session:
        target = hits.target(session, code)
    if target is None:
        raise Explained(
            404,
            "Deze link kennen we niet",
            "Misschien is hij onvolledig overgenomen uit de mail. Alle diensten vindt u hieronder.",
        )
    seen = hits.Request(
        code=code,
        method=request.method,
        agent=request.headers.get("user-agent", ""),
        prefetch=is_prefetch(request),
        at=app.now(),
        simulated=target.campaign_simulated and is_simulated(request),
    )
    hit_book.write_down(request.app.state.hits, app.project, seen)
    address = hits.carrying(target.address, code, app.settings.site.url)
    return Response(status_code=302, headers={"Location": hits.on_the_wire(address)})

"""`/l/<code>`: to the address that the campaign contains for that code, and to no other.

A link is asked for a hundred times more often than any page, in bursts when a campaign goes out, so it is answered
before FastAPI's routing and without a thread per request (measured in `benchmarks/public.py`). What isn't a link of
ours goes on to the page below, which says so.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from outreach.app import App
from outreach.attempts import place_of
from outreach.campaigns import hits, visitors
from outreach.web.door import SIMULATED_HEADER, Explained, is_simulated, page
from outreach.web.hit_book import HitBook
from outreach.web.sources import Sources

router = APIRouter()

PLACE = "/l/"
_SIMULATED = SIMULATED_HEADER.lower()


@page(router, "/l/{code}")
def unknown(code: str) -> None:
    raise Explained(
        404,
        "Deze link kennen we niet",
        "Misschien is hij onvolledig overgenomen uit de mail. Alle diensten vindt u hieronder.",
    )


class Redirects:
    """ASGI middleware that answers the links it knows, each when its hit is durable."""

    def __init__(self, inner: ASGIApp, *, app: App, book: HitBook) -> None:
        self.inner = inner
        self.app = app
        self.book = book
        self.base = app.settings.site.url
        self.secure = self.base.startswith("https:")
        self.sources = Sources()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PLACE) and scope["method"] in ("GET", "HEAD"):
            code = scope["path"][len(PLACE) :].lower()
            target = await self.book.write_down(self._seen(scope, code)) if hits.is_code(code) else None
            if target is not None:
                address = hits.location(target.address, code, self.base)
                headers = [(b"content-length", b"0"), (b"location", address.encode("ascii"))]
                await send({"type": "http.response.start", "status": 302, "headers": headers})
                await send({"type": "http.response.body"})
                return
        await self.inner(scope, receive, send)

    def _seen(self, scope: Scope, code: str) -> hits.Request:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        now = self.app.now()
        client = scope.get("client")
        return hits.Request(
            code=code,
            method=scope["method"],
            agent=headers.get("user-agent", ""),
            at=now,
            signs=visitors.signs_of(headers, secure=self.secure),
            source=self.sources.number(place_of(client[0]), now) if client else None,
            simulated=_SIMULATED in headers and is_simulated(Request(scope)),
        )

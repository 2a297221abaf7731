"""Pages and files that hardly change: privacy, accessibility, robots.txt, style sheet, health."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from outreach.database import current_revision
from outreach.errors import Refusal
from outreach.web.door import Opened, page
from outreach.web.guard import PERSONAL
from outreach.web.pages import assets, show

router = APIRouter()

YEAR = "public, max-age=31536000, immutable"


@page(router, "/privacy")
def privacy(request: Request, app: Opened) -> Response:
    return show(request, "public/privacy.html", window_days=app.settings.leads.window_days)


@page(router, "/toegankelijkheid")
def accessibility(request: Request) -> Response:
    return show(request, "public/accessibility.html")


@page(router, "/robots.txt")
def robots(app: Opened) -> Response:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PERSONAL), "Allow: /", ""]
    return PlainTextResponse("\n".join(lines))


@page(router, "/static/{name}")
def static(request: Request, name: str) -> Response:
    asset = assets().get(name)
    if asset is None:
        raise HTTPException(404)
    fresh = request.query_params.get("v") == asset.digest
    return Response(
        asset.data, media_type=asset.media_type, headers={"Cache-Control": YEAR if fresh else "public, max-age=60"}
    )


@page(router, "/favicon.ico")
def icon(request: Request) -> Response:
    return static(request, "mark.svg")


@page(router, "/healthz")
def health(app: Opened) -> Response:
    """Answer 200 if the database answers, else 503."""
    try:
        current_revision(app.database)
    except (Refusal, SQLAlchemyError):
        return PlainTextResponse("database\n", 503, headers={"Cache-Control": "no-store"})
    return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

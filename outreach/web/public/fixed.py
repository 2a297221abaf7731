"""Pages and files that hardly change: privacy, accessibility, what search engines ask for, style sheet, health."""

from __future__ import annotations

from datetime import datetime
from xml.sax.saxutils import escape

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from outreach.audience.legal_basis import ALLOWED
from outreach.campaigns import editions
from outreach.catalogue import services
from outreach.database import current_revision
from outreach.errors import Refusal
from outreach.web.door import Opened, page
from outreach.web.guard import PERSONAL
from outreach.web.keeping import FOR_EVER, FRESH, tag_of
from outreach.web.pages import assets, show

router = APIRouter()

SHORT = "public, max-age=60"
# Mails show some of these files, in programs that are pages of somebody else, and in a sandbox here.
EVERYWHERE = {"Cross-Origin-Resource-Policy": "cross-origin"}


@page(router, "/privacy")
def privacy(request: Request, app: Opened) -> Response:
    bases = {basis.value for basis in ALLOWED[app.settings.sender.type]}
    return show(request, "public/privacy.html", canonical="/privacy", kept=True, settings=app.settings, bases=bases)


@page(router, "/toegankelijkheid")
def accessibility(request: Request) -> Response:
    return show(request, "public/accessibility.html", canonical="/toegankelijkheid", kept=True)


@page(router, "/robots.txt")
def robots(app: Opened) -> Response:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PERSONAL), "Disallow: /*?*zoek=", "Allow: /", ""]
    lines += [f"Sitemap: {app.settings.site.url}/sitemap.xml", ""]
    return PlainTextResponse("\n".join(lines), headers={"Cache-Control": FRESH})


@page(router, "/sitemap.xml")
def sitemap(app: Opened) -> Response:
    """List what search engines should know (sitemaps.org): the catalogue, the newsletters, and no personal page."""
    base = app.settings.site.url
    with app.database.reading() as session:
        found = services.listed(session)
        enterprises = {service.enterprise.slug: service.enterprise.updated_at for service in found}
        pages: list[tuple[str, datetime | None]] = [("/", None), ("/diensten", None)]
        pages += [(f"/diensten?categorie={code}", None) for code in sorted({each.category for each in found})]
        pages += [(f"/diensten/{each.slug}", max(each.updated_at, each.enterprise.updated_at)) for each in found]
        pages += [(f"/bedrijven/{slug}", at) for slug, at in sorted(enterprises.items())]
        pages += [("/nieuwsbrieven", None)]
        pages += [(f"/nieuwsbrieven/{each.name}", each.sent_at) for each in editions.listed(session)]
        pages += [("/privacy", None), ("/toegankelijkheid", None)]
    rows = (
        f"<url><loc>{escape(base + path)}</loc>{f'<lastmod>{at:%Y-%m-%d}</lastmod>' if at else ''}</url>"
        for path, at in pages
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    data = "\n".join((head, *rows, "</urlset>\n")).encode()
    return Response(data, media_type="application/xml", headers={"Cache-Control": FRESH, "ETag": tag_of(data)})


@page(router, "/static/{name}")
def static(request: Request, name: str) -> Response:
    asset = assets().get(name)
    if asset is None:
        raise HTTPException(404)
    current = request.query_params.get("v") == asset.digest
    headers = EVERYWHERE | {"Cache-Control": FOR_EVER if current else SHORT, "ETag": f'W/"{asset.digest}"'}
    return Response(asset.data, media_type=asset.media_type, headers=headers)


@page(router, "/favicon.ico")
def icon(request: Request) -> Response:
    return static(request, "mark-180.png")


@page(router, "/healthz")
def health(app: Opened) -> Response:
    """Answer 200 if the database answers, else 503."""
    try:
        current_revision(app.database)
    except (Refusal, SQLAlchemyError):
        return PlainTextResponse("database\n", 503, headers={"Cache-Control": "no-store"})
    return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

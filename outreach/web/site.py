"""The site: one FastAPI application over an open project, public pages and staff pages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.status import HTTP_422_UNPROCESSABLE_CONTENT

from outreach.app import App
from outreach.database import DatabaseReplaced, open_database
from outreach.errors import NotFound, Refusal
from outreach.metrics import Metrics
from outreach.web import hit_book, metrics
from outreach.web.api import inbox as api_inbox
from outreach.web.door import Explained
from outreach.web.guard import API, Guard, is_staff, protect
from outreach.web.keeping import Compressed, Conditional
from outreach.web.limits import Limits
from outreach.web.pages import load_pages, show
from outreach.web.public import (
    agenda,
    contact,
    fixed,
    leads,
    media,
    newsletters,
    opting_out,
    preferences,
    redirects,
    services,
    subscribing,
)
from outreach.web.staff import campaigns as staff_campaigns
from outreach.web.staff import contacts as staff_contacts
from outreach.web.staff import drafts, logins
from outreach.web.staff import inbox as staff_inbox
from outreach.web.staff import leads as staff_leads
from outreach.web.staff import reach as staff_reach
from outreach.web.staff import register as staff_register
from outreach.web.staff import reports as staff_reports
from outreach.web.staff.door import NotLoggedIn, own_page, show_to

log = logging.getLogger(__name__)

CATCH_UP_SECONDS = 5

PUBLIC = (fixed, redirects, opting_out, subscribing, preferences, newsletters, agenda, contact, services, leads, media)
STAFF = (
    logins,
    drafts,
    staff_reports,
    staff_campaigns,
    staff_leads,
    staff_inbox,
    staff_contacts,
    staff_reach,
    staff_register,
)

MISTAKES = {
    400: ("Dat hebben we niet begrepen", "Wat uw browser stuurde, was onvolledig. Ga terug en probeer het opnieuw."),
    403: ("Dat mag niet", "Met uw rol kunt u dit niet doen, of het formulier was verlopen. Ga terug en laad opnieuw."),
    404: ("Deze pagina bestaat niet", "Misschien is de link onvolledig overgenomen, of is de pagina verhuisd."),
    405: ("Dat kan hier niet", "Deze pagina kunt u alleen bekijken. Ga terug en gebruik de knop op de pagina."),
    413: ("Dat is te veel", "Wat u wilde sturen, is te groot. Kort uw bericht in en probeer het opnieuw."),
    410: ("Deze pagina is er niet meer", "Wat hier stond, is weggehaald. Kijk gerust verder in de catalogus."),
    422: ("Dat kunnen we zo niet gebruiken", "Iets in wat u stuurde, klopt niet. Ga terug en kijk het na."),
    429: ("Even geduld", "Vanop uw plaats kwam te veel tegelijk. Probeer het over een uur opnieuw, of bel."),
    500: ("Hier ging iets mis", "De fout ligt bij ons en is genoteerd. Probeer het over enkele minuten opnieuw."),
    503: ("Even niet bereikbaar", "We zijn zo terug. Probeer het over enkele minuten opnieuw."),
}


def create_site(app: App) -> FastAPI:
    """Return the ASGI application of an open project."""
    # A redirect to the address with or without a slash would be built from the Host header.
    site = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=_lifespan)
    site.state.outreach = app
    site.state.limits = Limits()
    # A database of its own for hits: it gives up soon, since a visitor must not wait until a long import is done.
    hits = open_database(app.settings.database.url, app.project, busy_seconds=hit_book.PATIENCE_SECONDS)
    site.state.hits = hit_book.HitBook(hits, app.project)
    for module in PUBLIC:
        site.include_router(module.router)
    site.state.metrics = Metrics(app)
    site.include_router(metrics.router)
    for module in STAFF:
        site.include_router(module.router, prefix="/staff")
    site.include_router(api_inbox.router, prefix="/api")
    paths = {route.path for module in PUBLIC for route in module.router.routes if isinstance(route, APIRoute)}
    site.state.pages = load_pages(app.settings, app.project, paths)
    https = app.settings.site.url.startswith("https:")
    # The last one added is the outermost.
    site.add_middleware(Compressed)
    site.add_middleware(Conditional)
    site.add_middleware(redirects.Redirects, app=app, book=site.state.hits)
    site.add_middleware(Guard, https=https)
    _explain_mistakes(site, https)
    return site


@asynccontextmanager
async def _lifespan(site: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(_catch_up(site))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    site.state.hits.close()


async def _catch_up(site: FastAPI) -> None:
    """Write down, again and again, the hits that could not be written when they came."""
    while True:
        try:
            await asyncio.to_thread(hit_book.catch_up, site.state.outreach)
        except Exception:
            log.exception("hits wait in %s", hit_book.file_of(site.state.outreach.project))
        await asyncio.sleep(CATCH_UP_SECONDS)


def _explain_mistakes(site: FastAPI, https: bool) -> None:
    @site.exception_handler(Explained)
    def explained(request: Request, error: Explained) -> Response:
        return _told(request, error.status, error.title, error.text, error.ways)

    @site.exception_handler(NotLoggedIn)
    def led_to_login(request: Request, error: NotLoggedIn) -> Response:
        target = own_page(request.url.path if request.method == "GET" else None)
        return RedirectResponse(f"/staff/login?next={quote(target)}", status_code=303)

    @site.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        return _mistake(request, error.status_code, headers=dict(error.headers or {}))

    @site.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        return _mistake(request, 404)

    @site.exception_handler(NotFound)
    def not_found(request: Request, error: NotFound) -> Response:
        return _mistake(request, 404)

    @site.exception_handler(DatabaseReplaced)
    def replaced(request: Request, error: DatabaseReplaced) -> Response:
        log.error("%s", error)
        return _mistake(request, 503)

    @site.exception_handler(Refusal)
    def refusal(request: Request, error: Refusal) -> Response:
        return _told(request, HTTP_422_UNPROCESSABLE_CONTENT, MISTAKES[400][0], str(error))

    @site.exception_handler(OperationalError)
    def unreachable(request: Request, error: OperationalError) -> Response:
        log.error("the database is busy or gone: %s", error)
        return _mistake(request, 503, headers={"Retry-After": "60"})

    @site.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        response = _mistake(request, 500)  # made outside the middleware, which would have added the headers
        protect(response.headers, request.url.path, status=500, https=https)
        return response


def _mistake(request: Request, status: int, headers: dict[str, str] | None = None) -> Response:
    title, text = MISTAKES.get(status, MISTAKES[400 if status < 500 else 500])
    if request.url.path.startswith(API):
        return JSONResponse({"error": text}, status_code=status, headers=headers)
    if is_staff(request.url.path):
        return show_to(None, request, "staff/mistake.html", status=status, headers=headers, title=title, text=text)
    return _told(request, status, title, text, headers=headers)


def _told(
    request: Request,
    status: int,
    title: str,
    text: str,
    ways: tuple[tuple[str, str], ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """Tell what went wrong, with the right status and ways to go on."""
    return show(request, "mistake.html", status=status, headers=headers, title=title, text=text, ways=ways)

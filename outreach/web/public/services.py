"""The catalogue as companies see it: the front page, the services, one service, one enterprise."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from outreach.belgium.places import PROVINCES
from outreach.campaigns import hits
from outreach.catalogue import services
from outreach.catalogue.categories import CATEGORIES
from outreach.catalogue.searching import per_category, search
from outreach.web.door import Opened, is_slug, page
from outreach.web.pages import show
from outreach.web.public.contact import WHEN, blank_form, offered

router = APIRouter()


@page(router, "/")
def front(request: Request, app: Opened) -> Response:
    with app.database.reading() as session:
        found = services.listed(session)
        counts = per_category(found)
        enterprises = len({service.enterprise_id for service in found})
    return show(request, "public/front.html", counts=counts, services=len(found), enterprises=enterprises)


@page(router, "/diensten")
def catalogue(request: Request, app: Opened) -> Response:
    asked = request.query_params
    words = " ".join(asked.get("zoek", "").replace("\0", " ").split())[:100]
    category = asked.get("categorie") if asked.get("categorie") in CATEGORIES else None
    province = asked.get("provincie") if asked.get("provincie") in PROVINCES else None
    with app.database.reading() as session:
        found = search(session, words=words, category=category, province=province)
        return show(
            request,
            "public/services.html",
            found=found,
            words=words,
            category=category,
            province=province,
        )


@page(router, "/diensten/{slug}")
def service(request: Request, slug: str, app: Opened) -> Response:
    code = code_of(request.query_params.get("c", ""))
    with app.database.reading() as session:
        shown = offered(session, slug)
        form = blank_form(app, code)
        return show(request, "public/service.html", service=shown, form=form, code=code, moments=WHEN)


@page(router, "/bedrijven/{slug}")
def enterprise(request: Request, slug: str, app: Opened) -> Response:
    code = code_of(request.query_params.get("c", ""))
    with app.database.reading() as session:
        shown = services.find_enterprise(session, slug) if is_slug(slug) and not slug.isdigit() else None
        if shown is None or shown.withdrawn_at:
            raise HTTPException(404)
        offered = services.listed(session, enterprise_id=shown.id)
        return show(request, "public/enterprise.html", enterprise=shown, offered=offered, code=code)


def code_of(text: str) -> str:
    """Return a code that came with the address, empty if it can't be one."""
    return text.lower() if hits.is_code(text.lower()) else ""

"""The catalogue as companies see it: the front page, the services, one service, one enterprise."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from outreach.belgium.places import PROVINCES, province_by_name
from outreach.belgium.sectors import sections
from outreach.campaigns import hits
from outreach.catalogue import services
from outreach.catalogue.categories import CATEGORIES
from outreach.catalogue.renditions import look
from outreach.catalogue.searching import Wish, per_category, search
from outreach.models import Service
from outreach.web.door import Opened, is_slug, page
from outreach.web.pages import show
from outreach.web.public import structured
from outreach.web.public.contact import blank_form, offered, show_service

router = APIRouter()

LONGEST = 100
FEW = 3


@page(router, "/")
def front(request: Request, app: Opened) -> Response:
    with app.database.reading() as session:
        found = services.listed(session)
        return show(
            request,
            "public/front.html",
            canonical="/",
            structured=structured.website(app.settings),
            kept=True,
            counts=per_category(found),
            provinces_served=_provinces(found),
            services=len(found),
            enterprises=len({service.enterprise_id for service in found}),
            few=_of_the_day(found, app.now().date()),
        )


@page(router, "/diensten")
def catalogue(request: Request, app: Opened) -> Response:
    wish, number = wish_of(request.query_params)
    with app.database.reading() as session:
        found = search(session, wish, page=number, turn=app.now().isocalendar().week)
        address = _addresses(wish)
        return show(
            request,
            "public/services.html",
            # A search is nobody's page: only what a link of ours leads to is to be found.
            canonical=None if wish.words or len(wish.filters) > 1 else address(page=found.page),
            kept=True,
            found=found,
            wish=wish,
            address=address,
        )


@page(router, "/diensten/{slug}")
def service(request: Request, slug: str, app: Opened) -> Response:
    code = code_of(request.query_params.get("c", ""))
    with app.database.reading() as session:
        return show_service(request, app, offered(session, slug), blank_form(app, code))


@page(router, "/bedrijven/{slug}")
def enterprise(request: Request, slug: str, app: Opened) -> Response:
    code = code_of(request.query_params.get("c", ""))
    with app.database.reading() as session:
        shown = services.find_enterprise(session, slug) if is_slug(slug) and not slug.isdigit() else None
        if shown is None:
            raise HTTPException(404)
        if shown.withdrawn_at:
            raise HTTPException(410)
        found = services.listed(session, enterprise_id=shown.id)
        pictured = next((each for each in found if look(app.project, each.picture)), None)
        return show(
            request,
            "public/enterprise.html",
            canonical=f"/bedrijven/{shown.slug}",
            structured=structured.enterprise(shown, app.links),
            kept=True,
            enterprise=shown,
            found=found,
            pictured=pictured,
            code=code,
        )


def wish_of(asked: QueryParams) -> tuple[Wish, int]:
    """Return what the parameters of the catalogue ask for and the number of the page; what isn't known is left out."""
    words = " ".join(asked.get("zoek", "").replace("\0", " ").split())[:LONGEST].strip()
    category, section = asked.get("categorie"), asked.get("sector", "").upper()
    province = province_by_name(asked.get("provincie", "")[:LONGEST])
    number = asked.get("pagina", "1")
    wish = Wish(
        words=words,
        category=category if category in CATEGORIES else None,
        province=province.nis if province else None,
        section=section if section in {each.code for each in sections(2025)} else None,
    )
    return wish, int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 1


def code_of(text: str) -> str:
    """Return a code that came with the address, empty if it can't be one."""
    return text.lower() if hits.is_code(text.lower()) else ""


def _addresses(wish: Wish) -> Callable[..., str]:
    """Return a function that gives the address of the catalogue with some choices changed, always in one spelling."""

    def address(*, page: int = 1, **changed: str | None) -> str:
        asked = {name: changed.get(name, getattr(wish, name)) for name in ("words", "category", "province", "section")}
        province = PROVINCES.get(asked["province"] or "")
        parameters = {
            "zoek": asked["words"],
            "categorie": asked["category"],
            "provincie": province.slug if province else None,
            "sector": asked["section"],
            "pagina": str(page) if page > 1 else None,
        }
        query = urlencode({name: value for name, value in parameters.items() if value})
        return f"/diensten?{query}" if query else "/diensten"

    return address


def _of_the_day(found: list[Service], day: date) -> list[Service]:
    """Return a few services for the front page, each day others, of as many enterprises: no alphabet decides who."""
    turn = {each.id: hashlib.sha256(f"{day}:{each.slug}".encode()).digest() for each in found}
    firsts: dict[int, Service] = {}
    for each in sorted(found, key=lambda each: (not each.taking_customers, turn[each.id])):
        firsts.setdefault(each.enterprise_id, each)
    chosen = list(firsts.values())[:FEW]
    return [*chosen, *(each for each in found if each not in chosen)][:FEW]


def _provinces(found: list[Service]) -> dict[str, int]:
    served = [row.province_nis for service in found for row in service.provinces]
    return {nis: served.count(nis) for nis in PROVINCES if nis in served}

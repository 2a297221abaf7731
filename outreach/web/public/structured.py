"""What stands on a page in the words of schema.org, for search engines (JSON-LD); nothing that it doesn't show."""

from __future__ import annotations

from typing import Any

from outreach.belgium.places import PROVINCES, place_of
from outreach.catalogue.categories import CATEGORIES
from outreach.links import Links
from outreach.models import Enterprise, Service
from outreach.settings import Settings

Facts = dict[str, Any]

_CONTEXT = "https://schema.org"


def website(settings: Settings) -> list[Facts]:
    """Return the site, with its search, and who stands behind it."""
    base = settings.site.url
    search = {
        "@type": "SearchAction",
        "target": {"@type": "EntryPoint", "urlTemplate": f"{base}/diensten?zoek={{search_term_string}}"},
        "query-input": "required name=search_term_string",
    }
    site = {
        "@context": _CONTEXT,
        "@type": "WebSite",
        "@id": f"{base}/#site",
        "url": f"{base}/",
        "name": settings.site.name,
        "inLanguage": "nl-BE",
        "potentialAction": search,
    }
    return [site | ({"publisher": publisher(settings)} if settings.sender.name else {})]


def publisher(settings: Settings) -> Facts:
    """Return the sender as an organisation; what isn't filled in is left out."""
    sender = settings.sender
    return _filled(
        {
            "@type": "Organization",
            "name": sender.name,
            "url": sender.website or settings.site.url,
            "email": sender.email,
            "address": sender.address,
            "vatID": sender.enterprise_number,
        }
    )


def service(shown: Service, links: Links, picture: str | None) -> list[Facts]:
    """Return a service, who provides it, and the way to it."""
    category = CATEGORIES[shown.category].label_nl if shown.category in CATEGORIES else shown.category
    address = links.service(shown.slug)
    provinces = sorted(PROVINCES[row.province_nis].name_nl for row in shown.provinces if row.province_nis in PROVINCES)
    facts = {
        "@context": _CONTEXT,
        "@type": "Service",
        "@id": f"{address}#service",
        "url": address,
        "name": shown.name,
        "description": shown.summary,
        "serviceType": category,
        "image": picture,
        "areaServed": [{"@type": "AdministrativeArea", "name": name} for name in provinces],
        "provider": _organisation(shown.enterprise, links),
    }
    trail = [("Diensten", f"{links.base}/diensten")]
    trail += [(category, f"{links.base}/diensten?categorie={shown.category}"), (shown.name, address)]
    return [_filled(facts), _trail(trail)]


def enterprise(shown: Enterprise, links: Links) -> list[Facts]:
    """Return an enterprise and the way to it."""
    facts = {"@context": _CONTEXT, **_organisation(shown, links)}
    return [facts, _trail([("Diensten", f"{links.base}/diensten"), (shown.name, facts["url"])])]


def _organisation(shown: Enterprise, links: Links) -> Facts:
    place = place_of(shown.postcode)
    address = {
        "@type": "PostalAddress",
        "postalCode": shown.postcode,
        "addressLocality": place.municipality if place else "",
        "addressCountry": "BE",
    }
    page = f"{links.base}/bedrijven/{shown.slug}"
    return _filled(
        {
            "@type": "Organization",
            "@id": f"{page}#enterprise",
            "name": shown.name,
            "url": page,
            "sameAs": shown.website or "",
            "telephone": shown.phone or "",
            "vatID": f"BE{shown.enterprise_number}",
            "address": _filled(address),
        }
    )


def _trail(steps: list[tuple[str, str]]) -> Facts:
    items = [
        {"@type": "ListItem", "position": number, "name": name, "item": address}
        for number, (name, address) in enumerate(steps, 1)
    ]
    return {"@context": _CONTEXT, "@type": "BreadcrumbList", "itemListElement": items}


def _filled(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if value}

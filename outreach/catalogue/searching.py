"""How a visitor searches the catalogue: every word must occur somewhere in what a service's page says.

A catalogue holds hundreds of services, not millions, so it is searched in memory: that finds "schoonmaak" in any
spelling of accents and case on both databases alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy.orm import Session

from outreach.belgium.places import fold, place_of
from outreach.catalogue.categories import CATEGORIES, FORM_LABELS
from outreach.catalogue.services import listed
from outreach.models import Service


def search(
    session: Session, *, words: str = "", category: str | None = None, province: str | None = None
) -> list[Service]:
    """Return the services on offer that hold every word, those that still take customers first."""
    wanted = [fold(word) for word in words.split() if fold(word)]
    found = [
        service
        for service in listed(session, category=category, province=province)
        if all(word in _said(service) for word in wanted)
    ]
    return sorted(found, key=lambda service: not service.taking_customers)


def per_category(services: Iterable[Service]) -> dict[str, int]:
    """Count services by category, in the order of the categories."""
    counts = Counter(service.category for service in services)
    return {code: counts[code] for code in CATEGORIES if counts[code]}


def _said(service: Service) -> str:
    place = place_of(service.enterprise.postcode)
    category = CATEGORIES.get(service.category)
    texts = [service.name, service.summary, service.text, service.enterprise.name]
    texts += [place.municipality] if place else []
    texts += [category.label_nl] if category else []
    texts += [FORM_LABELS[form.form][0] for form in service.forms]
    return fold(" ".join(texts))

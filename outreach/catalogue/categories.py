"""The words of the catalogue: categories of services and delivery forms, with Dutch and English labels."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from outreach.belgium.places import fold
from outreach.models import DeliveryForm


class UnknownWord(ValueError):
    """The text is no category or delivery form; the message lists what is."""


@dataclass(frozen=True, slots=True)
class Category:
    """What kind of work a service is; `code` is what files, database and reports use."""

    code: str
    label_nl: str
    label_en: str

    def label(self, language: str) -> str:
        """Return the label in `nl` or `en`."""
        return self.label_en if language == "en" else self.label_nl


CATEGORIES: dict[str, Category] = {
    category.code: category
    for category in (
        Category("packaging", "Verpakken en co-packing", "Packaging and co-packing"),
        Category("assembly", "Assemblage en montage", "Assembly"),
        Category("electro_assembly", "Elektromontage", "Electrical assembly"),
        Category("metal", "Metaalbewerking", "Metalworking"),
        Category("wood", "Houtbewerking en paletten", "Woodworking and pallets"),
        Category("plastics", "Kunststof", "Plastics"),
        Category("printing", "Drukwerk en grafische afwerking", "Printing and finishing"),
        Category("fulfilment", "Mailing en fulfilment", "Mailing and fulfilment"),
        Category("cleanroom", "Farma en cleanroom", "Pharma and cleanroom"),
        Category("food", "Voeding", "Food"),
        Category("green", "Groen- en natuuronderhoud", "Green and nature maintenance"),
        Category("enclave", "Enclavewerk", "Enclave teams at the customer's"),
        Category("cleaning", "Schoonmaak", "Cleaning"),
        Category("renovation", "Schilder- en renovatiewerken", "Painting and renovation"),
        Category("laundry", "Strijk en wasserij", "Ironing and laundry"),
        Category("catering", "Horeca en catering", "Hospitality and catering"),
        Category("logistics", "Logistiek en magazijn", "Logistics and warehousing"),
        Category("recycling", "Recyclage en kringloop", "Recycling and reuse"),
        Category("bicycles", "Fietspunt en fietsherstel", "Bicycle points and repair"),
        Category("textile", "Textiel", "Textile"),
        Category("digitising", "Digitaliseren en scannen", "Digitising and scanning"),
        Category("energy", "Energiesnoeiers", "Energy savers"),
        Category("gifts", "Relatiegeschenken", "Business gifts"),
    )
}

FORM_LABELS: dict[DeliveryForm, tuple[str, str]] = {
    DeliveryForm.WORKSHOP: ("in het atelier", "in the workshop"),
    DeliveryForm.ON_SITE: ("bij de klant (enclave)", "at the customer's (enclave)"),
    DeliveryForm.SUBCONTRACTING: ("onderaanneming", "subcontracting"),
    DeliveryForm.PRODUCT: ("product", "product"),
}

_HAD = {
    DeliveryForm.WORKSHOP: ("in hun atelier", "in their workshop"),
    DeliveryForm.ON_SITE: ("bij u ter plaatse", "at your premises"),
    DeliveryForm.SUBCONTRACTING: ("in onderaanneming", "as a subcontractor"),
    DeliveryForm.PRODUCT: ("als kant-en-klaar product", "as a finished product"),
}
_OR = {"nl": " of ", "en": " or "}

_FORM_SPELLINGS = {
    DeliveryForm.WORKSHOP: ("atelier", "in ons atelier", "maatwerkplaats", "workshop"),
    DeliveryForm.ON_SITE: ("bij de klant", "enclave", "bij de klant/enclave", "op verplaatsing", "on site"),
    DeliveryForm.SUBCONTRACTING: ("in onderaanneming", "als onderaannemer", "subcontract"),
    DeliveryForm.PRODUCT: ("producten", "products", "eigen product"),
}


def category_of(text: str) -> Category:
    """Return the category with this code, Dutch or English label; raise `UnknownWord`."""
    found = _categories().get(fold(text))
    if found is None:
        raise UnknownWord(f"{text!r} is no category{_near(text)}; known: {', '.join(CATEGORIES)}")
    return found


def form_of(text: str) -> DeliveryForm:
    """Return the delivery form that a Dutch or English word stands for; raise `UnknownWord`."""
    found = _forms().get(fold(text))
    if found is None:
        known = "; ".join(f"{form.value} or {labels[0]}" for form, labels in FORM_LABELS.items())
        raise UnknownWord(f"{text!r} is no delivery form; known: {known}")
    return found


def had_as(forms: Iterable[str], language: str) -> str:
    """Say how a service is had, as the end of a sentence: `in hun atelier of bij u ter plaatse`."""
    *some, last = [_HAD[DeliveryForm(form)][language == "en"] for form in forms] or [""]
    return f"{', '.join(some)}{_OR[language]}{last}" if some else last


def _near(text: str) -> str:
    near = difflib.get_close_matches(fold(text), _categories(), n=1)
    if not near:
        return ""
    found = _categories()[near[0]]
    return f" (did you mean {found.code}, {found.label_nl!r}?)"


@cache
def _categories() -> dict[str, Category]:
    return {
        fold(spelling): category
        for category in CATEGORIES.values()
        for spelling in (category.label_en, category.label_nl, category.code)
    }


@cache
def _forms() -> dict[str, DeliveryForm]:
    return {
        fold(spelling): form
        for form, labels in FORM_LABELS.items()
        for spelling in (form.value, *labels, *_FORM_SPELLINGS[form])
    }

"""Pages: Jinja templates with autoescaping, in a language, with the words and formats that they share."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

import nh3
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations, Translations
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.numbers import format_enterprise_number
from outreach.belgium.places import PROVINCES, place_of
from outreach.belgium.sectors import section_label
from outreach.catalogue.categories import CATEGORIES, had_as
from outreach.catalogue.renditions import look, media_type
from outreach.emails.markdown import markdown_to_html
from outreach.errors import Refusal
from outreach.settings import Settings
from outreach.web.dutch import in_dutch
from outreach.web.findings import finding_in_dutch
from outreach.web.guard import is_staff
from outreach.web.keeping import FRESH, tag_of
from outreach.web.words import word

LANGUAGES = ("nl", "en")
Menu = Sequence[tuple[str, str]]
MENU: Menu = (
    ("Diensten", "/diensten"),
    ("Nieuwsbrief", "/nieuwsbrief"),
    ("Archief", "/nieuwsbrieven"),
)
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

_FOLDER = resources.files("outreach.web")
_TAGS = {"p", "br", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre", "h2", "h3", "h4", "hr"}


@dataclass(frozen=True)
class Asset:
    """A file of the pages' own: it changes its address when it changes its content, so browsers may keep it."""

    data: bytes
    media_type: str
    digest: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return the shipped files by name; nothing else is served from the disk under /static."""
    found = {}
    for entry in (_FOLDER / "static").iterdir():
        suffix = entry.name[entry.name.rfind(".") :]
        if suffix in TYPES:
            data = entry.read_bytes()
            found[entry.name] = Asset(data, TYPES[suffix], hashlib.sha256(data).hexdigest()[:12])
    return found


@cache
def translations(language: str) -> NullTranslations:
    """Return the catalogue of a language; the templates are written in Dutch, the first language."""
    if language == "nl":
        return NullTranslations()
    with (_FOLDER / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def load_pages(settings: Settings, project: Path, paths: Collection[str]) -> dict[str, Environment]:
    """Return the templates by language; pictures are looked for in `project`, and the menu leads to `paths` only."""
    menu = [(label, path) for label, path in MENU if path in paths]
    return {language: _environment(settings, project, menu, language) for language in LANGUAGES}


def show(
    request: Request,
    name: str,
    *,
    status: int = 200,
    language: str = "nl",
    headers: Mapping[str, str] | None = None,
    canonical: str | None = None,
    structured: list[dict[str, Any]] | None = None,
    kept: bool = False,
    **context: Any,
) -> HTMLResponse:
    """Answer with a page.

    `canonical` is the path by which search engines know the page; without it they are asked to leave it out.
    `structured` says what stands on it in the words of schema.org. `kept` = it is the same for everybody until its
    content changes.
    """
    environments: dict[str, Environment] = request.app.state.pages
    about = {"path": request.url.path, "canonical": canonical, "structured": structured or []}
    html = environments[language].get_template(name).render(about | context)
    answer = HTMLResponse(html, status_code=status, headers=dict(headers or {}) | {"Content-Language": language})
    if kept:
        answer.headers["ETag"] = tag_of(html.encode())
    if not is_staff(request.url.path):
        answer.headers.setdefault("Cache-Control", FRESH if kept else "no-store" if canonical is None else "no-cache")
        if canonical is None:
            answer.headers.setdefault("X-Robots-Tag", "noindex")
    return answer


def _environment(settings: Settings, project: Path, menu: Menu, language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(str(_FOLDER / "templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    catalogue = translations(language)
    environment.install_gettext_callables(catalogue.gettext, catalogue.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(
        language=language,
        mark=settings.site.name or settings.sender.name,
        tagline=settings.site.tagline,
        sender=settings.sender,
        provinces=[province for province in PROVINCES.values() if province.flemish],
        categories=CATEGORIES.values(),
        asset=_asset_address,
        base=settings.site.url,
        menu=menu,
        shown=partial(look, project),
        media_type=media_type,
    )
    environment.filters.update(_filters(language))
    return environment


def _filters(language: str) -> dict[str, Callable[..., Any]]:
    locale = "nl_BE" if language == "nl" else "en_GB"
    return {
        "day": lambda value: format_date(_local(value), "d MMMM y", locale=locale),
        "moment": lambda value: format_datetime(_local(value), "d MMMM y, HH:mm", locale=locale),
        "number": lambda value: format_decimal(value, locale=locale),
        "percent": lambda value: format_percent(value, "0.0 %", locale=locale),
        "enterprise_number": format_enterprise_number,
        "category": lambda code: CATEGORIES[code].label(language) if code in CATEGORIES else code,
        "had_as": lambda forms: had_as(forms, language),
        "province": lambda nis: _province(nis, language),
        "province_slug": lambda nis: PROVINCES[nis].slug,
        "section": lambda letter: f"{letter} · {section_label(2025, letter, language)}" if letter else "–",
        "short_section": lambda letter: _shortened(f"{letter} · {section_label(2025, letter, language)}"),
        "sector": lambda letter: section_label(2025, letter, language),
        "municipality": lambda postcode: place.municipality if (place := place_of(postcode)) else postcode,
        "word": lambda value: word(str(value), language),
        "told": in_dutch if language == "nl" else str,
        "found": (lambda one: finding_in_dutch(one.text, one.finding)) if language == "nl" else str,
        "prose": prose,
    }


def prose(text: str) -> Markup:
    """Turn Markdown that a person wrote into HTML without any style of its own."""
    try:
        html = str(markdown_to_html(text, heading=3))
    except Refusal:
        return Markup("<p>{}</p>").format(text)
    return Markup(nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, link_rel="nofollow noopener"))  # noqa: S704


def _shortened(text: str, limit: int = 34) -> str:
    return text if len(text) <= limit else f"{text[:limit].rpartition(' ')[0].rstrip(',;')} …"


def _asset_address(name: str) -> str:
    return f"/static/{name}?v={assets()[name].digest}"


def _province(nis: str | None, language: str) -> str:
    province = PROVINCES.get(nis or "")
    if province is None:
        return "–"
    return province.name_en if language == "en" else province.name_nl


def _local(value: datetime | date) -> datetime | date:
    return value.astimezone(BRUSSELS) if isinstance(value, datetime) else value

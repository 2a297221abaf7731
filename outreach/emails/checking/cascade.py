"""What the styles of a page come to: colour, ground, size of text, space around it; light, dark, on a phone.

The cascade is CSS's own (importance, `style` attributes, specificity, order); the CSS is read by tinycss2 and selectors
are matched by cssselect2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import cssselect2
from tinycss2.color4 import parse_color

from outreach.emails.checking import styles
from outreach.emails.checking.page import Page
from outreach.emails.checking.places import ATTRIBUTE
from outreach.emails.checking.styles import Declaration

_NAMES = "color background background-color font-size font-weight line-height display visibility padding padding-top"
_WANTED = frozenset(f"{_NAMES} padding-bottom".split())
_INHERITED = ("color", "font-size", "font-weight", "line-height", "visibility")
_HEADINGS = {"h1": "2em", "h2": "1.5em", "h3": "1.17em", "h4": "1em", "h5": "0.83em", "h6": "0.67em"}
_BOLD = frozenset(["b", "strong", "th", *_HEADINGS])
# Selectors times elements: a mail of ours has some 20,000.
_MAX_MATCHES = 500_000
_WIDTHS = re.compile(r"(min|max)-(?:device-)?width:\s*(\d+(?:\.\d+)?)px")
_SIZE = re.compile(r"(\d*\.?\d+)(px|pt|em|rem|%)?\Z")
_KEYWORDS = {"xx-small": 9.0, "x-small": 10.0, "small": 13.0, "smaller": 13.0, "medium": 16.0, "large": 18.0}
_HEAVY = ("bold", "bolder", "600", "700", "800", "900")
_STATIC_PSEUDO = re.compile(r":(?:hover|active|focus|visited|focus-within|focus-visible|target)\b")


class TooMuch(Exception):
    """A page that can't be looked at within a bounded time; the text says why."""


class View(StrEnum):
    """How a page is looked at."""

    LIGHT = "light"
    DARK = "dark"
    PHONE = "phone"


class Said(NamedTuple):
    """A value and where it is said."""

    value: str
    place: str | None


@dataclass
class Look:
    """What the styles of one element come to."""

    values: dict[str, Said]
    size: float
    bold: bool
    shown: bool
    ground: str
    line: float
    ground_place: str | None = None


class Rule(NamedTuple):
    media: str
    declaration: Declaration
    place: str | None


class Cascade:
    """The rules of a page, matched once; `looks` resolves them for one view."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.left, self.count = _MAX_MATCHES, len(page.parents) + 1
        self.matched: dict[Element, list[tuple[tuple[Any, ...], Rule]]] = {}
        matcher = cssselect2.Matcher()
        for order, (sheet, media) in enumerate(page.sheets):
            self._add(matcher, sheet, media, order)
        for wrapper in cssselect2.ElementWrapper.from_html_root(page.root).iter_subtree():
            found = [
                ((specificity, order), rule)
                for specificity, order, pseudo, rules in matcher.match(wrapper)
                if pseudo is None
                for rule in rules
            ]
            self.matched[wrapper.etree_element] = found

    def _add(self, matcher: Any, sheet: str, media: str, order: int) -> None:
        places = self.page.places.rules if self.page.places else {}
        grouped: dict[tuple[str, str], list[Rule]] = {}
        for one in styles.sheet_declarations(sheet):
            if one.name in _WANTED:
                place = places.get((one.media, one.selector, one.name, one.value))
                rule = Rule(styles.squeezed(f"{media} {one.media}"), one, place)
                grouped.setdefault((one.media, one.selector), []).append(rule)
        for (_, selector), rules in grouped.items():
            self.left -= len(selector.split(",")) * self.count * (self.count // 20 + 1 if "~" in selector else 1)
            if self.left < 0:
                raise TooMuch("its style sheets have too many rules for so many elements")
            if _STATIC_PSEUDO.search(selector):
                selector = ",".join(part for part in selector.split(",") if not _STATIC_PSEUDO.search(part))
            try:
                for compiled in cssselect2.compile_selector_list(selector):
                    matcher.add_selector(compiled, rules)
            except cssselect2.SelectorError:
                continue

    def looks(self, view: View) -> dict[Element, Look]:
        """Resolve the styles of every element for a view, in the order of the page."""
        found: dict[Element, Look] = {}
        for element in self.page.elements():
            above = self.page.parents.get(element)
            found[element] = self._look(element, found[above] if above is not None else _START, view)
        return found

    def _look(self, element: Element, above: Look, view: View) -> Look:
        own = self._own(element, view)
        values = {name: above.values[name] for name in _INHERITED if name in above.values}
        if element.tag == "a" and "color" not in own and element.get("href"):
            values["color"] = Said("#9e9eff" if view is View.DARK else "#0000ee", self.page.place(element))
        values |= {name: said for name, said in own.items() if said.value != "inherit"}
        size = _font_size(own.get("font-size", Said(_HEADINGS.get(str(element.tag), ""), None)).value, above.size)
        weight = own["font-weight"].value if "font-weight" in own else ""
        bold = weight in _HEAVY if weight else above.bold or element.tag in _BOLD
        hidden = values.get("display", _NONE).value == "none" or values.get("visibility", _NONE).value == "hidden"
        ground, ground_place = own.get("background-color", _NONE)
        if over(ground, above.ground) == above.ground:
            ground_place = above.ground_place
        shown = above.shown and not hidden and element.tag not in ("head", "style", "title", "script")
        line = _line_height(own["line-height"].value, size) if "line-height" in own else above.line
        return Look(values, size, bold, shown, over(ground, above.ground), line, ground_place)

    def _own(self, element: Element, view: View) -> dict[str, Said]:
        """Return what is said of an element itself, the strongest last."""
        ranked: list[tuple[tuple[Any, ...], Declaration, str | None]] = [
            ((rule.declaration.important, False, *rank), rule.declaration, rule.place)
            for rank, rule in self.matched.get(element, [])
            if media_matches(rule.media, view)
        ]
        place = self.page.place(element)
        ranked += [
            ((one.important, True, (0, 0, 0), number), one, place)
            for number, one in enumerate(styles.declarations(element.get("style", "")))
            if one.name in _WANTED
        ]
        own: dict[str, Said] = {}
        if element.get("bgcolor"):
            own["background-color"] = Said(element.get("bgcolor", ""), place)
        if element.get("color") and element.tag == "font":
            own["color"] = Said(element.get("color", ""), place)
        for _, one, where in sorted(ranked, key=lambda ranking: ranking[0]):
            own |= _expanded(one, where)
        return {name: self._from_default(element, name, said, place) for name, said in own.items()}

    def _from_default(self, element: Element, name: str, said: Said, place: str | None) -> Said:
        """Say of a value that MJML wrote on an element where <mj-attributes> asks for it."""
        if said.place != place or str(element.tag) not in _WRITTEN_BY_MJML or element.get(ATTRIBUTE):
            return said
        if element.tag == "a" and self.page.tag(element) != "mj-button":
            return said
        names = ("inner-padding",) if name.startswith("padding") else (name, f"container-{name}")
        default = next((found for one in names if (found := self.page.default(element, one))), None)
        return Said(said.value, default) if default else said


_WRITTEN_BY_MJML = frozenset(["a", "div", "table", "tbody", "td", "tr", "p"])
_NONE = Said("", None)
_START = Look({"color": Said("#000000", None)}, 16.0, False, True, "#ffffff", 1.2)


@lru_cache(1024)
def media_matches(media: str, view: View) -> bool:
    """Tell whether a view is among the media of a rule: a window of 640 px, a phone of 360."""
    said = media.lower()
    if "print" in said or "resolution" in said or "pixel-ratio" in said:
        return False
    if "prefers-color-scheme" in said and ("dark" in said) is not (view is View.DARK):
        return False
    width = 360 if view is View.PHONE else 640
    return all(width >= float(size) if edge == "min" else width <= float(size) for edge, size in _WIDTHS.findall(said))


@lru_cache(4096)
def over(colour: str, ground: str) -> str:
    """Return a colour as it looks over a ground, both CSS colours."""
    top, under = parse_color(colour) if colour else None, parse_color(ground)
    if top is None or isinstance(top, str) or top.alpha == 0:
        return ground
    if top.alpha >= 1 or under is None or isinstance(under, str):
        return colour
    mixed = [a * top.alpha + b * (1 - top.alpha) for a, b in zip(_rgb(top), _rgb(under), strict=True)]
    return f"rgb({','.join(str(round(part * 255)) for part in mixed)})"


@lru_cache(4096)
def luminance(colour: str) -> float | None:
    """Return the relative luminance of a CSS colour (WCAG 2.2), 0 to 1; None for what is no colour."""
    parsed = parse_color(colour)
    if parsed is None or isinstance(parsed, str):
        return None
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _rgb(parsed))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float | None:
    """Return the contrast of two colours (WCAG 2.2), 1 to 21."""
    first, second = luminance(one), luminance(other)
    if first is None or second is None:
        return None
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def _rgb(colour: Any) -> tuple[float, float, float]:
    red, green, blue = (min(1.0, max(0.0, part)) for part in colour.to("srgb")[:3])
    return red, green, blue


@lru_cache(4096)
def _expanded(one: Declaration, place: str | None) -> dict[str, Said]:
    if one.name == "background":
        colour = next((part for part in _parts(one.value) if parse_color(part) is not None), "transparent")
        return {"background-color": Said(colour, place)}
    if one.name == "padding":
        sides = one.value.split()
        low = sides[2] if len(sides) > 2 else sides[0] if sides else "0"
        return {"padding-top": Said(sides[0] if sides else "0", place), "padding-bottom": Said(low, place)}
    return {one.name: Said(one.value, place)}


def _parts(value: str) -> list[str]:
    return re.findall(r"[\w-]+\([^()]*\)|[^\s()]+", value)


def length(value: str, size: float) -> float:
    """Return a length in px, given the size of the text; 0 for what is none."""
    found = _SIZE.match(value.strip())
    if not found:
        return 0.0
    number, unit = float(found[1]), found[2] or "px"
    return number * {"px": 1.0, "pt": 4 / 3, "em": size, "rem": 16.0, "%": 0.0}[unit]


def _font_size(value: str, above: float) -> float:
    if value in _KEYWORDS:
        return _KEYWORDS[value]
    found = _SIZE.match(value)
    if not found:
        return above
    return float(found[1]) * above / 100 if found[2] == "%" else length(value, above)


def _line_height(value: str, size: float) -> float:
    found = _SIZE.match(value)
    if not found:
        return 1.2
    if found[2] is None:
        return float(found[1])
    return float(found[1]) / 100 if found[2] == "%" else length(value, size) / max(size, 1)

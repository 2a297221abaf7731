"""What MJML 4 knows: components, their attributes, the types of values, and which may stand in which.

The tables in `emails/tables/` come from MJML's own component definitions; see the README there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

TABLES = Path(__file__).parents[1] / "tables"
EVERYWHERE = frozenset({"css-class", "mj-class"})
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "mj-image": ("src",),
    "mj-carousel-image": ("src",),
    "mj-button": ("href",),
    "mj-navbar-link": ("href",),
    "mj-font": ("name", "href"),
    "mj-class": ("name",),
    "mj-breakpoint": ("width",),
    "mj-selector": ("path",),
    "mj-html-attribute": ("name",),
}
_TYPE = re.compile(r"(\w+)(?:\((.*?)\))?(?:\{(\d+),(\d+)\})?\Z")
_NUMBER = r"\d+(?:\.\d+)?"
_COLOUR = re.compile(
    r"#(?:[0-9a-f]{3}|[0-9a-f]{6})\Z|rgb\(\s*\d{1,3}\s*(?:,\s*\d{1,3}\s*){2}\)\Z"
    r"|rgba\(\s*\d{1,3}\s*(?:,\s*\d{1,3}\s*){2},\s*(?:0|1|0?\.\d+|1\.0+)\s*\)\Z",
    re.IGNORECASE,
)
COLOUR_NAMES = frozenset((TABLES / "colours.txt").read_text(encoding="utf-8").split())
_STYLE = "none|hidden|solid|dashed|dotted|double|groove|ridge|inset|outset"
# Width, style and colour in any order, each once at most; a colour is whatever else stands there.
_BORDER = re.compile(
    rf"(?:0|none|inherit|initial|(?=.*(?<![\w-])(?:{_STYLE})(?![\w-]))"
    rf"(?:(?:\d*\.?\d+(?:px|em|pt)|0|thin|medium|thick|{_STYLE}|#[0-9a-f]{{3}}|#[0-9a-f]{{6}}|rgba?\([\d.,\s%]+\)"
    r"|[a-z]{3,20})(?:\s+|\Z)){1,3})",
    re.IGNORECASE,
)
_WEIGHT = "enum(normal,bold,bolder,lighter,100,200,300,400,500,600,700,800,900)"
# MJML takes any text for these, and mail programs don't.
_NARROWED = {
    "font-weight": _WEIGHT,
    "border-radius": "unit(px,%){1,4}",
    "inner-border-radius": "unit(px,%){1,4}",
    "text-transform": "enum(none,capitalize,uppercase,lowercase,initial,inherit)",
    "font-style": "enum(normal,italic,oblique)",
    "target": "enum(_blank,_self,_parent,_top)",
    "border-style": "enum(none,hidden,solid,dashed,dotted,double,groove,ridge,inset,outset)",
    "font-family": "filled",
    "border": "border",
    "border-top": "border",
    "border-bottom": "border",
    "border-left": "border",
    "border-right": "border",
    "inner-border": "border",
    "inner-border-top": "border",
    "inner-border-bottom": "border",
    "inner-border-left": "border",
    "inner-border-right": "border",
    "mode": "enum(fixed-height,fluid-height,horizontal,vertical)",
    "inline": "enum(inline)",
}


@cache
def attributes() -> dict[str, dict[str, str]]:
    """Return the type of each attribute of each component that has any."""
    found: dict[str, dict[str, str]] = {}
    with (TABLES / "mjml.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            kind = row["type"]
            found.setdefault(row["component"], {})[row["attribute"]] = (
                _NARROWED.get(row["attribute"], kind) if kind == "string" else kind
            )
    return found


@cache
def holds() -> dict[str, frozenset[str]]:
    """Return what each component may hold: names of components, or one of HTML, text, CSS, any."""
    with (TABLES / "mjml_nesting.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["component"]: frozenset(row["may hold"].split()) for row in rows}
    anything = frozenset(found) - {"mjml", "mj-head", "mj-attributes"}
    return {name: anything if "any" in held else held for name, held in found.items()}


@cache
def parents_of(name: str) -> tuple[str, ...]:
    """Return the components that may hold a component; those that say defaults for it not counted."""
    return tuple(
        sorted(one for one, held in holds().items() if name in held and one not in ("mj-attributes", "mj-class"))
    )


@cache
def attributes_of(name: str) -> dict[str, str]:
    """Return the attributes that a component takes, with their types; `mj-all` and `mj-class` take those of all."""
    if name in ("mj-all", "mj-class"):
        everything: dict[str, str] = {}
        for kinds in attributes().values():
            for attribute, kind in kinds.items():
                everything[attribute] = kind if everything.get(attribute, kind) == kind else "string"
        return {**everything, "name": "string"} if name == "mj-class" else everything
    return attributes().get(name, {})


def value_fault(kind: str, value: str) -> str | None:
    """Say what an attribute of a type takes, if this value isn't that; None if it is."""
    found = _TYPE.match(kind)
    if found is None:
        return None
    name, inner, least, most = found.groups()
    if name == "enum":
        choices = inner.split(",")
        return None if value in choices else f"one of {', '.join(choice or 'nothing' for choice in choices)}"
    if name == "filled":
        return None if value.strip() else "one that isn't empty"
    if name == "border":
        return None if _BORDER.fullmatch(value.strip()) else "a border such as 1px solid #cccccc, or none"
    if name == "boolean":
        return None if value in ("true", "false") else "true or false"
    if name == "integer":
        return None if value.isdecimal() else "a whole number"
    if name == "color":
        right = _COLOUR.match(value) or value.lower() in COLOUR_NAMES
        return None if right else "a colour such as #0c4a57, rgb(12,74,87) or teal"
    if name in ("unit", "unitWithNegative"):
        return _unit_fault(inner.split(","), name.endswith("Negative"), int(least or 1), int(most or 1), value)
    return None


def _unit_fault(units: list[str], negative: bool, least: int, most: int, value: str) -> str | None:
    real = [re.escape(unit) for unit in units if unit != "auto"]
    one = rf"(?:{'-?' if negative else ''}{_NUMBER}(?:{'|'.join(real)})|0{'|auto' if 'auto' in units else ''})"
    if re.fullmatch(rf"{one}(?: {one}){{{least - 1},{most - 1}}}", value):
        return None
    shown = ", ".join(f"12{unit}" if unit != "auto" else "auto" for unit in units)
    count = "" if most == 1 else f", {least} to {most} of them with one space between"
    return f"a size such as {shown}{count}"

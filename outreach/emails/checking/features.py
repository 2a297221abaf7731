"""Which feature of caniemail's tables an element, an attribute, a declaration, a selector or an at-rule is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

_SEMANTIC = frozenset(
    [
        "article",
        "aside",
        "details",
        "figcaption",
        "figure",
        "footer",
        "header",
        "main",
        "mark",
        "nav",
        "section",
        "summary",
        "time",
    ]
)
_PLAIN = "align background cellpadding cellspacing dir height hidden lang popover required role target valign width"
_ATTRIBUTES = frozenset(f"{_PLAIN} aria-describedby aria-hidden aria-label aria-labelledby aria-live".split())
_GROUPS = (
    (re.compile(r"border-(?:top|bottom)-(?:left|right)-radius\Z"), "css-border-radius"),
    (re.compile(r"border-(?:start|end)-(?:start|end)-radius\Z"), "css-border-radius-logical"),
    (re.compile(r"(?:column-|row-|grid-)?gap\Z|grid-(?:row|column)-gap\Z"), "css-gap"),
    (re.compile(r"(?:left|right|top|bottom)\Z"), "css-left-right-top-bottom"),
    (re.compile(r"grid(?:-.*)?\Z"), "css-grid-template"),
    (re.compile(r"(?:block|inline)-size\Z"), "css-block-inline-size"),
    (re.compile(r"margin-(?:inline|block)\Z"), "css-margin-inline-block"),
    (re.compile(r"margin-block-(?:start|end)\Z"), "css-margin-block-start-end"),
    (re.compile(r"margin-inline-(?:start|end)\Z"), "css-margin-inline-start-end"),
    (re.compile(r"padding-(?:inline|block)\Z"), "css-padding-inline-block"),
    (re.compile(r"padding-block-(?:start|end)\Z"), "css-padding-block-start-end"),
    (re.compile(r"padding-inline-(?:start|end)\Z"), "css-padding-inline-start-end"),
    (re.compile(r"border-(?:inline|block)\Z"), "css-border-inline-block"),
    (re.compile(r"border-(?:inline|block)-(?:start|end)\b.*"), "css-border-inline-block-individual"),
    (re.compile(r"border-(?:inline|block)-.*"), "css-border-inline-block-longhand"),
    (re.compile(r"border-image.*"), "css-border-image"),
    (re.compile(r"border-(?:top|bottom|left|right|color|style|width).*"), "css-border"),
    (re.compile(r"margin-(?:top|bottom|left|right)\Z"), "css-margin"),
    (re.compile(r"padding-(?:top|bottom|left|right)\Z"), "css-padding"),
    (re.compile(r"overflow-[xy]\Z"), "css-overflow"),
    (re.compile(r"animation-.*"), "css-animation"),
    (re.compile(r"transition-.*"), "css-transition"),
    (re.compile(r"scroll-snap-.*"), "css-scroll-snap"),
    (re.compile(r"background-position-[xy]\Z"), "css-background-position"),
    (re.compile(r"columns\Z|column-(?:rule|width|span|fill)\b.*"), "css-column-layout-properties"),
    (re.compile(r"mask(?:-.*)?\Z"), "css-mask-image"),
)
_VALUES = {"flex": "css-display-flex", "inline-flex": "css-display-flex", "grid": "css-display-grid"}
_VALUES |= {"inline-grid": "css-display-grid", "none": "css-display-none"}
_FUNCTIONS = {
    "var": "css-variables", "calc": "css-unit-calc", "min": "css-function-min", "max": "css-function-max",
    "clamp": "css-function-clamp", "light-dark": "css-function-light-dark", "linear-gradient": "css-linear-gradient",
    "repeating-linear-gradient": "css-linear-gradient", "radial-gradient": "css-radial-gradient",
    "conic-gradient": "css-conic-gradient", "lch": "css-modern-color", "oklch": "css-modern-color",
    "lab": "css-modern-color", "oklab": "css-modern-color", "rgb": "css-rgb", "rgba": "css-rgba",
}  # fmt: skip
_UNITS = re.compile(r"(?<![\w#.-])-?\d*\.?\d+(ch|cm|em|ex|in|mm|pc|pt|rem|vh|vmax|vmin|vw)\b")
_FUNCTION = re.compile(r"([a-z-]+)\(")
_SIZES = re.compile(r"\b(?:fit-content|min-content|max-content)\b")
_PSEUDO = re.compile(r"(::?)([a-z-]+)")
_EXTENSION = re.compile(r"\.(apng|avif|bmp|gif|heif|heic|ico|jpe?g|mp4|png|svg|tiff?|webp)(?:[?#]|\Z)", re.IGNORECASE)
_IMAGES = {"jpeg": "jpg", "heic": "heif", "tif": "tiff"}


def of_element(name: str, attributes: Mapping[str, str]) -> str | None:
    """Return the feature that an element is."""
    if re.fullmatch(r"h[1-6]", name):
        return "html-h1-h6"
    if name in ("ul", "ol", "dl"):
        return "html-lists"
    if name in _SEMANTIC:
        return "html-semantics"
    if name in ("input", "button"):
        kind = attributes.get("type", "text" if name == "input" else "submit").lower()
        return f"html-{name}-{kind}"
    return {"map": "html-image-maps", "area": "html-image-maps"}.get(name, f"html-{name}")


def of_attribute(name: str, value: str) -> str | None:
    """Return the feature that an attribute is."""
    if name in ("srcset", "sizes"):
        return "html-srcset"
    if name == "loading":
        return "html-loading-attribute"
    return f"html-{name}" if name in _ATTRIBUTES else None


def of_address(name: str, address: str) -> Iterator[str]:
    """Yield the features that an address takes."""
    bare = address.strip().lower()
    if name == "href":
        if bare.startswith("#") and len(bare) > 1:
            yield "html-anchor-links"
        elif bare.startswith("mailto:"):
            yield "html-mailto-links"
        return
    if bare.startswith("data:"):
        yield "image-base64"
    if found := _EXTENSION.search(bare):
        yield f"image-{_IMAGES.get(found[1].lower(), found[1].lower())}"


def of_declaration(name: str, value: str) -> Iterator[str]:
    """Yield the features that a declaration uses."""
    low = value.lower()
    if name.startswith("--"):
        yield "css-variables"
        return
    if name == "display":
        yield _VALUES.get(low.split()[0] if low else "", "css-display")
    elif name == "font-family":
        if re.search(r"\b(?:system-ui|ui-serif|ui-sans-serif|ui-rounded|ui-monospace)\b", low):
            yield "css-sytem-ui"
    elif (name, low) == ("flex-direction", "column"):
        yield "css-flex-direction"
    else:
        yield "css-background-image" if name == "background" and "url(" in low else _group(name)
    for function in _FUNCTION.findall(low):
        if function in _FUNCTIONS:
            yield _FUNCTIONS[function]
    for unit in _UNITS.findall(low):
        yield f"css-unit-{unit}"
    if _SIZES.search(low):
        yield "css-intrinsic-size"


@cache
def _group(name: str) -> str:
    return next((feature for pattern, feature in _GROUPS if pattern.match(name)), f"css-{name}")


def of_at_rule(keyword: str, prelude: str) -> Iterator[str]:
    """Yield the features that an at-rule is."""
    if keyword != "media":
        yield f"css-at-{keyword.removeprefix('-webkit-')}"
        return
    yield "css-at-media"
    for word in ("prefers-color-scheme", "prefers-reduced-motion", "orientation", "hover", "device-pixel-ratio"):
        if word in prelude:
            yield f"css-at-media-{word}"


def of_selector(selector: str) -> Iterator[str]:
    """Yield the features that a selector uses."""
    for colons, name in _PSEUDO.findall(selector):
        yield f"css-pseudo-{'element' if colons == '::' or name in ('before', 'after') else 'class'}-{name}"
    bare = re.sub(r"\[[^\]]*\]|\([^)]*\)|::?[a-z-]+", "", selector)
    if "[" in selector:
        yield "css-selector-attribute"
    if "+" in bare:
        yield "css-selector-adjacent-sibling"
    if "~" in bare:
        yield "css-selector-general-sibling"
    if ">" in bare:
        yield "css-selector-child"
    if "*" in bare:
        yield "css-selector-universal"

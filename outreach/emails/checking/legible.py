"""Whether a page can be read and touched: contrast in the light and the dark, size of text and of what is pressed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from outreach.emails.checking.cascade import Look, View, contrast, length
from outreach.emails.checking.finding import Finding, Severity
from outreach.emails.checking.page import Page, own_words, words_of
from outreach.emails.checking.placing import Placing

SMALLEST = 14.0
READABLE = 16.0
TARGET = 44.0
_LARGE, _LARGE_BOLD = 24.0, 18.66
_WORD = re.compile(r"\w")
_STANDS_ALONE = frozenset(["td", "th", "div", "p", "li"])


def check(page: Page, placing: Placing, looks: Mapping[View, dict[Element, Look]]) -> Iterator[Finding]:
    """Yield what can't be read or touched."""
    dark = any("prefers-color-scheme" in sheet for sheet, _ in page.sheets)
    for view in (View.LIGHT, View.DARK) if dark else (View.LIGHT,):
        yield from _contrast(page, placing, looks[view], view)
    yield from _sizes(page, placing, looks[View.LIGHT])
    yield from _targets(page, placing, looks[View.PHONE])


def _contrast(page: Page, placing: Placing, looks: dict[Element, Look], view: View) -> Iterator[Finding]:
    for element, look in looks.items():
        words = element.get("alt", "") if element.tag == "img" else own_words(element)
        if not look.shown or not _WORD.search(words) or look.size < 2:
            continue
        colour = look.values["color"]
        measured = contrast(colour.value, look.ground)
        needed = 3.0 if look.size >= _LARGE or (look.bold and look.size >= _LARGE_BOLD) else 4.5
        # As Chromium's own check does: colours are whole numbers, so the last digit says nothing.
        if measured is None or measured >= needed - 0.005:
            continue
        where = colour.place or placing.element(page, element)
        mode = " in the dark" if view is View.DARK else ""
        what = f"{colour.value} on {look.ground}{mode} has a contrast of {measured:.1f}:1 ({words[:30]!r})"
        mend = f"take colours of at least {needed:g}:1"
        why = "many people can't read it, nobody can in the sun (WCAG 1.4.3)"
        code = "contrast-dark" if view is View.DARK else "contrast"
        yield Finding(Severity.ERROR, where, what, mend, code, why)


def _sizes(page: Page, placing: Placing, looks: dict[Element, Look]) -> Iterator[Finding]:
    seen = set()
    for element, look in looks.items():
        words = own_words(element)
        if not look.shown or not _WORD.search(words) or look.size >= READABLE:
            continue
        said = look.values.get("font-size")
        where = (said.place if said else None) or placing.element(page, element)
        if (where, look.size) in seen:
            continue
        seen.add((where, look.size))
        what = f"text of {look.size:g} px ({words[:30]!r})"
        severity = Severity.WARNING if look.size < SMALLEST else Severity.HINT
        mend = f"write {READABLE:g} px; {SMALLEST:g} px for small print only"
        yield Finding(severity, where, what, mend, "text-small", "phones show it smaller still")


def _targets(page: Page, placing: Placing, looks: dict[Element, Look]) -> Iterator[Finding]:
    """Yield the links that stand by themselves and are lower than a finger (WCAG 2.5.5, 2.5.8)."""
    said: dict[Element, str] = {}
    for link in page.elements("a"):
        look = looks[link]
        words = words_of(link)
        if not look.shown or not words or link.find(".//img") is not None or not _alone(page, link, words, said):
            continue
        values = look.values
        padded = values.get("display") and values["display"].value in ("block", "inline-block")
        room = [length(values[name].value, look.size) for name in ("padding-top", "padding-bottom") if name in values]
        height = look.size * look.line + (sum(room) if padded else 0)
        if height < TARGET - 0.5:
            where = placing.link(page, link)
            what = f"the link {words[:30]!r} is {height:.0f} px high, too low for a finger"
            mend = f"give it padding, with display:inline-block, up to {TARGET:g} px"
            yield Finding(Severity.WARNING, where, what, mend, "target-small", "people miss it on a phone (WCAG 2.5.8)")


def _alone(page: Page, link: Element, words: str, said: dict[Element, str]) -> bool:
    """Tell whether a link is the template's own and all that its block says; others flow with their sentence."""
    if page.tag(link) not in ("a", "mj-button", "mj-navbar-link", "mj-social-element"):
        return False
    above = page.parents.get(link)
    while above is not None and above.tag not in _STANDS_ALONE:
        above = page.parents.get(above)
    if above is None:
        return False
    # Kept, since thousands of links may stand in one block.
    said[above] = said[above] if above in said else words_of(above)
    return said[above] == words

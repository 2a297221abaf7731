"""Whether a page can be read and touched: contrast in the light and the dark, size of text and of what is pressed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from outreach.emails.checking.cascade import Look, View, contrast, length
from outreach.emails.checking.finding import Finding, Severity
from outreach.emails.checking.page import Page, own_words, words_of
from outreach.emails.checking.placing import Placing

SMALLEST = 14.0
READABLE = 16.0
TARGET = 44.0
# Nobody reads more of them.
_MAX_TOLD = 100
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


@dataclass(frozen=True)
class Pair:
    """Words in a colour on a ground, each with the place that says it."""

    words: str
    colour: str
    ground: str
    colour_place: str
    ground_place: str | None
    needed: float
    measured: float

    @property
    def pale(self) -> bool:
        # As Chromium's own check does: colours are whole numbers, so the last digit says nothing.
        return self.measured < self.needed - 0.005


def _contrast(page: Page, placing: Placing, looks: dict[Element, Look], view: View) -> Iterator[Finding]:
    pairs = list(_pairs(page, placing, looks))
    blame, told = _Blame(pairs), set[tuple[str, str, str]]()
    for pair in (one for one in pairs if one.pale):
        where = blame.place(pair)
        if (where, pair.colour, pair.ground) in told or len(told) >= _MAX_TOLD:
            continue
        told.add((where, pair.colour, pair.ground))
        mode = " in the dark" if view is View.DARK else ""
        what = f"{pair.colour} on {pair.ground}{mode} has a contrast of {pair.measured:.1f}:1 ({pair.words[:30]!r})"
        mend = f"take colours of at least {pair.needed:g}:1"
        why = "many people can't read it, nobody can in the sun (WCAG 1.4.3)"
        code = "contrast-dark" if view is View.DARK else "contrast"
        yield Finding(Severity.ERROR, where, what, mend, code, why)


def _pairs(page: Page, placing: Placing, looks: dict[Element, Look]) -> Iterator[Pair]:
    for element, look in looks.items():
        words = element.get("alt", "") if element.tag == "img" else own_words(element)
        if not look.shown or not _WORD.search(words) or look.size < 2:
            continue
        colour = look.values["color"]
        measured = contrast(colour.value, look.ground)
        if measured is None:
            continue
        needed = 3.0 if look.size >= _LARGE or (look.bold and look.size >= _LARGE_BOLD) else 4.5
        shown = f"alt text: {words}" if element.tag == "img" else words
        where = colour.place or placing.element(page, element)
        yield Pair(shown, colour.value, look.ground, where, look.ground_place, needed, measured)


class _Blame:
    """Tells whether a colour or a ground is the odd one, from all pairs of a page."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pale_on: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        self.good_on: set[tuple[str | None, str, float]] = set()
        self.grounds_of: dict[tuple[str, str, float], set[str]] = defaultdict(set)
        for one in pairs:
            if one.pale:
                self.pale_on[one.ground_place, one.ground].add(one.colour)
            else:
                self.good_on.add((one.ground_place, one.ground, one.needed))
                self.grounds_of[one.colour_place, one.colour, one.needed].add(one.ground)

    def place(self, pair: Pair) -> str:
        """Name the place of the ground if no colour can be read on it that is good elsewhere, or none of several."""
        own_ground = pair.ground_place is None or pair.ground_place == pair.colour_place
        if own_ground or (pair.ground_place, pair.ground, pair.needed) in self.good_on:
            return pair.colour_place
        several = len(self.pale_on[pair.ground_place, pair.ground]) > 1
        elsewhere = self.grounds_of.get((pair.colour_place, pair.colour, pair.needed), set()) - {pair.ground}
        return pair.ground_place if pair.ground_place and (several or elsewhere) else pair.colour_place


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
    told: set[str] = set()
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
            where = (values["padding-top"].place if padded and "padding-top" in values else None) or placing.link(
                page, link
            )
            if where in told:
                continue
            told.add(where)
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

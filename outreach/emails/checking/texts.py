"""Whether the text part says what the HTML says: its sentences, its links, its figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree.ElementTree import Element

from outreach.emails.checking.cascade import Look
from outreach.emails.checking.finding import Finding, Severity
from outreach.emails.checking.page import Page, words_of
from outreach.emails.checking.placing import Placing
from outreach.emails.model import MailModel
from outreach.emails.rendering import Rendered

LACKING = 0.3
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_FIGURE = re.compile(
    r"€\s?\d[\d.,]*|\d[\d.,]*\s?(?:€|euro)|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{1,2}:\d{2}|\d{2,}(?:[.,]\d+)*"
)
_BLOCKS = ("p", "li", "td", "th", "div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre")
_INLINE = frozenset(
    ["a", "b", "i", "em", "strong", "span", "u", "s", "small", "sub", "sup", "code", "abbr", "br", "img", "font"]
)
_SENTENCE = 4
# Each is looked for in the whole text.
_MAX_FIGURES = 300
_MAX_LINKS = 300
_WHY = "who reads the text part must learn the same; filters compare the two (MPART_ALT_DIFF)"


def check(
    page: Page, placing: Placing, model: MailModel, rendered: Rendered, looks: dict[Element, Look]
) -> Iterator[Finding]:
    """Yield what the text part lacks."""
    where = placing.template.file("body.txt")
    if not rendered.text.strip():
        yield Finding(Severity.ERROR, where, "the text part is empty", "write body.txt", "text-empty")
        return
    said = [word.casefold() for word in _WORD.findall(rendered.text)]
    yield from _sentences(page, looks, said, where)
    yield from _share(page, looks, said, where)
    yield from _links(page, looks, rendered.text, where)
    yield from _figures(page, looks, rendered.text, where)
    for name, text in (("intro", model.intro_text), ("closing", model.closing_text)):
        if "{{" in text or "{%" in text:
            what = f"the {name} holds '{{{{' or '{{%', which stays as it is"
            yield Finding(
                Severity.WARNING, name, what, "fields work in templates and in the subject only", "text-field"
            )


def _blocks(page: Page, looks: dict[Element, Look]) -> Iterator[Element]:
    """Yield the innermost blocks that say something."""
    for element in page.elements(*_BLOCKS):
        if looks[element].shown and all(child.tag in _INLINE for child in element.iter() if child is not element):
            yield element


def _sentences(page: Page, looks: dict[Element, Look], said: list[str], where: str) -> Iterator[Finding]:
    pairs = set(pairwise(said))
    for block in _blocks(page, looks):
        if [child.tag for child in block] == ["a"] and words_of(block) == words_of(block[0]):
            continue  # a link by itself: its address counts, not how it is worded
        words = [word.casefold() for word in _WORD.findall(words_of(block))]
        if len(words) < _SENTENCE:
            continue
        lacking = sum(pair not in pairs for pair in pairwise(words))
        if lacking > 0.6 * (len(words) - 1):
            what = f"the text part doesn't say {words_of(block)[:60]!r}"
            yield Finding(Severity.WARNING, where, what, "write it in body.txt too", "text-lacks", _WHY)


def _share(page: Page, looks: dict[Element, Look], said: list[str], where: str) -> Iterator[Finding]:
    shown = {word.casefold() for block in _blocks(page, looks) for word in _WORD.findall(words_of(block))}
    long = {word for word in shown if len(word) > 3}
    lacking = long - set(said)
    if len(long) > 20 and len(lacking) > LACKING * len(long):
        share = round(100 * len(lacking) / len(long))
        what = f"{share} % of the words of the HTML aren't in the text part"
        yield Finding(Severity.WARNING, where, what, "let body.txt say the same", "text-share", _WHY)


def _links(page: Page, looks: dict[Element, Look], text: str, where: str) -> Iterator[Finding]:
    seen = set[str]()
    for link in page.elements("a"):
        address = link.get("href", "")
        if address in seen or len(seen) >= _MAX_LINKS:
            continue
        seen.add(address)
        if not address.startswith(("http://", "https://")) or address in text or not looks[link].shown:
            continue
        at = page.place(link)
        what = f"the link to {address!r} isn't in the text part" + (f" (it stands in {at})" if at else "")
        yield Finding(Severity.WARNING, where, what, "write it in body.txt too", "text-lacks-link", _WHY)


def _figures(page: Page, looks: dict[Element, Look], text: str, where: str) -> Iterator[Finding]:
    squeezed, seen = re.sub(r"\s+", "", text), set[str]()
    for block in _blocks(page, looks):
        for figure in _FIGURE.findall(words_of(block)):
            bare = re.sub(r"\s+", "", figure).rstrip(".,")
            if bare in seen or len(seen) >= _MAX_FIGURES:
                continue
            seen.add(bare)
            if bare not in squeezed:
                what = f"the text part doesn't say {figure!r} ({words_of(block)[:40]!r})"
                yield Finding(Severity.WARNING, where, what, "write it in body.txt too", "text-lacks-figure", _WHY)

"""What every reader needs of a page: alt texts, links that say where they lead, headings in order, the language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from outreach.emails.checking import addresses
from outreach.emails.checking.cascade import Look
from outreach.emails.checking.finding import Finding, Severity
from outreach.emails.checking.page import Page, words_of
from outreach.emails.checking.placing import Placing
from outreach.emails.model import MailModel, fold

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*\Z")
_COMMON = {
    "nl": frozenset(
        [
            "de",
            "het",
            "een",
            "en",
            "van",
            "voor",
            "met",
            "u",
            "uw",
            "wij",
            "ons",
            "zijn",
            "is",
            "dat",
            "dit",
            "niet",
            "op",
            "bij",
            "te",
            "naar",
            "ook",
            "aan",
            "om",
            "door",
        ]
    ),
    "en": frozenset(
        [
            "the",
            "a",
            "and",
            "of",
            "for",
            "with",
            "you",
            "your",
            "we",
            "our",
            "are",
            "is",
            "that",
            "this",
            "not",
            "on",
            "at",
            "to",
            "from",
            "also",
            "by",
            "be",
            "have",
        ]
    ),
    "fr": frozenset(
        [
            "le",
            "la",
            "les",
            "un",
            "une",
            "et",
            "de",
            "pour",
            "avec",
            "vous",
            "votre",
            "nous",
            "notre",
            "sont",
            "est",
            "que",
            "ce",
            "ne",
            "pas",
            "sur",
            "aux",
            "par",
        ]
    ),
}


def check(page: Page, placing: Placing, model: MailModel, looks: dict[Element, Look]) -> Iterator[Finding]:
    """Yield what readers can't use."""
    shown = {element for element, look in looks.items() if look.shown}
    yield from _pictures(page, placing, model, shown)
    yield from _links(page, placing, model, shown)
    yield from _headings(page, placing, shown)
    yield from _language(page, placing, model)
    yield from _tables(page, placing, shown)
    yield from _names(page, placing)


def _tables(page: Page, placing: Placing, shown: set[Element]) -> Iterator[Finding]:
    """Yield the template's tables that only lay out and don't say so."""
    for table in page.elements("table"):
        if table in shown and not table.get("role") and page.own_place(table) and table.find(".//th") is None:
            what = "a table without headings is read aloud as one of figures"
            mend = 'write role="presentation" if it only lays out, <th> if it holds figures'
            yield Finding(Severity.WARNING, placing.element(page, table), what, mend, "table-role")


def _names(page: Page, placing: Placing) -> Iterator[Finding]:
    seen: set[str] = set()
    for element in page.elements():
        name = element.get("id")
        if name and name in seen and page.own_place(element):
            what = f"the id {name!r} stands twice in the mail"
            yield Finding(Severity.WARNING, placing.element(page, element), what, "take one out", "id-twice")
        seen.add(name or "")
    title = next(page.elements("title"), None)
    if title is not None and not (title.text or "").strip():
        what = "the mail has no title"
        mend = "write <mj-title>{{ title }}</mj-title>"
        yield Finding(
            Severity.WARNING, placing.tag("mj-title"), what, mend, "title-empty", "tabs and screen readers name it"
        )


def _pictures(page: Page, placing: Placing, model: MailModel, shown: set[Element]) -> Iterator[Finding]:
    for image in page.elements("img"):
        source, alt = image.get("src", ""), image.get("alt")
        where = placing.picture(page, image)
        if alt is None:
            mend = 'add alt="…": what it shows, or alt="" if it only decorates'
            why = "with pictures off, or read aloud, nothing is there (WCAG 1.1.1)"
            what = f"the picture {source!r} has no alt text"
            yield Finding(Severity.ERROR, where, what, mend, "picture-alt", why)
        elif (fault := addresses.alt_fault(alt)) and alt not in _alts(model):
            what = f"the alt text {fold(alt)!r} {fault}"
            yield Finding(Severity.WARNING, where, what, "say what there is to see", "picture-alt-useless")
        if image.get("width") in ("0", "1") or image.get("height") in ("0", "1"):
            what = f"the picture {source!r} is too small to be seen, as a tracking pixel is"
            yield Finding(Severity.ERROR, where, what, "take it out: we don't measure opens", "picture-pixel")
        if source and not _same_site(source, model.view_url):
            for one in addresses.faults(source, picture=True):
                severity = Severity.ERROR if one.error else Severity.WARNING
                yield Finding(severity, where, f"src: {one.what}", one.mend, one.code.replace("link", "picture"))


def _alts(model: MailModel) -> set[str]:
    """Return the alt texts that aren't the template's."""
    services = {spotlight.picture_alt for block in model.blocks for spotlight in block.spotlights}
    return services | {picture.alt for picture in model.pictures}


def _links(page: Page, placing: Placing, model: MailModel, shown: set[Element]) -> Iterator[Finding]:
    written = placing.written_elsewhere(model)
    for link in page.elements("a"):
        address = link.get("href")
        where = placing.link(page, link)
        if address is None:
            continue
        if address not in written and not _same_site(address, model.view_url):
            for one in addresses.faults(address):
                severity = Severity.ERROR if one.error else Severity.WARNING
                yield Finding(severity, where, f"href: {one.what}" if address != "#" else one.what, one.mend, one.code)
        if link not in shown:
            continue
        words = words_of(link)
        if not words:
            what = f"the link to {address!r} has no text"
            yield Finding(Severity.ERROR, where, what, "write where it leads", "link-empty")
        elif (shown_host := addresses.site_in(words)) and shown_host != addresses.site_of(address):
            what = f"the link says {fold(words)!r} and leads to {address!r}"
            why = "that is how deceivers write, and filters know it"
            yield Finding(Severity.WARNING, where, what, "say in words where it leads", "link-mismatch", why)
        elif addresses.is_vague(words) and address not in written:
            what = f"the link {fold(words)!r} to {address!r} doesn't say where it leads"
            mend = "name in its text what the reader finds there"
            why = "links are read aloud by themselves, without the words around them (WCAG 2.4.4)"
            yield Finding(Severity.WARNING, where, what, mend, "link-vague", why)


def _headings(page: Page, placing: Placing, shown: set[Element]) -> Iterator[Finding]:
    headings = [one for one in page.elements("h1", "h2", "h3", "h4", "h5", "h6") if one in shown]
    first = [one for one in headings if one.tag == "h1"]
    why = "screen readers go from heading to heading (WCAG 1.3.1)"
    if len(first) != 1:
        what = f"the mail has {len(first)} headings of the first level"
        mend = "put the title, and nothing else, in an h1"
        places = [placing.element(page, one) for one in first[1:]] or [_lacking(page, placing, headings)]
        for where in dict.fromkeys(places):
            yield Finding(Severity.WARNING, where, what, mend, "heading-first", why)
    before = 0
    for one in headings:
        level = int(str(one.tag)[1])
        if level > before + 1 and before:
            what = f"a heading of level {level} follows one of level {before}"
            mend = f"make it an h{before + 1}"
            yield Finding(Severity.WARNING, placing.element(page, one), what, mend, "heading-jump", why)
        elif not words_of(one):
            yield Finding(
                Severity.WARNING, placing.element(page, one), "a heading is empty", "take it out", "heading-empty"
            )
        before = level


def _lacking(page: Page, placing: Placing, headings: list[Element]) -> str:
    """Point at the first heading where none is of the first level: it is the one that should be."""
    return placing.element(page, headings[0]) if headings else placing.whole


def _language(page: Page, placing: Placing, model: MailModel) -> Iterator[Finding]:
    said = page.root.get("lang", "")
    where = placing.tag("mjml")
    mend = 'write <mjml lang="{{ language }}">'
    why = "a screen reader reads Dutch with an English voice otherwise (WCAG 3.1.1)"
    if not _LANGUAGE.match(said) or said == "und":
        yield Finding(Severity.ERROR, where, f"lang={said!r} names no language", mend, "language", why)
    elif said.split("-")[0] != model.language.split("-")[0]:
        what = f"the mail says it is in {said!r}, the campaign is in {model.language!r}"
        yield Finding(Severity.ERROR, where, what, mend, "language", why)
    elif (read := _read_as(words_of(page.root))) and read != said.split("-")[0]:
        what = f"the mail says it is in {said!r} and reads like {read!r}"
        yield Finding(
            Severity.WARNING, where, what, "set the campaign's language, or write the texts in it", "language-read"
        )


def _read_as(text: str) -> str | None:
    """Return the language whose commonest words a text is full of, if one is clearly ahead."""
    words = re.findall(r"[a-zà-ÿ]+", text.lower())
    counts = sorted(((sum(word in common for word in words), name) for name, common in _COMMON.items()), reverse=True)
    (most, name), (second, _) = counts[0], counts[1]
    return name if most >= 20 and most > 2 * second else None


def _same_site(address: str, own: str) -> bool:
    return address.split("/")[2:3] == own.split("/")[2:3]

"""A rendered page as a tree: what a mail program other than Outlook for Windows shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree.ElementTree import Element

from outreach.emails.checking.elements import VOID
from outreach.emails.checking.places import ATTRIBUTE, CLASS, Places

_SPACE = re.compile(r"[\s\u00a0\u200b\u200c\u034f\u00ad]+")
_SILENT = ("style", "script", "title", "head")


class Page:
    """The elements of a page in order, each with what it stands in and where it comes from."""

    def __init__(self, html: str, places: Places | None = None) -> None:
        self.places = places
        builder = _Builder()
        builder.feed(html)
        builder.close()
        self.root = builder.root
        self.parents = builder.parents
        self.sheets = builder.sheets

    def elements(self, *names: str) -> Iterator[Element]:
        """Yield the elements of these names (all without), in order."""
        for element in self.root.iter():
            if not names or element.tag in names:
                yield element

    def around(self, element: Element) -> Iterator[Element]:
        """Yield an element and what it stands in, from the inside out."""
        one: Element | None = element
        while one is not None:
            yield one
            one = self.parents.get(one)

    def place(self, element: Element) -> str | None:
        """Return where in the template an element is written, or what it is written in."""
        return next((place for one in self.around(element) if (place := self.own_place(one))), None)

    def own_place(self, element: Element) -> str | None:
        """Return where an element is written, if the template writes it itself."""
        return self.places.of(_number(element)) if self.places else None

    def default(self, element: Element, attribute: str) -> str | None:
        """Return where <mj-attributes> says an attribute of the tag that an element comes from, if it does."""
        if self.places is None:
            return None
        number = next((found for one in self.around(element) if (found := _number(one))), None)
        return self.places.default(number, attribute)

    def tag(self, element: Element) -> str | None:
        """Return the name of the template's tag that an element comes from."""
        if self.places is None:
            return None
        return next((tag for one in self.around(element) if (tag := self.places.tag(_number(one)))), None)


def _number(element: Element) -> str | None:
    found = CLASS.findall(element.get("class", ""))
    return element.get(ATTRIBUTE) or (found[-1] if found else None)


def words_of(element: Element) -> str:
    """Return all that an element says, alt texts too, with single spaces."""
    return squeezed("".join(_said(element)))


def own_words(element: Element) -> str:
    """Return what an element says itself, without the elements in it."""
    if element.tag in _SILENT:
        return ""
    return squeezed(" ".join([element.text or "", *(child.tail or "" for child in element)]))


def squeezed(text: str) -> str:
    """Return a text with single plain spaces."""
    return _SPACE.sub(" ", text).strip()


def _said(element: Element) -> Iterator[str]:
    if element.tag in _SILENT:
        return
    if element.tag == "img":
        yield f" {element.get('alt', '')} "
    yield element.text or ""
    for child in element:
        inline = child.tag in ("a", "b", "i", "em", "strong", "span", "u", "s", "small", "sub", "sup", "code", "abbr")
        yield "" if inline else " "
        yield from _said(child)
        yield "" if inline else " "
        yield child.tail or ""


class _Builder(HTMLParser):
    """Builds the tree without recursion; end tags that match nothing are passed over."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("html")
        self.stack = [self.root]
        self.parents: dict[Element, Element] = {}
        self.sheets: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.root.attrib.update(values)
            return
        element = Element(tag, values)
        self.parents[element] = self.stack[-1]
        self.stack[-1].append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID and tag != "html":
            self.stack.pop()

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self.stack) - 1, 0, -1):
            if self.stack[depth].tag == tag:
                del self.stack[depth:]
                return

    def handle_data(self, data: str) -> None:
        top = self.stack[-1]
        if top.tag == "style":
            self.sheets.append((data, top.get("media", "")))
        if len(top):
            top[-1].tail = (top[-1].tail or "") + data
        else:
            top.text = (top.text or "") + data

"""The markup of a masked template, tag by tag with its place, whatever is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from outreach.emails.checking.masking import EXPRESSION, GAP

_NEXT = re.compile(r"<!--|<!\w[^<>]*>|</?[A-Za-z]|<")
_NAME = re.compile(r"[A-Za-z][\w:.-]*")
_SPACE = re.compile(rf"[\s{GAP}]*")
_ATTRIBUTE = re.compile(r"[^\s=<>\"'/\ue003]+")
_UNQUOTED = re.compile(r"[^\s<>\"']*")
# What holds no markup, up to its own end.
_OPAQUE = frozenset(["mj-style", "style", "script"])


@dataclass(frozen=True)
class Attribute:
    """An attribute as written; `at` is where its name begins, `value_at` where its value does."""

    name: str
    value: str
    at: int
    value_at: int

    @property
    def dynamic(self) -> bool:
        """Tell whether Jinja makes some of the value."""
        return EXPRESSION in self.value or GAP in self.value


@dataclass(frozen=True)
class Tag:
    """A tag: `closing` is `</x>`, `empty` is `<x />`."""

    name: str
    start: int
    end: int
    attributes: tuple[Attribute, ...]
    closing: bool = False
    empty: bool = False

    def get(self, name: str) -> Attribute | None:
        return next((one for one in self.attributes if one.name.lower() == name), None)


@dataclass(frozen=True)
class Words:
    """A run of text between tags."""

    start: int
    end: int


@dataclass(frozen=True)
class Broken:
    """Markup that can't be read, and what is wrong with it."""

    start: int
    what: str
    mend: str


Piece = Tag | Words | Broken


def pieces(text: str) -> Iterator[Piece]:
    """Yield the tags, texts and broken places of a masked text, in order."""
    at = 0
    while found := _NEXT.search(text, at):
        if found.start() > at:
            yield Words(at, found.start())
        start = found.start()
        if found[0] == "<!--":
            end = text.find("-->", start + 4)
            if end < 0:
                yield Broken(start, "a comment is opened and never closed", "write --> where it ends")
            at = end + 3 if end >= 0 else len(text)
        elif found[0].startswith("<!"):
            at = found.end()
        elif found[0] == "<":
            yield Broken(start, "a '<' that opens no tag", "write &lt; for the sign")
            at = start + 1
        else:
            tag, faults = _tag(text, start)
            yield from faults
            yield tag
            at = tag.end
            if tag.name.lower() in _OPAQUE and not tag.closing and not tag.empty:
                end = text.find(f"</{tag.name}", at)
                at = end if end >= 0 else len(text)
                yield Words(tag.end, at)
    if at < len(text):
        yield Words(at, len(text))


def _tag(text: str, start: int) -> tuple[Tag, list[Broken]]:
    closing = text.startswith("</", start)
    named = _NAME.match(text, start + 1 + closing)
    assert named is not None
    name, at = named[0], named.end()
    attributes: list[Attribute] = []
    faults: list[Broken] = []
    while True:
        spaced = _SPACE.match(text, at)
        at = spaced.end() if spaced else at
        if text.startswith("/>", at):
            return Tag(name, start, at + 2, tuple(attributes), closing, True), faults
        if text.startswith(">", at):
            return Tag(name, start, at + 1, tuple(attributes), closing), faults
        if at >= len(text) or text[at] == "<":
            faults.append(Broken(start, f"the tag <{name}> is never finished", "write > at its end"))
            return Tag(name, start, at, tuple(attributes), closing), faults
        at = _attribute(text, at, name, attributes, faults)


def _attribute(text: str, at: int, tag: str, attributes: list[Attribute], faults: list[Broken]) -> int:
    """Read one attribute, or step over what is none; return where to go on."""
    named = _ATTRIBUTE.match(text, at)
    if named is None:
        faults.append(Broken(at, f"{text[at]!r} doesn't belong in <{tag}>", "look at the quotes before it"))
        return at + 1
    name, begin = named[0], named.end()
    if EXPRESSION in name:
        return begin
    if not text.startswith("=", begin):
        attributes.append(Attribute(name, "", at, begin))
        if tag.startswith("mj"):
            faults.append(Broken(at, f"the attribute {name!r} of <{tag}> has no value", 'write name="value"'))
        return begin
    quote = text[begin + 1 : begin + 2]
    if quote not in ('"', "'"):
        value = _UNQUOTED.match(text, begin + 1)
        assert value is not None
        faults.append(Broken(at, f"the value of {name!r} in <{tag}> has no quotes", f'write {name}="…"'))
        return value.end()
    end = text.find(quote, begin + 2)
    value_text = text[begin + 2 : end] if end >= 0 else text[begin + 2 :]
    if end < 0 or "<" in value_text or (value_text.rstrip().endswith("=") and "://" not in value_text):
        faults.append(Broken(at, f"the quotes of {name!r} in <{tag}> are never closed", f'write {name}="…"'))
        stop = re.compile(r"[\s<>]").search(text, begin + 2)
        return stop.start() if stop else len(text)
    attributes.append(Attribute(name, value_text, at, begin + 2))
    return end + 1

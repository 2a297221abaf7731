"""Where in the template a piece of the rendered page comes from.

A copy of the template carries a number in each of its tags, as `data-at` or as a class; it goes through Jinja and MJML
like the template itself, and each element of the page that comes out names the tag it stands for. A value that MJML
takes from <mj-attributes> comes from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from outreach.emails.checking import styles
from outreach.emails.checking.markup_source import Broken, Tag, Words, pieces
from outreach.emails.checking.masking import Masked, mask
from outreach.emails.templates import TemplateSource

ATTRIBUTE = "data-at"
CLASS = re.compile(r"(?:^|\s)at-(\d+)(?=\s|$)")
_CLASSED = re.compile(
    r"mj-(?:body|wrapper|section|column|group|hero|text|button|image|table|divider|spacer|social|social-element|navbar|"
    r"navbar-link|accordion|accordion-element|accordion-title|accordion-text|carousel|carousel-image)\Z"
)
_JINJA = re.compile("[\ue002\ue003]")


@dataclass(frozen=True)
class Numbered:
    """A tag that has a number: where it is, its name, its attributes and classes."""

    place: str
    name: str
    attributes: frozenset[str]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Notes:
    """What is learnt while numbers are put in: the tags, the rules of sheets, and the defaults of <mj-attributes>.

    Defaults are kept by component (`.name` for a class) and attribute.
    """

    tags: list[Numbered] = field(default_factory=list)
    rules: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    defaults: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Places:
    """A template with numbers in it, and what each number stands for; and where each rule of its sheets is."""

    template: TemplateSource
    notes: Notes
    whole: str

    @property
    def rules(self) -> dict[tuple[str, str, str, str], str]:
        return self.notes.rules

    def of(self, number: str | None) -> str | None:
        """Return `file:line:column` of a number."""
        return self.notes.tags[int(number)].place if self._known(number) else None

    def tag(self, number: str | None) -> str | None:
        """Return the name of the tag that has a number."""
        return self.notes.tags[int(number)].name if self._known(number) else None

    def default(self, number: str | None, attribute: str) -> str | None:
        """Return where <mj-attributes> gives the tag of a number an attribute that it doesn't have itself."""
        if not self._known(number):
            return None
        tag = self.notes.tags[int(number)]
        if attribute in tag.attributes or not tag.name.startswith("mj-"):
            return None
        homes = (*(f".{name}" for name in reversed(tag.classes)), tag.name, "mj-all")
        return next((place for home in homes if (place := self.notes.defaults.get((home, attribute)))), None)

    def _known(self, number: str | None) -> TypeGuard[str]:
        return number is not None and number.isdecimal() and int(number) < len(self.notes.tags)


def numbered(template: TemplateSource) -> Places:
    """Put numbers into a copy of a template."""
    notes = Notes()
    texts: dict[str, str] = {}
    for part in ("body.mjml", *(name for name in template.parts if name.endswith(".mjml"))):
        loaded = template.loadable(part)
        if loaded is not None:
            texts[part] = _numbered(loaded[0], loaded[1] or part, notes)
    parts = {name: texts.get(name, text) for name, text in template.parts.items()}
    copy = replace(template, body_mjml=texts.get("body.mjml", template.body_mjml), parts=parts)
    return Places(copy, notes, template.file("body.mjml"))


def _numbered(text: str, file: str, notes: Notes) -> str:
    masked = mask(text)
    found = list(pieces(masked.text))
    if any(isinstance(piece, Broken) for piece in found):
        return text
    for at, new in reversed(list(_insertions(found, masked, file, notes))):
        text = text[:at] + new + text[at:]
    return text


def _insertions(
    found: list[Tag | Words | Broken], masked: Masked, file: str, notes: Notes
) -> Iterator[tuple[int, str]]:
    shared = opened = None
    for piece in found:
        if isinstance(piece, Words) and opened == "mj-style":
            _note_rules(masked, piece, file, notes.rules)
        opened = None
        if not isinstance(piece, Tag):
            continue
        if piece.name == "mj-attributes":
            shared = not piece.closing
        if shared and not piece.closing:
            _note_defaults(masked, piece, file, notes.defaults)
        if piece.closing or shared:
            continue
        opened = piece.name
        number = len(notes.tags)
        if not piece.name.startswith("mj"):
            yield piece.start + 1 + len(piece.name), f' {ATTRIBUTE}="{number}"'
        elif _CLASSED.match(piece.name):
            classes = piece.get("css-class")
            if classes is not None:
                yield classes.value_at + len(classes.value), f" at-{number}"
            else:
                yield piece.start + 1 + len(piece.name), f' css-class="at-{number}"'
        else:
            continue
        line, column = masked.place(piece.start)
        own, styled = frozenset(one.name for one in piece.attributes), piece.get("mj-class")
        named = tuple(styled.value.split()) if styled else ()
        notes.tags.append(Numbered(f"{file}:{line}:{column}", piece.name, own, named))


def _note_defaults(masked: Masked, tag: Tag, file: str, defaults: dict[tuple[str, str], str]) -> None:
    name = tag.get("name")
    home = f".{name.value}" if tag.name == "mj-class" and name else tag.name
    for one in tag.attributes:
        line, column = masked.place(one.at)
        defaults[home, one.name] = f"{file}:{line}:{column}"


def _note_rules(masked: Masked, words: Words, file: str, rules: dict[tuple[str, str, str, str], str]) -> None:
    sheet = _JINJA.sub(" ", masked.text[words.start : words.end])
    for one in styles.sheet_declarations(sheet):
        line, column = masked.place(words.start + one.at)
        rules[one.media, one.selector, one.name, one.value] = f"{file}:{line}:{column}"
